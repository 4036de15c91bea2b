/**
 * @module Text classification: one class for a text (sentiment, topic), or several labels.
 */
import {
  classesOf,
  encodeLabels,
  encodeLabelSets,
  EVIDENCE,
  isText,
  joinedColumns,
  joinTexts,
  labelSets,
  placeAt,
  Dataset,
} from "../../../data/index.js";
import type { Column, TableSchema } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import type { Tensor, TensorData } from "../../../graph/index.js";
import { fromNumbers } from "../../../graph/index.js";
import type { TextModel } from "../../../models/index.js";
import { isRecord } from "../../../util/described.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import {
  classAnswers,
  classificationLoss,
  ClassificationMeasurement,
  explainedClasses,
  labelTypes,
} from "../../shared/classification.js";
import { rowsOf as logitRows, softmaxRow } from "../../shared/softmax.js";
import { labelSetAnswers, labelSetLoss, LabelSetMeasurement, labelSetTypes, sigmoid } from "./multi-label.js";
import type { OpenedCheckpoint, Prepared, RowOutputs, Task } from "../../task.js";
import { weightTypes } from "../../shared/weighting.js";
import type { TextClassInfo } from "./info.js";
import { textGraph } from "./graph.js";
import { FITTED_LENGTH, FITTED_TEXTS, FITTED_VOCABULARY } from "./fitted-models.js";
import { TEXT_MODELS } from "./models.js";
import {
  type LearnOptions,
  encodeTexts,
  lengthFor,
  lengthNotes,
  textBuckets,
  textCollate,
  textInputs,
  textTokenizer,
  tokenizerInfo,
  usualTokenizer,
} from "../texts.js";
import { checkEvidence } from "../../shared/evidence.js";
import { inWindows, textAt } from "../../shared/windows.js";
import { outsideSpans } from "./evidence.js";
import { textClassificationOptions } from "./options.js";

const MAX_LENGTH = 256;

/** Tells whether the labels of a column are lists. */
const holdsLists = (column: Column): boolean => {
  if (!isText(column)) return false;
  const given = column.values.filter((value) => value !== null);
  return given.length > 0 && given.every((value) => /^\s*\[.*\]\s*$/s.test(value));
};

const setsOf = (column: Column, { labelSeparator }: Pick<TextClassInfo, "labelSeparator">): string[][] =>
  labelSets(column, labelSeparator);

/** The classes of the training part. DataError if there is nothing to tell apart, or hardly a text shares its label. */
function learnClasses(
  column: Column,
  rows: number,
  multiLabel: boolean,
  info: Pick<TextClassInfo, "labelSeparator">,
  where: string,
) {
  const classes = multiLabel ? [...new Set(setsOf(column, info).flat())].sort() : classesOf(column, where);
  if (classes.length < (multiLabel ? 1 : 2))
    throw new DataError(`${where}: expected texts of at least two classes, got only ${classes[0] ?? "texts without one"}`);
  if (classes.length > Math.max(50, rows / 2))
    throw new DataError(
      `${where}: expected classes that texts share, got ${classes.length} of ${rows} texts; name the column with --label-column`,
    );
  return classes;
}

/** Texts of a column, or of several whose names stand with commas between them. */
const textsOf = (part: Dataset, column: string): string[] =>
  joinTexts(part, joinedColumns(part, column)).map((text) => text ?? "");

/** Returns the schema of the columns that are read. */
function schemaOf({ schema }: LoadedData, text: string, target: string): { schema?: TableSchema } {
  const names = [target, text, ...text.split(",")];
  return schema === undefined ? {} : { schema: { ...schema, fields: schema.fields.filter(({ name }) => names.includes(name)) } };
}

/** Texts, or windows of them, as token ids, how many tokens each lost, and targets where the rows have them. */
async function encode(
  part: Dataset,
  info: TextClassInfo,
  columns: { readonly text: string; readonly label?: string },
): Promise<Dataset> {
  const rows = await encodeTexts(textsOf(part, columns.text), info);
  if (columns.label === undefined) return rows;
  const [column, where] = [part.column(columns.label), `column "${columns.label}"`];
  const targets = new Dataset(
    info.multiLabel
      ? { labels: encodeLabelSets(setsOf(column, info), info.classes, where, (i) => placeAt(column, i)) }
      : { label: encodeLabels(column, info.classes, where) },
  );
  return rows.with(targets.select(Array.from({ length: rows.length }, (_, row) => textAt(rows, row))).columns);
}

