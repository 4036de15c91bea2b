/**
 * @module The common part of tasks that tag tokens: features of tokens as rows, a CRF over tags, spans from tags, and their metrics.
 */
import type { Batch, LabelledText, WorkerCollate } from "../../data/node.js";
import { Dataset, raggedColumn } from "../../data/index.js";
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { constant, fromNumbers, toNumbers } from "../../graph/index.js";
import type { CrfArrays, CrfScores } from "../../losses/index.js";
import { crfNegativeLogLikelihood, spanProbabilities, viterbi } from "../../losses/index.js";
import type { Tagger } from "../../models/index.js";
import { SpanMetric } from "../../metrics/index.js";
import type { Module } from "../../nn/index.js";
import { concat, zeros } from "../../ops/index.js";
import type { FeatureVocabularyJson, TokenFeatures, TokenUnit } from "../../text/index.js";
import { cutWords, FeatureVocabulary, tokenOffsets } from "../../text/index.js";
import type { Metrics } from "../../metrics/index.js";
import { ConfigError } from "../../util/errors.js";
import type { LabelSpan, TagScheme } from "../../util/tags.js";
import { schemeOf, spansOfTags, tagsOfSpans } from "../../util/tags.js";
import type { ColumnTypes, Measurement, Task, TaskContext, TaskInfo, TaskOptions, Tensors } from "../task.js";
import { textBuckets, textCollate, textInputs } from "./texts.js";

/** The info of every model that tags, whatever it reads. */
export interface TagInfo extends TaskInfo {
  readonly unit: TokenUnit;
  /** Tags that occur in the training part; the first is `O`. */
  readonly tags: readonly string[];
  /** Labels of spans in the training part. */
  readonly labels: readonly string[];
  /** Default false-negative cost of a token: the rarer spans are, the higher. */
  readonly usualMissCost: number;
}

export interface TaggingInfo extends TagInfo {
  /** Features that the model knows, slot by slot. */
  readonly vocabulary: FeatureVocabularyJson;
  readonly vocabularySize: number;
  readonly padId: number;
}

/** A sequence's number of tokens, and its labelled spans. */
export interface SpanRow {
  readonly length: number;
  readonly spans?: readonly LabelSpan[] | undefined;
}

/** A sequence to tag: features of its tokens and, where they are known, the labelled spans. */
export interface TaggedRow {
  readonly features: readonly TokenFeatures[];
  readonly spans?: readonly LabelSpan[];
}

/** Returns the offsets of a text's tokens: as its source cut it, or by rule. */
export const tokenOffsetsOf = ({ text, tokens }: LabelledText, unit: TokenUnit): readonly (readonly [number, number])[] =>
  tokens === undefined ? tokenOffsets(text, unit) : unit === "characters" ? cutWords(text, tokens) : tokens;

const vocabularies = new WeakMap<FeatureVocabularyJson, FeatureVocabulary>();

function vocabularyOf({ vocabulary }: Pick<TaggingInfo, "vocabulary">): FeatureVocabulary {
  const found = vocabularies.get(vocabulary) ?? FeatureVocabulary.fromJson(vocabulary);
  vocabularies.set(vocabulary, found);
  return found;
}

/** A feature that occurs in one text says more of what is unknown than of itself. */
const MIN_TEXTS = 2;

const MOST_FALSE_NEGATIVE_COST = 3;

/** Collects the tags and labels of the training part's rows, and their false-negative cost. */
export function learnTags(rows: readonly SpanRow[], scheme: TagScheme): Pick<TagInfo, "tags" | "labels" | "usualMissCost"> {
  const tags = new Set<string>();
  const labels = new Set<string>();
  let [inside, outside] = [0, 0];
  for (const { length, spans = [] } of rows) {
    for (const { label } of spans) labels.add(label);
    for (const tag of tagsOfSpans(spans, length, scheme).tags) {
      tags.add(tag);
      if (tag === "O") outside++;
      else inside++;
    }
  }
  tags.delete("O");
  return {
    tags: ["O", ...[...tags].sort()],
    labels: [...labels].sort(),
    usualMissCost: Math.min(MOST_FALSE_NEGATIVE_COST, Math.max(0, Number(Math.log(outside / Math.max(1, inside)).toFixed(2)))),
  };
}

