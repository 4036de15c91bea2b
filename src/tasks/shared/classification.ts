/**
 * @module The common part of classification tasks: logits, their loss and metrics, and answers with probabilities.
 */
import type { Batch } from "../../data/index.js";
import type { Dim, Tensor, TensorData, Layer } from "../../graph/index.js";
import { crossEntropy } from "../../losses/index.js";
import type { ClassificationReport, Metric, Metrics } from "../../metrics/index.js";
import { ConfusionMatrix, logLoss, topKAccuracy, weightedLogLoss } from "../../metrics/index.js";
import type { Module } from "../../nn/index.js";
import type { Answer, ColumnTypes, Explained, Measurement, TaskInfo, TaskOptions, Tensors } from "../task.js";
import { ClassFigures } from "./class-figures.js";
import { rowsOf, softmaxRow } from "./softmax.js";
import type { ReportData } from "../../report/data.js";
import type { OperatingPoint } from "../../run/run-folder.js";
import type { WeightedClasses } from "./weighting.js";
import { meanOverWeights, weightsOfLabels } from "./weighting.js";

/** Explanations of a classification: the logit of a class. */
export const explainedClasses = <I extends TaskInfo & { readonly classes: readonly string[] }>(
  kind: Explained<I>["kind"],
): Explained<I> => ({
  kind,
  scores: (outputs) => outputs["logits"] as Tensor,
  labels: ({ classes }) => classes,
});

/** A model of one input and one output, which classifiers and regressors are. */
const applyModel = (model: Module, features: Tensor): Tensor => (model as Module & Layer).forward(features);

export const logitsOf = (model: Module, features: Tensor): Tensors => ({ logits: applyModel(model, features) });

/** The column that a classification compares with: class indices. */
export const labelTypes = (_context: unknown, batch: Dim): ColumnTypes => ({ label: { shape: [batch], dtype: "int32" } });

/** The cross-entropy of the labels, each example with the weights of its class and of itself, where there are any. */
export function classificationLoss(
  outputs: Tensors,
  batch: Tensors,
  { info, options }: { readonly info: WeightedClasses; readonly options: TaskOptions },
): Tensor {
  const { classWeights } = info;
  const { labelSmoothing } = options;
  const [logits, label, weight] = [outputs["logits"], batch["label"], batch["weight"]] as [Tensor, Tensor, Tensor | undefined];
  if (weight === undefined) return crossEntropy(logits, label, { labelSmoothing, classWeights });
  const each = classWeights === undefined ? weight : weight.mul(weightsOfLabels(classWeights, label));
  return meanOverWeights(crossEntropy(logits, label, { labelSmoothing, reduction: "none" }), each);
}

/** Classes of which a report has a row and a column each. */
const MOST_SHOWN = 200;

/** Accuracy, macro F1, loss, and top 5 where there are more than 10 classes; the confusion matrix and areas under curves beside them. */
export class ClassificationMeasurement implements Measurement {
  readonly #confusion = new ConfusionMatrix();
  readonly #loss: Metric;
  readonly #top5 = topKAccuracy(5)();
  readonly #classes: number;
  readonly #figures: ClassFigures;

  /** The loss weighs examples as training does, where its classes have weights. */
  constructor(classes: number, { classWeights }: WeightedClasses = {}) {
    this.#classes = classes;
    this.#loss = (classWeights === undefined ? logLoss : weightedLogLoss(classWeights))();
    this.#figures = new ClassFigures(classes);
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const logits = outputs["logits"] as TensorData;
    const label = batch["label"] as TensorData;
    this.#confusion.update(logits, label);
    this.#loss.update(logits, label);
    if (this.#classes > 10) this.#top5.update(logits, label);
    this.#figures.update(logits, label);
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

  details(): Metrics {
    const { perClass, macro } = this.report();
    const second = this.#classes === 2 ? perClass[1] : undefined;
    return {
      ...(second === undefined
        ? { macroPrecision: macro.precision, macroRecall: macro.recall }
        : { precision: second.precision, recall: second.recall, f1: second.f1 }),
      ...this.#figures.areas(),
    };
  }

  operatingPoints(): readonly OperatingPoint[] {
    return this.#figures.points();
  }

  report(): ClassificationReport {
    return this.#confusion.report();
  }

  /** The report's part on which class is taken for which; nothing where there are more classes than anybody would look through. */
  confusionOf(labels: readonly string[]): Pick<ReportData, "confusion"> {
    return labels.length > MOST_SHOWN ? {} : { confusion: { labels, counts: this.report().matrix } };
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
