/**
 * @module Text classification on files: inputs cut, or read in overlapping windows, and the report.
 */
import { elementAt, toNumbers } from "../../../graph/index.js";
import { ClassificationMeasurement } from "../../shared/classification.js";
import { keepPretrained } from "../keep-pretrained-node.js";
import type { Judged, ShowExample } from "../../shared/judged-node.js";
import { classResult, judgeClasses, judgedExamples, judgeRows } from "../../shared/judged-node.js";
import { labelsAbove, sigmoid, THRESHOLD } from "./multi-label.js";
import { classCurves } from "../../shared/precision-recall-report.js";
import type { AnswerOptions, InputOptions, NamedInputs, NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { Answer } from "../../task.js";
import type { TextClassInfo } from "./info.js";
import { encodeTexts, lengthNotes, tokenizerOf } from "../texts.js";
import { viewOfText } from "../text-view.js";
import { keepTokenizer, readTextOptions, readTexts } from "../texts-node.js";
import { vectorSize, vectorWeights } from "../vectors-node.js";
import type { TrainedModel } from "../../trained-model.js";
import { inWindows, textAt } from "../../shared/windows.js";
import { argMax } from "../../../util/vectors.js";

/** Each text as one row, or, where it is longer than the model takes and a stride is given, as several that overlap. */
async function readInputs(model: TrainedModel, inputs: readonly string[], options: InputOptions): Promise<NamedInputs> {
  const info = inWindows(model.task, model.info as TextClassInfo, options.stride);
  const { textColumn, labelColumn } = info;
  // A table to answer may come without the column that is to be predicted.
  const schema = info.schema && { ...info.schema, fields: info.schema.fields.filter(({ name }) => name !== labelColumn) };
  const {
    texts,
    notes = [],
    ...read
  } = await readTexts(inputs, {
    ...options,
    schema,
    textColumn: options.textColumn ?? textColumn,
  });
  const examples = await encodeTexts(texts, info);
  return { ...read, examples, notes: [...notes, ...lengthNotes([examples], info, "--stride N reads them in windows")] };
}

/** Several labels of each row of the test part: how they were judged, and how they read. */
function judgeSets(sources: ReportSources): Promise<Judged[]> {
  const truth = sources.test.tensor("labels");
  return judgeRows(sources, (logits, row) => {
    const probabilities = logits.map(sigmoid);
    const has = (k: number): boolean => elementAt(truth, row * logits.length + k) > 0.5;
    const errors = [...probabilities].map((p, k) => Math.abs(p - (has(k) ? 1 : 0)));
    const predicted = argMax(probabilities);
    const correct = errors.every((_, k) => (probabilities[k] as number) > THRESHOLD === has(k));
    return { truth: predicted, predicted, probabilities, correct, weight: Math.max(...errors) };
  });
}

/** Writes several labels as one text. */
const setText = (names: readonly string[]): string => (names.length === 0 ? "–" : names.join(", "));

/** A test text as it was given, its tokens shaded by the sums over their vectors. */
function showText({ used, test, testRows }: ReportSources): ShowExample {
  const info = used.info as TextClassInfo;
  const texts = testRows?.texts(info.textColumn) ?? [];
  const truths = info.multiLabel ? toNumbers(test.tensor("labels")) : undefined;
  const namesOf = (has: (k: number) => boolean): string => setText(info.classes.filter((_, k) => has(k)));
  return async (j, { attribution, shape: [, width = 1] }) => {
    const text = texts[textAt(test, j.row)] ?? "";
    const { offsets } = await (await tokenizerOf(info)).encode(text, { maxLength: info.maxLength });
    const sums = Array.from({ length: offsets.length / 2 }, (_, t) =>
      attribution.subarray(t * width, (t + 1) * width).reduce((sum, x) => sum + x, 0),
    );
    const sets =
      truths === undefined
        ? {}
        : {
            truth: namesOf((k) => (truths[j.row * info.classes.length + k] as number) > 0.5),
            prediction: namesOf((k) => (j.probabilities?.[k] as number) > THRESHOLD),
          };
    return { ...classResult(j, info.classes), ...sets, input: { kind: "text", text, offsets: offsets }, attribution: sums };
  };
}

async function report(sources: ReportSources): Promise<TaskReport> {
  const { measurement } = sources;
  const { classes, multiLabel } = sources.used.info as TextClassInfo;
  const judged = await (multiLabel ? judgeSets(sources) : judgeClasses(sources));
  return {
    primaryMetric: multiLabel ? "microF1" : "accuracy",
    ...(measurement instanceof ClassificationMeasurement ? measurement.confusionOf(classes) : {}),
    ...(await judgedExamples(sources, judged, showText(sources))),
    ...(multiLabel ? {} : { sections: classCurves(judged, classes) }),
  };
}

/** Keeps the labels above the requested threshold. */
function labelsFrom(model: TrainedModel, answers: readonly Answer[], { threshold }: AnswerOptions): Promise<Answer[]> {
  const { multiLabel } = model.info as TextClassInfo;
  if (!multiLabel || threshold === undefined) return Promise.resolve([...answers]);
  const above = ({ probabilities }: Answer): Answer => ({
    labels: labelsAbove(probabilities as Readonly<Record<string, number>>, threshold),
    probabilities,
  });
  return Promise.resolve(answers.map(above));
}

export const textClassificationNode: NodeTask = {
  readOptions: async (options, started) => ({
    ...(await readTextOptions(options, started)),
    ...(await vectorSize(options, started.init)),
  }),
  initialWeights: vectorWeights,
  readInputs,
  view: (model, _inputs, _row, text) => viewOfText(model.info as TextClassInfo, text),
  report,
  finish: async (finished) => {
    await keepTokenizer(finished);
    const { multiLabel } = finished.used.info as TextClassInfo;
    await keepPretrained(finished, multiLabel ? { problem_type: "multi_label_classification" } : {});
  },
  remarks: (examples, info) => lengthNotes([examples], info as TextClassInfo, "--stride N measures on all of them"),
  present: { answers: labelsFrom },
};
