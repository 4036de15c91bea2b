/**
 * @module Figures of a classification beyond a single threshold: areas under curves, and operating points.
 */
import type { TensorData } from "../../graph/index.js";
import type { Metrics } from "../../metrics/index.js";
import { areaUnderRoc, averagePrecision, precisionRecallCurve } from "../../metrics/index.js";
import type { OperatingPoint } from "../../run/run-folder.js";
import { rowsOf, softmaxRow } from "./softmax.js";

/** The largest number of classes for which the scores of all examples are kept. */
const MOST_CLASSES = 20;

const WISHED = 0.9;
const f1Of = (precision: number, recall: number): number =>
  precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);

/**
 * Operating points of a class's scores: the best F1, the most recall with a precision of at least 0.9, the most precision with a recall of
 * at least 0.9; those that there are.
 */
export function operatingPoints(scores: ArrayLike<number>, positive: ArrayLike<boolean>): OperatingPoint[] {
  const { scores: thresholds, precision, recall } = precisionRecallCurve(scores, positive);
  const points = thresholds.map((threshold, i) => {
    const [p, r] = [precision[i] as number, recall[i] as number];
    return { threshold, precision: p, recall: r, f1: f1Of(p, r) };
  });
  const best = (name: string, of: (point: Omit<OperatingPoint, "name">) => number): OperatingPoint[] => {
    const found = points.reduce<(typeof points)[number] | undefined>(
      (top, point) => (of(point) > (top === undefined ? -Infinity : of(top)) ? point : top),
      undefined,
    );
    return found === undefined ? [] : [{ name, ...found }];
  };
  return [
    ...best("best F1", ({ f1 }) => f1),
    ...best(`precision ≥ ${WISHED}`, (point) => (point.precision >= WISHED ? point.recall : -Infinity)),
    ...best(`recall ≥ ${WISHED}`, (point) => (point.recall >= WISHED ? point.precision : -Infinity)),
  ];
}

/** Gathers the probabilities of all examples, of up to 20 classes. */
export class ClassFigures {
  readonly #classes: number;
  readonly #probabilities: number[][];
  readonly #labels: number[] = [];

  constructor(classes: number) {
    this.#classes = classes;
    this.#probabilities = Array.from({ length: classes <= MOST_CLASSES ? classes : 0 }, () => []);
  }

  update(logits: TensorData, label: TensorData): void {
    if (this.#probabilities.length === 0) return;
    for (const [i, row] of rowsOf(logits).entries()) {
      const probabilities = softmaxRow(row);
      for (const [k, of] of this.#probabilities.entries()) of.push(probabilities[k] as number);
      this.#labels.push(Number(label.data[i]));
    }
  }

  /** Two classes: the second against the first; more: means over the classes that occur; nothing if there is nothing to compare. */
  areas(): Metrics {
    if (this.#probabilities.length === 0) return {};
    const asked = this.#classes === 2 ? [1] : [...this.#probabilities.keys()];
    const each = asked.flatMap((k) => {
      const [scores, positive] = this.#against(k);
      const count = positive.filter(Boolean).length;
      if (count === 0 || count === positive.length) return [];
      return [{ roc: areaUnderRoc(scores, positive), precision: averagePrecision(precisionRecallCurve(scores, positive)) }];
    });
    if (each.length === 0) return {};
    const mean = (of: (areas: (typeof each)[number]) => number): number =>
      each.reduce((sum, areas) => sum + of(areas), 0) / each.length;
    const [roc, precision] = [mean(({ roc }) => roc), mean(({ precision }) => precision)];
    return this.#classes === 2
      ? { rocAuc: roc, averagePrecision: precision }
      : { macroRocAuc: roc, macroAveragePrecision: precision };
  }

  /** Operating points for the second of two classes; none for more classes. */
  points(): readonly OperatingPoint[] {
    return this.#classes === 2 && this.#probabilities.length === 2 ? operatingPoints(...this.#against(1)) : [];
  }

  #against(k: number): readonly [scores: readonly number[], positive: readonly boolean[]] {
    return [this.#probabilities[k] ?? [], this.#labels.map((label) => label === k)];
  }
}
