/**
 * @module The common part of classification tasks: logits, their loss and metrics, and answers with probabilities.
 */
import type { Batch } from "../../data/index.js";
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import { crossEntropy } from "../../losses/index.js";
import type { ClassificationReport } from "../../metrics/index.js";
import { ConfusionMatrix, logLoss, topKAccuracy } from "../../metrics/index.js";
import type { Layer } from "../../graph/index.js";
import type { Module } from "../../nn/index.js";
import type { Metrics } from "../../metrics/index.js";
import type { Answer, ColumnTypes, Explained, Measurement, TaskInfo, TaskOptions, Tensors } from "../task.js";

/** Explanations of a classification: the logit of a class. */
export const explainedClasses = <I extends TaskInfo & { readonly classes: readonly string[] }>(
  kind: Explained<I>["kind"],
): Explained<I> => ({
  kind,
  scores: (outputs) => outputs["logits"] as Tensor,
  labels: ({ classes }) => classes,
});

/** Softmax of one row of logits. */
export function softmaxRow(logits: Float64Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = logits.map((x) => Math.exp(x - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((x) => x / sum);
}

/** Rows of a matrix [N, K]. */
export function rowsOf(matrix: TensorData): Float64Array[] {
  const [rows = 0, columns = 0] = matrix.shape;
  const numbers = toNumbers(matrix);
  return Array.from({ length: rows }, (_, i) => numbers.subarray(i * columns, (i + 1) * columns));
}

/** A model of one input and one output, which classifiers and regressors are. */
const applyModel = (model: Module, features: Tensor): Tensor => (model as Module & Layer).forward(features);

export const logitsOf = (model: Module, features: Tensor): Tensors => ({ logits: applyModel(model, features) });

/** The column that a classification compares with: class indices. */
export const labelTypes = (_context: unknown, batch: Dim): ColumnTypes => ({ label: { shape: [batch], dtype: "int32" } });

export const classificationLoss = (outputs: Tensors, batch: Tensors, { options }: { readonly options: TaskOptions }): Tensor =>
  crossEntropy(outputs["logits"] as Tensor, batch["label"] as Tensor, options);

/** Accuracy, macro F1, loss, and top 5 where there are more than 10 classes; the confusion matrix beside them. */
export class ClassificationMeasurement implements Measurement {
  readonly #confusion = new ConfusionMatrix();
  readonly #loss = logLoss();
  readonly #top5 = topKAccuracy(5)();
  readonly #classes: number;

  constructor(classes: number) {
    this.#classes = classes;
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const logits = outputs["logits"] as TensorData;
    const label = batch["label"] as TensorData;
    this.#confusion.update(logits, label);
    this.#loss.update(logits, label);
    if (this.#classes > 10) this.#top5.update(logits, label);
  }

  result(): Metrics {
    const { accuracy, macro } = this.report();
    return {
      accuracy,
      macroF1: macro.f1,
      ...(this.#classes > 10 ? { top5Accuracy: this.#top5.result() } : {}),
      loss: this.#loss.result(),
    };
  }

  report(): ClassificationReport {
    return this.#confusion.report();
  }
}

/** The likeliest class (of equal ones the first), its probability, and all probabilities. */
function classAnswer(probabilities: Readonly<Record<string, number>>): Answer {
  const [label, score] = Object.entries(probabilities).reduce((best, each) => (each[1] > best[1] ? each : best));
  return { label, score, probabilities };
}

/** An answer for each row of logits. */
export const classAnswers = (outputs: Readonly<Record<string, TensorData>>, classes: readonly string[]): Answer[] =>
  rowsOf(outputs["logits"] as TensorData).map((row) => {
    const probabilities = softmaxRow(row);
    return classAnswer(Object.fromEntries(classes.map((name, k) => [name, probabilities[k] as number])));
  });
