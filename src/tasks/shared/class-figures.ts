/**
 * @module Figures of a classification beyond a single threshold: areas under curves, and operating points.
 */
import type { TensorData } from "../../graph/index.js";
import type { Metrics } from "../../metrics/index.js";
import { areaUnderRoc, averagePrecision, precisionRecallCurve } from "../../metrics/index.js";
import type { OperatingPoint } from "../../run/run-folder.js";
import { operatingPoints } from "./operating-points.js";
import { rowsOf, softmaxRow } from "./softmax.js";

/** The largest number of classes for which the scores of all examples are kept. */
const MOST_CLASSES = 20;

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