async function prepare(data: LoadedData, options: Parameters<Task["prepare"]>[1]): Promise<Prepared<TextClassInfo>> {
  const { text, target } = data.roles;
  if (text === undefined)
    throw new DataError(
      `${data.name}: expected a column of texts, got ${data.train.names.join(", ")}; name it with --text-column`,
    );
  if (target === undefined)
    throw new DataError(`${data.name}: expected a column of labels, got none; name it with --label-column`);
  const { labelSeparator, vectorSize, model } = options;
  const where = `${data.name}, column "${target}"`;
  const label = data.train.column(target);
  const separated = labelSeparator === undefined ? {} : { labelSeparator };
  const multiLabel = labelSeparator !== undefined || holdsLists(label);
  const texts = textsOf(data.train, text);
  // BERT's vector of a text is that of a token in front of it, which WordPiece's template has.
  const kind: LearnOptions["kind"] =
    model === "bert" ? "wordpiece" : usualTokenizer(texts) === "wordpiece" ? "words" : "characters";
  const isFitted = FITTED_TEXTS.some(({ name }) => name === model);
  if (isFitted && multiLabel)
    throw new ConfigError(`--model ${model}: expected one label for each text, got several; take bag-of-ngrams`);
  const usual: LearnOptions = { kind, vocabularySize: isFitted ? FITTED_VOCABULARY : undefined };
  const tokenizer = await textTokenizer(texts, options, usual);
  const info: TextClassInfo = {
    ...tokenizerInfo(tokenizer, lengthFor(options, isFitted ? FITTED_LENGTH : MAX_LENGTH)),
    classes: learnClasses(label, data.train.length, multiLabel, separated, where),
    multiLabel,
    ...separated,
    textColumn: text,
    labelColumn: target,
    ...schemaOf(data, text, target),
    embeddingSize: vectorSize,
  };
  const columns = { text, label: target };
  checkEvidence(options);
  const { evidence } = options;
  if (evidence !== undefined && multiLabel)
    throw new ConfigError(`--evidence ${evidence}: expected texts of one class each, got several labels`);
  const learned = await encode(data.train, info, columns);
  const marked = evidence === undefined ? undefined : await outsideSpans(data.train, text, evidence, info);
  const used = inWindows(textClassification, info, options.stride);
  const [train, validation, test] = [
    marked === undefined ? learned : learned.with({ [EVIDENCE]: marked.column }),
    await encode(data.validation, used, columns),
    await encode(data.test, used, columns),
  ];
  const remedy = "--max-length N takes more of them, and --stride N measures on all of them";
  return {
    info: used,
    train,
    validation,
    test,
    testRows: data.test,
    notes: [...lengthNotes([train, validation, test], info, remedy), ...(marked === undefined ? [] : [marked.note])],
  };
}

/** The mean of what the windows of a text are thought to be, in logits again. */
function mergedWindows(windows: readonly RowOutputs[], { multiLabel }: TextClassInfo): RowOutputs {
  const each = windows.map(({ outputs }) => {
    const [logits] = logitRows(outputs["logits"] as TensorData) as [Float64Array];
    return multiLabel ? logits.map(sigmoid) : softmaxRow(logits);
  });
  const logits = (each[0] as Float64Array).map((_, k) => {
    const mean = each.reduce((sum, of) => sum + (of[k] as number), 0) / each.length;
    const p = Math.min(1 - SURE, Math.max(SURE, mean));
    return multiLabel ? Math.log(p / (1 - p)) : Math.log(p);
  });
  const { batch } = windows[0] as RowOutputs;
  return { outputs: { logits: fromNumbers("float32", [1, logits.length], logits) }, batch };
}

/** Probabilities keep this far from 0 and 1, whose logits would be infinite. */
const SURE = 1e-12;

