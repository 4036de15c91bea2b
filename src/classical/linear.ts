/**
 * @module The base of linear models: weights and a bias for each output, found by L-BFGS on a loss of the outputs and a ridge on the weights.
 */
import type { LbfgsOptions } from "./l-bfgs.js";
import { minimize } from "./l-bfgs.js";
import type { Matrix } from "./matrix.js";
import { addTransposed, columnMoments, project } from "./matrix.js";

/** Outputs X·Wᵀ + b. */
export interface LinearModel {
  /** [K, F]. */
  readonly weights: Float64Array;
  /** [K]. */
  readonly bias: Float64Array;
  readonly iterations: number;
  readonly converged: boolean;
}

/** The loss of one row: its value, and its derivatives in place of the outputs. */
export type RowLoss = (outputs: Float64Array, row: number) => number;

export interface LinearOptions extends LbfgsOptions {
  /** Weight of the loss against the ridge: 1/λ. */
  readonly C?: number;
}

/**
 * argmin ½·|W|² + C·Σ loss(W·xᵢ + b), divided by C·N, so that the tolerance means the same for any number of rows.
 *
 * `ridgeOnBias` counts b among the weights, as liblinear does.
 *
 * The search runs over V and c with W = V·diag(s), b = c − W·m, where m are the columns' means and 1/s² their variances with the ridge: the same minimum, in
 * coordinates in which no column is steeper than another and none leans on the bias.
 */
export function fitLinear(
  x: Matrix,
  outputs: number,
  loss: RowLoss,
  { C = 1, ridgeOnBias = false, ...options }: LinearOptions & { readonly ridgeOnBias?: boolean },
): LinearModel {
  const { rows, columns } = x;
  const size = outputs * columns;
  const scores = new Float64Array(rows * outputs);
  const own = new Float64Array(outputs);
  const ridge = 1 / (C * rows);
  const { means, variances } = columnMoments(x);
  const scales = variances.map((variance) => 1 / Math.sqrt(variance + ridge));
  /** W and b of V and c. */
  const linearOf = (parameters: Float64Array): Float64Array => {
    const linear = parameters.slice();
    for (let k = 0; k < outputs; k++) {
      let shift = 0;
      for (let j = 0, p = k * columns; j < columns; j++, p++) {
        const w = (parameters[p] as number) * (scales[j] as number);
        linear[p] = w;
        shift += w * (means[j] as number);
      }
      linear[size + k] = (parameters[size + k] as number) - shift;
    }
    return linear;
  };
  const objective = (parameters: Float64Array, gradient: Float64Array): number => {
    const linear = linearOf(parameters);
    project(x, linear.subarray(0, size), linear.subarray(size), scores);
    let value = 0;
    gradient.fill(0);
    for (let i = 0, at = 0; i < rows; i++, at += outputs) {
      for (let k = 0; k < outputs; k++) own[k] = scores[at + k] as number;
      value += loss(own, i);
      for (let k = 0; k < outputs; k++) {
        const r = own[k] as number;
        scores[at + k] = r;
        gradient[size + k] = (gradient[size + k] as number) + r;
      }
    }
    addTransposed(x, scores, outputs, gradient);
    value /= rows;
    for (let p = 0; p < linear.length; p++) {
      const w = p < size || ridgeOnBias ? (linear[p] as number) : 0;
      value += (ridge / 2) * w * w;
      gradient[p] = (gradient[p] as number) / rows + ridge * w;
    }
    for (let k = 0; k < outputs; k++) {
      const ofBias = gradient[size + k] as number;
      for (let j = 0, p = k * columns; j < columns; j++, p++)
        gradient[p] = (scales[j] as number) * ((gradient[p] as number) - (means[j] as number) * ofBias);
    }
    return value;
  };
  const { x: best, iterations, converged } = minimize(objective, new Float64Array(size + outputs), options);
  const found = linearOf(best);
  return { weights: found.slice(0, size), bias: found.slice(size), iterations, converged };
}
