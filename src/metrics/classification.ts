/**
 * @module Metrics of classification. Checked against scikit-learn 1.9 in metrics.test.ts.
 */
import type { Metric, MetricFactory, MetricOptions } from "./metric.js";
import { exampleMean, forEachExample, toProbabilities } from "./metric.js";
import type { TensorData } from "../graph/index.js";
import { argMax } from "../util/vectors.js";

/** Precision, recall and F1 of one class, and how many examples have it. */
export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

/** Everything that a confusion matrix says. Averages of classes that neither occur nor are predicted leave those out. */
export interface ClassificationReport {
  readonly accuracy: number;
  readonly perClass: readonly ClassScores[];
  readonly macro: ClassScores;
  readonly micro: ClassScores;
  /** Averaged by support. */
  readonly weighted: ClassScores;
  /** matrix[true class][predicted class], in examples. */
  readonly matrix: readonly (readonly number[])[];
}

/** 0 where there is nothing to divide by, as scikit-learn with zero_division=0. */
const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

const f1Of = (precision: number, recall: number): number => ratio(2 * precision * recall, precision + recall);

/** Pairs of classes as one number: class indices stay below it, and products of two within the whole numbers of a float64. */
const MOST_CLASSES = 2 ** 26;

/**
 * Counts of (true class, predicted class), and the figures that follow from them. Memory goes with the pairs that occur, not with the classes squared.
 *
 * @example
 * import { toTensorData } from "descentjs";
 * import { ConfusionMatrix } from "descentjs/metrics";
 * const matrix = new ConfusionMatrix();
 * matrix.update(toTensorData([[2, 1], [0, 1], [3, 0]]), toTensorData([0, 1, 1], "int64"));
 * console.log(matrix.matrix); // [ [ 1, 0 ], [ 1, 1 ] ]
 */
export class ConfusionMatrix {
  readonly #options: MetricOptions;
  readonly #cells = new Map<number, number>();
  #size = 0;
  #total = 0;

  constructor(options: MetricOptions = {}) {
    this.#options = options;
  }

