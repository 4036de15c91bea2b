/**
 * @module Calibration, the agreement of probabilities with frequencies: of the predictions made with 80 % confidence, are 80 % right?
 */
import type { MetricFactory, MetricOptions } from "./metric.js";
import { exampleMean, forEachExample, toProbabilities } from "./metric.js";
import type { TensorData } from "../graph/index.js";
import { argMax } from "../util/vectors.js";

/** Predictions whose confidence lies in (low, high]. */
export interface CalibrationBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean confidence and fraction that is right; NaN for an empty bin. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** Confidence against accuracy in bins of equal width: the data of a reliability diagram. */
export class CalibrationCurve {
  readonly #options: MetricOptions;
  readonly #counts: Float64Array;
  readonly #confidences: Float64Array;
  readonly #correct: Float64Array;

  constructor(bins = 15, options: MetricOptions = {}) {
    this.#options = options;
    this.#counts = new Float64Array(bins);
    this.#confidences = new Float64Array(bins);
    this.#correct = new Float64Array(bins);
  }

  update(prediction: TensorData, target: TensorData): void {
    const bins = this.#counts.length;
    forEachExample(prediction, target, this.#options, (scores, label) => {
      const best = argMax(toProbabilities(scores, this.#options));
      const confidence = scores[best] as number;
      const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
      this.#counts[bin] = (this.#counts[bin] as number) + 1;
      this.#confidences[bin] = (this.#confidences[bin] as number) + confidence;
      if (best === label) this.#correct[bin] = (this.#correct[bin] as number) + 1;
    });
  }

  reset(): void {
    for (const sums of [this.#counts, this.#confidences, this.#correct]) sums.fill(0);
  }

  get bins(): CalibrationBin[] {
    const n = this.#counts.length;
    return Array.from(this.#counts, (count, i) => ({
      low: i / n,
      high: (i + 1) / n,
      count,
      confidence: (this.#confidences[i] as number) / count,
      accuracy: (this.#correct[i] as number) / count,
    }));
  }

  /** Σ over bins of (count / N) · |accuracy − confidence|. */
  expectedError(): number {
    const total = this.#counts.reduce((a, b) => a + b, 0);
    if (total === 0) return Number.NaN;
    return this.bins.reduce((sum, b) => sum + (b.count === 0 ? 0 : (b.count / total) * Math.abs(b.accuracy - b.confidence)), 0);
  }
}

/**
 * Expected calibration error with 15 bins of equal width on the highest probability.
 *
 * Source: Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017, equation 5, arXiv:1706.04599.
 */
export const expectedCalibrationError: MetricFactory = (options = {}) => {
  const curve = new CalibrationCurve(15, options);
  return {
    higherIsBetter: false,
    update: (prediction, target) => curve.update(prediction, target),
    result: () => curve.expectedError(),
    reset: () => curve.reset(),
  };
};

/**
 * Mean squared distance between probabilities and the truth: Σ_k (p_k − y_k)², halved for two classes, which makes it
 * (p₁ − y)².
 *
 * Source: Brier, Verification of forecasts expressed in terms of probability, 1950, equation 2; halving as scikit-learn.
 */
export const brierScore: MetricFactory = exampleMean(false, (scores, label, options) => {
  let distance = 0;
  for (const [k, p] of toProbabilities(scores, options).entries()) distance += (p - (k === label ? 1 : 0)) ** 2;
  return scores.length === 2 ? distance / 2 : distance;
});
