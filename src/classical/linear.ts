/**
 * @module The base of linear models: weights and a bias for each output, found by L-BFGS on a loss of the outputs and a ridge on the weights.
 */
import type { LbfgsOptions } from "./l-bfgs.js";
import { minimize } from "./l-bfgs.js";
import type { Matrix } from "./matrix.js";
import { addTransposed, project } from "./matrix.js";

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
  const objective = (parameters: Float64Array, gradient: Float64Array): number => {
    const weights = parameters.subarray(0, size);
    project(x, weights, parameters.subarray(size), scores);
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
    for (let p = 0; p < parameters.length; p++) {
      const w = p < size || ridgeOnBias ? (parameters[p] as number) : 0;
      value += (ridge / 2) * w * w;
      gradient[p] = (gradient[p] as number) / rows + ridge * w;
    }
    return value;
  };
  const { x: found, iterations, converged } = minimize(objective, new Float64Array(size + outputs), options);
  return { weights: found.slice(0, size), bias: found.slice(size), iterations, converged };
}