/** All that is learned from the rows of the training part before training. */
export function learnTagging(
  rows: readonly TaggedRow[],
  unit: TokenUnit,
  scheme: TagScheme,
  textOf?: (row: number) => number,
): TaggingInfo {
  const slots = rows.find(({ features }) => features.length > 0)?.features[0]?.length ?? 1;
  const vocabulary = FeatureVocabulary.learn(
    rows.map(({ features }) => features),
    slots,
    rows.length < 100 ? 1 : MIN_TEXTS,
    textOf,
  );
  const lengths = rows.map(({ features, spans }) => ({ length: features.length, spans }));
  return { unit, vocabulary: vocabulary.toJson(), vocabularySize: vocabulary.size, padId: 0, ...learnTags(lengths, scheme) };
}

/** The label that a span of an unknown label is counted as: it cannot be found, and counts as missed. */
const UNKNOWN_LABEL = "?";

/** Finds the spans of a row that overlap earlier ones, and so cannot be expressed in tags. */
export const overlapping = ({ features, spans = [] }: TaggedRow): readonly LabelSpan[] =>
  tagsOfSpans(spans, features.length, "BIO").dropped;

/** Indices of the tags of each row, and the spans themselves as `gold` [N, M, 3] (start, end, label; −1 behind the last). */
export function tagTargets(
  rows: readonly SpanRow[],
  info: Pick<TagInfo, "tags" | "labels">,
): { readonly tags: readonly number[][]; readonly gold: Dataset } {
  const tagIndex = new Map(info.tags.map((tag, i) => [tag, i]));
  const labelIndex = new Map(info.labels.map((label, i) => [label, i]));
  const scheme = schemeOf(info.tags);
  const tags = rows.map(({ length, spans = [] }) => tagsOfSpans(spans, length, scheme).tags.map((tag) => tagIndex.get(tag) ?? 0));
  const most = rows.reduce((n, { spans = [] }) => Math.max(n, spans.length), 1);
  const gold = new Int32Array(rows.length * most * 3).fill(-1);
  for (const [n, { spans = [] }] of rows.entries())
    for (const [m, { start, end, label }] of spans.entries())
      gold.set([start, end, labelIndex.get(label) ?? info.labels.length], (n * most + m) * 3);
  return { tags, gold: new Dataset({ gold: { dtype: "int32", shape: [rows.length, most, 3], data: gold } }) };
}

/**
 * Rows as a data set: `input_ids` [N, T, F] and `length`; where spans are known `tags` [N, T] and `gold` [N, M, 3] (start, end, label; −1 behind
 * the last).
 */
export function taggedRows(rows: readonly TaggedRow[], info: TaggingInfo): Dataset {
  const vocabulary = vocabularyOf(info);
  const slots = vocabulary.slots;
  const blank = new Int32Array(slots);
  const ids = rows.map(({ features }) => (features.length === 0 ? blank : vocabulary.encode(features)));
  const length = Int32Array.from(rows, ({ features }) => Math.max(1, features.length));
  const columns = {
    input_ids: raggedColumn(ids, slots),
    length: { dtype: "int32", shape: [rows.length], data: length } as const,
  };
  if (rows.some(({ spans }) => spans === undefined)) return new Dataset(columns);
  const { tags, gold } = tagTargets(
    rows.map(({ features, spans }) => ({ length: Math.max(1, features.length), spans })),
    info,
  );
  return new Dataset({ ...columns, tags: raggedColumn(tags), ...gold.columns });
}

/** `bio` or `bioes`; ConfigError for another. */
export function schemeNamed(scheme = "bioes"): TagScheme {
  if (scheme !== "bio" && scheme !== "bioes") throw new ConfigError(`--scheme: expected bio or bioes, got ${scheme}`);
  return scheme === "bio" ? "BIO" : "BIOES";
}

export const settleTagging = (options: TaskOptions, { tags, usualMissCost }: TagInfo): TaskOptions => ({
  ...options,
  scheme: options.scheme ?? (schemeOf(tags) === "BIO" ? "bio" : "bioes"),
  falseNegativeCost: options.falseNegativeCost ?? usualMissCost,
});

const taggingInputs = (context: TaskContext<TaggingInfo>, batch: Dim): ColumnTypes => {
  const { input_ids, attention_mask } = textInputs(context, batch) as Record<"input_ids" | "attention_mask", ColumnTypes[string]>;
  return { input_ids: { ...input_ids, shape: [...input_ids.shape, context.info.vocabulary.length] }, attention_mask };
};