  update(prediction: TensorData, target: TensorData): void {
    forEachExample(prediction, target, this.#options, (scores, label) => {
      this.#size = Math.max(this.#size, scores.length);
      // A score that is NaN wins no comparison; argMax then gives class 0, and the loss tells of it.
      this.add(label, argMax(scores));
    });
  }

  /** Counts one example. */
  add(trueClass: number, predictedClass: number): void {
    this.#size = Math.max(this.#size, trueClass + 1, predictedClass + 1);
    const cell = trueClass * MOST_CLASSES + predictedClass;
    this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + 1);
    this.#total++;
  }

  reset(): void {
    this.#cells.clear();
    this.#size = 0;
    this.#total = 0;
  }

  /** matrix[true class][predicted class]. */
  get matrix(): number[][] {
    const matrix = Array.from({ length: this.#size }, () => new Array<number>(this.#size).fill(0));
    for (const [cell, count] of this.#cells) (matrix[Math.floor(cell / MOST_CLASSES)] as number[])[cell % MOST_CLASSES] = count;
    return matrix;
  }

  report(): ClassificationReport {
    const [support, predicted, hits] = this.#sums();
    let correct = 0;
    const perClass = Array.from(support, (of, k): ClassScores => {
      const hit = hits[k] as number;
      correct += hit;
      const [precision, recall] = [ratio(hit, predicted[k] as number), ratio(hit, of)];
      return { precision, recall, f1: f1Of(precision, recall), support: of };
    });
    const accuracy = this.#total === 0 ? Number.NaN : correct / this.#total;
    const average = (weight: (scores: ClassScores, k: number) => number): ClassScores => {
      const sum = perClass.reduce((total, scores, k) => total + weight(scores, k), 0);
      const mean = (of: (scores: ClassScores) => number): number =>
        perClass.reduce((total, scores, k) => total + (weight(scores, k) / sum) * of(scores), 0);
      return { precision: mean((s) => s.precision), recall: mean((s) => s.recall), f1: mean((s) => s.f1), support: this.#total };
    };
    const dense = (): number[][] => this.matrix;
    return {
      accuracy,
      perClass,
      macro: this.#total === 0 ? NOTHING : average((s, k) => (s.support + (predicted[k] as number) > 0 ? 1 : 0)),
      // With one label per example every false positive is another class's false negative: all three are the accuracy.
      micro: { precision: accuracy, recall: accuracy, f1: accuracy, support: this.#total },
      weighted: this.#total === 0 ? NOTHING : average((scores) => scores.support),
      get matrix() {
        return dense();
      },
    };
  }

  /** By class: its examples, its predictions, and those of them that are right. */
  #sums(): readonly [support: Float64Array, predicted: Float64Array, hits: Float64Array] {
    const [support, predicted, hits] = [0, 1, 2].map(() => new Float64Array(this.#size)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    for (const [cell, count] of this.#cells) {
      const [k, other] = [Math.floor(cell / MOST_CLASSES), cell % MOST_CLASSES];
      support[k] = (support[k] as number) + count;
      predicted[other] = (predicted[other] as number) + count;
      if (k === other) hits[k] = (hits[k] as number) + count;
    }
    return [support, predicted, hits];
  }
}

const NOTHING: ClassScores = { precision: Number.NaN, recall: Number.NaN, f1: Number.NaN, support: 0 };

const fromMatrix =
  (pick: (report: ClassificationReport) => number): MetricFactory =>
  (options = {}) => {
    const matrix = new ConfusionMatrix(options);
    return {
      higherIsBetter: true,
      update: (prediction, target) => matrix.update(prediction, target),
      result: () => pick(matrix.report()),
      reset: () => matrix.reset(),
    };
  };

/** Fraction of examples whose highest score is the true class's; of equal scores the first counts. */
export const accuracy: MetricFactory = fromMatrix((report) => report.accuracy);
/** Mean over classes of the fraction of a class's predictions that are right. */
export const macroPrecision: MetricFactory = fromMatrix((report) => report.macro.precision);
/** Mean over classes of the fraction of a class's examples that are found. */
export const macroRecall: MetricFactory = fromMatrix((report) => report.macro.recall);
/** Mean over classes of F1, the harmonic mean of precision and recall. */
export const macroF1: MetricFactory = fromMatrix((report) => report.macro.f1);
/** F1 over all decisions; with one label per example it is the accuracy. */
export const microF1: MetricFactory = fromMatrix((report) => report.micro.f1);
/** Mean over classes of F1, weighted by how many examples have the class. */
export const weightedF1: MetricFactory = fromMatrix((report) => report.weighted.f1);

/** Fraction of examples whose true class is among the k highest scores; of equal scores the first classes count. */
export const topKAccuracy = (k: number): MetricFactory =>
  exampleMean(true, (scores, label) => {
    const own = scores[label] as number;
    let before = 0;
    for (let c = 0; c < scores.length; c++) {
      const score = scores[c] as number;
      if (score > own || (score === own && c < label)) before++;
    }
    return before < k ? 1 : 0;
  });

/** Mean negative logarithm of the true class's probability (nats); probabilities are clipped at 2⁻⁵² as scikit-learn's. */
export const logLoss: MetricFactory = exampleMean(false, (scores, label, options) => {
  const p = toProbabilities(scores, options)[label] as number;
  return -Math.log(Math.max(p, Number.EPSILON));
});

/** The log loss with a weight wₖ for the examples of each class: Σ wₖ·loss / Σ wₖ, as the weighted cross-entropy. */
export const weightedLogLoss =
  (weights: readonly number[]): MetricFactory =>
  (options = {}) => {
    let [sum, total] = [0, 0];
    return {
      higherIsBetter: false,
      update(prediction, target) {
        forEachExample(prediction, target, options, (scores, label) => {
          const weight = weights[label] ?? 1;
          sum -= weight * Math.log(Math.max(toProbabilities(scores, options)[label] as number, Number.EPSILON));
          total += weight;
        });
      },
      result: () => (total === 0 ? Number.NaN : sum / total),
      reset() {
        [sum, total] = [0, 0];
      },
    };
  };

/** Area under the receiver operating characteristic of one score, positives against negatives; ties count half (Mann–Whitney). */
export function areaUnderRoc(scores: ArrayLike<number>, positive: ArrayLike<boolean | number>): number {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
  order.sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let rankSum = 0;
  let positives = 0;
  for (let i = 0; i < order.length;) {
    let j = i;
    let here = 0;
    const score = scores[order[i] as number];
    for (; j < order.length && scores[order[j] as number] === score; j++) if (positive[order[j] as number]) here++;
    if (j === i) return Number.NaN; // a score that is NaN equals nothing
    // Equal scores share the mean of ranks i + 1 … j.
    rankSum += (here * (i + 1 + j)) / 2;
    positives += here;
    i = j;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * Area under the receiver operating characteristic: exact, so every score is kept. Two classes: of class 1's probability.
 * More: the mean over classes of one against the rest (Hand and Till 2001 call it the class reference formulation).
 * NaN where a class has no example, or no counterexample.
 */
export const auroc: MetricFactory = (options = {}) => {
  let scoresOf: number[][] = [];
  let labels: number[] = [];
  return {
    higherIsBetter: true,
    update(prediction, target) {
      forEachExample(prediction, target, options, (scores, label) => {
        toProbabilities(scores, options);
        while (scoresOf.length < scores.length) scoresOf.push([]);
        for (const [k, score] of scores.entries()) scoresOf[k]?.push(score);
        labels.push(label);
      });
    },
    result() {
      const area = (k: number): number =>
        areaUnderRoc(
          scoresOf[k] as number[],
          labels.map((label) => label === k),
        );
      if (scoresOf.length <= 2) return scoresOf.length === 0 ? Number.NaN : area(1);
      return scoresOf.reduce((sum, _, k) => sum + area(k), 0) / scoresOf.length;
    },
    reset() {
      scoresOf = [];
      labels = [];
    },
  } satisfies Metric;
};