/** The info of a checkpoint that classifies texts. ConfigError for one that gives a quantity. */
function opened({ tokenizer, maxLength, labels, config, where }: OpenedCheckpoint): TextClassInfo {
  const problem = isRecord(config) ? config["problem_type"] : undefined;
  if (problem === "regression" || (labels.length === 1 && problem !== "multi_label_classification"))
    throw new ConfigError(`${where}: expected a classifier with at least two labels, got a model of one quantity (num_labels 1)`);
  return {
    ...tokenizerInfo(tokenizer, maxLength),
    classes: labels,
    multiLabel: problem === "multi_label_classification",
    textColumn: "text",
    labelColumn: "label",
  };
}

const targetOf = ({ multiLabel }: TextClassInfo): "label" | "labels" => (multiLabel ? "labels" : "label");

export const textClassification: Task<TextClassInfo> = {
  name: "text-classification",
  label: { en: "Text classification", zh: "文本分类" },
  summary: "predict a class for a text (sentiment, topic), or several labels",
  usage: ["--data reviews.csv --out runs/reviews", "--data reviews.csv --init path/to/bert --lora 8 --out runs/adapted"],
  options: textClassificationOptions,
  checksOneBatch: true,
  models: [...TEXT_MODELS, ...FITTED_TEXTS],
  defaultModel: "ngram-cnn",
  monitor: { metric: "accuracy", mode: "max" },
  pretrained: {
    architectures: ["BertForSequenceClassification", "DistilBertForSequenceClassification"],
    labels: ({ classes }) => classes,
    opened,
  },
  graphs: textGraph,
  prepare,
  inputs: textInputs,
  targets: (context, batch) => ({
    ...(context.info.multiLabel ? labelSetTypes(context.info.classes.length, batch) : labelTypes(context, batch)),
    ...weightTypes(context, batch),
    ...(context.use === "train" && context.options.evidence !== undefined
      ? { [EVIDENCE]: { shape: [batch, context.length ?? 1], dtype: "int32" } }
      : {}),
  }),
  outsideEvidence: (batch) => (batch[EVIDENCE] as Tensor).cast("float32"),
  collate: (context, rows) => {
    const keep = [targetOf(context.info), ...Object.keys(weightTypes(context, 1))].filter((name) => rows.has(name));
    const isMarked = context.use === "train" && rows.has(EVIDENCE);
    return textCollate(context, rows, {
      keep: keep.length === 0 ? undefined : keep,
      columns: isMarked ? { [EVIDENCE]: { from: EVIDENCE, dtype: "int32", pad: 0 } } : undefined,
    });
  },
  mostAtOnce: 64,
  buckets: textBuckets,
  preprocessing: ({ maxLength, padId }) => ({
    tokenizer: "the text of tokenizer.json: descent.info, tokenizer",
    maxLength,
    padId,
  }),
  features: (batch, _context, model) => (model as TextModel).embed(batch["input_ids"] as Tensor),
  outputs: (model, features, batch) => ({
    logits: (model as TextModel).forward(batch["input_ids"] as Tensor, {
      mask: batch["attention_mask"] as Tensor,
      inputsEmbeds: features,
    }),
  }),
  loss: (outputs, batch, context) =>
    context.info.multiLabel ? labelSetLoss(outputs, batch) : classificationLoss(outputs, batch, context),
  explained: explainedClasses("tokens"),
  measurement: (info) =>
    info.multiLabel ? new LabelSetMeasurement(info.classes.length) : new ClassificationMeasurement(info.classes.length, info),
  answers: (outputs, { classes, multiLabel }) =>
    multiLabel ? labelSetAnswers(outputs, classes) : classAnswers(outputs, classes),
  merge: mergedWindows,
  examples: (data, part, info) =>
    encode(part, info, { text: data.roles.text ?? info.textColumn, label: data.roles.target ?? info.labelColumn }),
  reads: { tableOf: "texts" },
  namedParameters: ({ classes }, model) => {
    const heads = [...model.state()].filter(
      ([path, { dims }]) => /(^|\.)(fc|classifier)\.(weight|bias)$/.test(path) && dims[0] === classes.length,
    );
    return new Map(heads.map(([path]) => [path, { axes: [{ of: "class", names: classes }, undefined] }]));
  },
  schema: ({ schema }) => schema,
  textColumn: (info) => info.textColumn,
  targetColumn: (info) => info.labelColumn,
  encode: (rows, info) => encode(rows, info, { text: info.textColumn }),
};