const taggingTargets = ({ length }: TaskContext<TaggingInfo>, batch: Dim): ColumnTypes => ({
  tags: { shape: [batch, length ?? 1], dtype: "int64" },
});

/** Batches of rows; in use with all that a measurement and an answer need besides. */
function taggingCollate(context: TaskContext<TaggingInfo>, rows: Dataset): WorkerCollate {
  return textCollate(context, rows, {
    columns: rows.has("tags") ? { tags: { from: "tags", dtype: "int64", pad: 0 } } : undefined,
    keep: context.use === "train" ? undefined : ["length", "gold", "predicate"].filter((name) => rows.has(name)),
  });
}

/** The vectors of the features: [N, T, F·D]. */
const taggingFeatures = (batch: Tensors, _context: unknown, model: Module): Tensor =>
  (model as Tagger).vectors(batch["input_ids"] as Tensor);

/** All that a tagger looks up for a token, side by side: the vectors of its features, and their direct scores where it has such. [N, T, F·(D + S)]. */
export function allVectors(batch: Tensors, _context: unknown, model: Module): Tensor {
  const tagger = model as Tagger;
  const ids = batch["input_ids"] as Tensor;
  const vectors = tagger.vectors(ids);
  if (tagger.embedding === undefined || tagger.scores === undefined) return vectors;
  const [n, t] = ids.shape as [Dim, Dim];
  return concat([vectors, tagger.scores.forward(ids).reshape([n, t, -1])], 2);
}

/** The emissions [N, T, K] from all that was looked up. */
export function emissionsOf(model: Module, all: Tensor, batch: Tensors): Tensors {
  const tagger = model as Tagger;
  const { slots } = tagger.config;
  const [n, t, width] = all.shape as [Dim, Dim, number];
  const own = tagger.embedding === undefined ? 0 : slots * (tagger.embedding.weight.dims[1] as number);
  const vectors = own === 0 ? undefined : all.slice(2, 0, own);
  const direct = tagger.scores && all.slice(2, own, width).reshape([n, t, slots, (width - own) / slots]);
  return {
    emissions: tagger.forward(batch["input_ids"] as Tensor, { mask: batch["attention_mask"] as Tensor, vectors, direct }),
  };
}

/**
 * `emissions` [N, T, K]. In training with the three kinds of scores of the CRF; in use with the best `tags` [N, T], 0 at padding, and with all scores
 * in one, for each row: `transitions` [N, K + 2, K], the last two rows being those of beginning and of ending with a tag.
 */
function taggingOutputs(model: Module, vectors: Tensor, batch: Tensors, context: TaskContext<TaggingInfo>): Tensors {
  const tagger = model as Tagger;
  const ids = batch["input_ids"] as Tensor;
  const mask = batch["attention_mask"] as Tensor;
  const emissions = tagger.forward(ids, { mask, vectors });
  const scores = tagger.crf.forward();
  const { start, transitions, end } = scores;
  if (context.use === "train") return { emissions, start, transitions, end };
  const { tags } = viterbi(emissions, scores, { mask });
  const all = concat([transitions, start.unsqueeze(0), end.unsqueeze(0)], 0); // [K + 2, K]
  return { emissions, tags, transitions: zeros([ids.shape[0] as Dim, 1, 1]).add(all) };
}

/** Adds the false-negative cost to the emissions [N, T, K] of `O` at tokens inside a span: the loss then weighs misses more; tags [N, T]. */
export function addFalseNegativeCost(emissions: Tensor, tags: Tensor, cost: number): Tensor {
  if (cost === 0) return emissions;
  const count = emissions.shape[2] as number;
  const costs = Array.from({ length: count }, (_, tag) => (tag === 0 ? cost : 0));
  const inside = tags.cast("int32").greater(0).cast("float32").unsqueeze(-1); // [N, T, 1]
  return emissions.add(inside.mul(constant(fromNumbers("float32", [1, 1, count], costs))));
}

/**
 * The negative log likelihood of the tags, with the false-negative cost `falseNegativeCost` on tokens of spans, so that fewer of them are missed.
 * Left out, it is ln(tokens outside / tokens inside), within 0…3.
 *
 * Source: softmax-margin, Gimpel and Smith 2010; for the recall of entities Mohit et al. 2012, section 4.
 */
