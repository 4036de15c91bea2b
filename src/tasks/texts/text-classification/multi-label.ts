/**
 * @module The common part of classification with several labels: sigmoids, their loss and metrics, and answers with the labels above a threshold.
 */
import type { Batch } from "../../../data/index.js";
import type { Dim, Tensor, TensorData } from "../../../graph/index.js";
import { toNumbers } from "../../../graph/index.js";
import { binaryCrossEntropyWithLogits } from "../../../losses/index.js";
import type { Metrics } from "../../../metrics/index.js";
import { rowsOf } from "../../shared/softmax.js";
import type { Answer, ColumnTypes, Measurement, Tensors } from "../../task.js";
import { meanOverWeights } from "../../shared/weighting.js";

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** A label is given where its probability is above this. */
export const THRESHOLD = 0.5;

/** The column that several labels are compared with: 1 where a row has the class, [N, K]. */
export const labelSetTypes = (classes: number, batch: Dim): ColumnTypes => ({
  labels: { shape: [batch, classes], dtype: "float32" },
});

export function labelSetLoss({ logits }: Tensors, { labels, weight }: Tensors): Tensor {
  if (weight === undefined) return binaryCrossEntropyWithLogits(logits as Tensor, labels as Tensor);
  const each = binaryCrossEntropyWithLogits(logits as Tensor, labels as Tensor, { reduction: "none" }).mean(1);
  return meanOverWeights(each, weight);
}

/** Returns the labels of a row, by their probabilities. */
export const labelsAbove = (probabilities: Readonly<Record<string, number>>, threshold: number = THRESHOLD): readonly string[] =>
  Object.entries(probabilities)
    .filter(([, p]) => p > threshold)
    .map(([label]) => label);

/** The labels above the threshold, and all probabilities, for each row of logits. */
export function labelSetAnswers(outputs: Readonly<Record<string, TensorData>>, classes: readonly string[]): Answer[] {
  return rowsOf(outputs["logits"] as TensorData).map((row) => {
    const probabilities = Object.fromEntries(classes.map((name, k) => [name, sigmoid(row[k] as number)]));
    return { labels: labelsAbove(probabilities), probabilities };
  });
}

/**
 * Micro and macro F1 over labels, the share of rows with exactly the right ones (`accuracy`), and the loss. Labels that neither occur
 * nor are predicted are left out of the macro average.
 */
export class LabelSetMeasurement implements Measurement {
  readonly #truePositives: Float64Array;
  readonly #predicted: Float64Array;
  readonly #support: Float64Array;
  #rows = 0;
  #exact = 0;
  #loss = 0;

  constructor(classes: number) {
    this.#truePositives = new Float64Array(classes);
    this.#predicted = new Float64Array(classes);
    this.#support = new Float64Array(classes);
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const classes = this.#support.length;
    const truth = toNumbers(batch["labels"] as TensorData);
    rowsOf(outputs["logits"] as TensorData).forEach((logits, i) => {
      let isExact = true;
      logits.forEach((x, k) => {
        const [has, given] = [(truth[i * classes + k] as number) > 0.5, sigmoid(x) > THRESHOLD];
        if (has) this.#support[k] = (this.#support[k] as number) + 1;
        if (given) this.#predicted[k] = (this.#predicted[k] as number) + 1;
        if (has && given) this.#truePositives[k] = (this.#truePositives[k] as number) + 1;
        isExact &&= has === given;
        this.#loss += Math.max(x, 0) - (has ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)));
      });
      if (isExact) this.#exact++;
      this.#rows++;
    });
  }

  result(): Metrics {
    const sum = (of: Float64Array): number => of.reduce((a, b) => a + b, 0);
    const f1 = (hits: number, predicted: number, support: number): number =>
      predicted + support === 0 ? 0 : (2 * hits) / (predicted + support);
    const counts = Array.from(this.#support, (support, k): [number, number, number] => [
      this.#truePositives[k] as number,
      this.#predicted[k] as number,
      support,
    ]).filter(([, predicted, support]) => predicted + support > 0);
    return {
      microF1: f1(sum(this.#truePositives), sum(this.#predicted), sum(this.#support)),
      macroF1: counts.reduce((total, each) => total + f1(...each), 0) / Math.max(1, counts.length),
      accuracy: this.#exact / this.#rows,
      loss: this.#loss / (this.#rows * this.#support.length),
    };
  }
}
