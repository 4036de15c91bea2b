/**
 * @module Metrics: values gathered batch by batch, one figure at the end. The parts that all metrics share:
 * reading scores and targets, and turning scores into probabilities.
 */
import type { TensorData } from "../graph/index.js";
import { elementAt } from "../graph/index.js";
import { DataError, ShapeError } from "../util/errors.js";

/** Gathers batches; `result` may be asked for at any time. Fractions are 0…1. */
export interface Metric {
  readonly higherIsBetter: boolean;
  /**
   * Shapes: classification: prediction [N, K] (or [N, T, K]; [N] or [N, 1] for one logit of two classes), target [N] (or [N, T])
   * of class indices. Regression: prediction and target of the same shape.
   */
  update(prediction: TensorData, target: TensorData): void;
  /** NaN before the first example, or where the figure is not defined. */
  result(): number;
  reset(): void;
}

/** Options of a metric: whether it gets logits or probabilities, and a label that does not count. */
export interface MetricOptions {
  /** The kind of predictions. Only metrics that read probabilities care. */
  readonly from?: "logits" | "probabilities";
  /** Examples with this target count for nothing: padding. */
  readonly ignoreIndex?: number;
}

/** Measured values by name. */
export type Metrics = Readonly<Record<string, number>>;

/** Makes a metric: `accuracy`, `topKAccuracy(5)`. A fresh one for each evaluation. */
export type MetricFactory = (options?: MetricOptions) => Metric;

/** One example's view: scores of all classes and the true class. The array is reused from call to call. */
export type VisitExample = (scores: Float64Array, target: number) => void;

/** Visits the examples of a classification batch. ShapeError, DataError if shapes or targets do not fit. */
export function forEachExample(prediction: TensorData, target: TensorData, options: MetricOptions, visit: VisitExample): void {
  const rows = target.data.length;
  const width = rows === 0 ? 0 : prediction.data.length / rows;
  const { shape } = prediction;
  const single = width === 1;
  if (!Number.isInteger(width) || (!single && shape.at(-1) !== width))
    throw new ShapeError(`metric: expected scores [N, K] for targets [${target.shape.join(", ")}], got [${shape.join(", ")}]`);
  const classes = single ? 2 : width;
  const scores = new Float64Array(classes);
  for (let i = 0; i < rows; i++) {
    const label = elementAt(target, i);
    if (label === options.ignoreIndex) continue;
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new DataError(`metric: target ${i + 1}: expected a class in 0 … ${classes - 1}, got ${label}`);
    if (single) {
      // One logit z is the same as two of 0 and z; one probability p as two of 1 − p and p.
      const z = elementAt(prediction, i);
      scores[0] = options.from === "probabilities" ? 1 - z : 0;
      scores[1] = z;
    } else for (let k = 0; k < classes; k++) scores[k] = elementAt(prediction, i * classes + k);
    visit(scores, label);
  }
}

/** Probabilities from what the model gives, in place. */
export function toProbabilities(scores: Float64Array, options: MetricOptions): Float64Array {
  if (options.from === "probabilities") return scores;
  let largest = -Infinity;
  for (const s of scores) largest = Math.max(largest, s);
  let sum = 0;
  for (let k = 0; k < scores.length; k++) {
    const e = Math.exp((scores[k] as number) - largest);
    scores[k] = e;
    sum += e;
  }
  for (let k = 0; k < scores.length; k++) scores[k] = (scores[k] as number) / sum;
  return scores;
}

/** The mean of a figure per example. */
export const exampleMean =
  (higherIsBetter: boolean, figure: (scores: Float64Array, label: number, options: MetricOptions) => number): MetricFactory =>
  (options = {}) => {
    let sum = 0;
    let count = 0;
    return {
      higherIsBetter,
      update(prediction, target) {
        forEachExample(prediction, target, options, (scores, label) => {
          sum += figure(scores, label, options);
          count++;
        });
      },
      result: () => (count === 0 ? Number.NaN : sum / count),
      reset() {
        sum = 0;
        count = 0;
      },
    };
  };