export function taggingLoss(outputs: Tensors, batch: Tensors, { info, options }: TaskContext<TaggingInfo>): Tensor {
  const tags = batch["tags"] as Tensor;
  const mask = (batch["attention_mask"] as Tensor).cast("int32").greater(0);
  const costed = addFalseNegativeCost(outputs["emissions"] as Tensor, tags, options.falseNegativeCost ?? info.usualMissCost);
  const { start, transitions, end } = outputs as Record<keyof CrfScores, Tensor>;
  return crfNegativeLogLikelihood(costed, tags, { start, transitions, end }, { mask });
}

/** The common part of tasks that tag tokens. */
export const taggingTask = {
  defaultModel: "bilstm-crf",
  monitor: { metric: "f1", mode: "max" },
  checksOneBatch: true,
  mostAtOnce: 64,
  inputs: taggingInputs,
  targets: taggingTargets,
  collate: taggingCollate,
  buckets: textBuckets,
  features: taggingFeatures,
  outputs: taggingOutputs,
  loss: taggingLoss,
  targetColumn: () => undefined,
} as const satisfies Partial<Task<TaggingInfo>>;

/** One row of a batch of outputs, decoded. */
export interface TaggedAnswer {
  readonly spans: readonly LabelSpan[];
  /** Probability of each span, where it was asked for. */
  readonly scores: readonly number[];
}

/** The scores of a CRF out of `transitions`, whose rows are all the same. */
export function scoresOf({ shape, data }: TensorData): CrfArrays {
  const [, , count = 0] = shape;
  const all = Float64Array.from(data.subarray(0, (count + 2) * count), Number);
  return {
    transitions: all.subarray(0, count * count),
    start: all.subarray(count * count, (count + 1) * count),
    end: all.subarray((count + 1) * count),
  };
}

/** Computes the probabilities of spans in a batch's rows. */
function probabilitiesOf(emissions: TensorData, transitions: TensorData) {
  const [, width = 0, count = 0] = emissions.shape;
  const [numbers, scores] = [toNumbers(emissions), scoresOf(transitions)];
  return (n: number, tags: readonly number[], spans: readonly LabelSpan[]): readonly number[] =>
    spanProbabilities(numbers.subarray(n * width * count, (n * width + tags.length) * count), scores, tags, spans);
}

/** The best spans of each row of a batch, with their probabilities if asked for. */
export function decodeRows(
  outputs: Readonly<Record<string, TensorData>>,
  batch: Batch,
  info: Pick<TagInfo, "tags">,
  withScores: boolean,
): TaggedAnswer[] {
  const { emissions, tags, transitions } = outputs as Record<"emissions" | "tags" | "transitions", TensorData>;
  const [rows = 0, width = 0] = tags.shape;
  const { data: lengths } = (batch["words"] ?? batch["length"]) as TensorData;
  const probabilities = withScores ? probabilitiesOf(emissions, transitions) : undefined;
  return Array.from({ length: rows }, (_, n) => {
    const best = Array.from(tags.data.subarray(n * width, n * width + Number(lengths[n])), Number);
    const spans = spansOfTags(best.map((tag) => info.tags[tag] as string));
    return { spans, scores: probabilities?.(n, best, spans) ?? [] };
  });
}

/** The true spans of a row of a batch. */
export function goldSpans(batch: Batch, n: number, labels: readonly string[]): LabelSpan[] {
  const { data, shape } = batch["gold"] as TensorData;
  const most = shape[1] as number;
  const spans: LabelSpan[] = [];
  for (let m = 0; m < most; m++) {
    const [start, end, label] = Array.from(data.subarray((n * most + m) * 3, (n * most + m + 1) * 3), Number) as [
      number,
      number,
      number,
    ];
    if (start >= 0) spans.push({ start, end, label: labels[label] ?? UNKNOWN_LABEL });
  }
  return spans;
}

/** Precision, recall and F1 of spans, as seqeval counts them; macro F1 is the mean over labels. */
export class TaggingMeasurement implements Measurement {
  readonly metric = new SpanMetric();
  readonly #info: TagInfo;

  constructor(info: TagInfo) {
    this.#info = info;
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    for (const [n, { spans }] of decodeRows(outputs, batch, this.#info, false).entries())
      this.metric.add(goldSpans(batch, n, this.#info.labels), spans);
  }

  result(): Metrics {
    const { micro, macro } = this.metric.report();
    return { f1: micro.f1, precision: micro.precision, recall: micro.recall, macroF1: macro.f1 };
  }
}
