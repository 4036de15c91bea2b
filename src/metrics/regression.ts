/**
 * @module Metrics of regression. Checked against scikit-learn 1.9 in metrics.test.ts.
 */
import type { Metric, MetricFactory } from "./metric.js";
import type { TensorData } from "../graph/index.js";
import { elementAt } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";

/** Visits pairs of predicted and true values. ShapeError if there are not equally many. */
function forEachPair(prediction: TensorData, target: TensorData, visit: (predicted: number, actual: number) => void): void {
  if (prediction.data.length !== target.data.length) {
    const shapes = `[${prediction.shape.join(", ")}] and [${target.shape.join(", ")}]`;
    throw new ShapeError(`metric: expected predictions and targets of one shape, got ${shapes}`);
  }
  for (let i = 0; i < target.data.length; i++) visit(elementAt(prediction, i), elementAt(target, i));
}

const meanOf =
  (figure: (difference: number) => number, finish: (mean: number) => number = (mean) => mean): MetricFactory =>
  () => {
    let sum = 0;
    let count = 0;
    return {
      higherIsBetter: false,
      update(prediction, target) {
        forEachPair(prediction, target, (predicted, actual) => {
          sum += figure(predicted - actual);
          count++;
        });
      },
      result: () => (count === 0 ? Number.NaN : finish(sum / count)),
      reset() {
        sum = 0;
        count = 0;
      },
    };
  };

/** Mean of (ŷ − y)². In the target's unit, squared. */
export const meanSquaredError: MetricFactory = meanOf((d) => d * d);
/** Square root of the mean squared error. In the target's unit. */
export const rootMeanSquaredError: MetricFactory = meanOf((d) => d * d, Math.sqrt);
/** Mean of |ŷ − y|. In the target's unit. */
export const meanAbsoluteError: MetricFactory = meanOf(Math.abs);

/** Median of |ŷ − y|, the mean of the two middle ones where they are even; every error is kept. In the target's unit. */
export const medianAbsoluteError: MetricFactory = () => {
  let errors: number[] = [];
  return {
    higherIsBetter: false,
    update: (prediction, target) =>
      forEachPair(prediction, target, (predicted, actual) => errors.push(Math.abs(predicted - actual))),
    result() {
      if (errors.length === 0) return Number.NaN;
      const sorted = Float64Array.from(errors).sort();
      const middle = sorted.length >> 1;
      const upper = sorted[middle] as number;
      return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
    },
    reset() {
      errors = [];
    },
  } satisfies Metric;
};

/**
 * Coefficient of determination, 1 − Σ(ŷ − y)² / Σ(y − ȳ)²: 1 is perfect, 0 as good as always saying the mean. The mean is
 * gathered by Welford's method (1962) from the first target on, so that large targets lose no digits. NaN where all targets are equal.
 */
export const r2: MetricFactory = () => {
  let [count, origin, mean, squares, errors] = [0, 0, 0, 0, 0];
  return {
    higherIsBetter: true,
    update(prediction, target) {
      forEachPair(prediction, target, (predicted, actual) => {
        if (count++ === 0) origin = actual;
        const y = actual - origin;
        const before = y - mean;
        mean += before / count;
        squares += before * (y - mean);
        errors += (predicted - actual) ** 2;
      });
    },
    result: () => (squares === 0 ? Number.NaN : 1 - errors / squares),
    reset() {
      [count, origin, mean, squares, errors] = [0, 0, 0, 0, 0];
    },
  } satisfies Metric;
};
