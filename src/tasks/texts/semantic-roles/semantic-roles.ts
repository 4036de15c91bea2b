/**
 * @module Semantic role labelling: which words are predicates, and which words or spans are their arguments, in which role. One model does both: a
 * row is a sentence with one of its predicates marked, or with none, to find them.
 */
import type { LabelledText, LoadedData } from "../../../data/node.js";
import { labelledTextAt } from "../../../data/index.js";
import type { Batch, Dataset } from "../../../data/index.js";
import type { Tensor, TensorData } from "../../../graph/index.js";
import { SpanMetric } from "../../../metrics/index.js";
import { predicateFeatures } from "../../../text/index.js";
import type { Metrics } from "../../../metrics/index.js";
import { DataError } from "../../../util/errors.js";
import type { LabelSpan } from "../../../util/tags.js";
import type { Answer, Measurement, Prepared, Task, TaskOptions } from "../../task.js";
import type { TaggedRow, TaggingInfo } from "../tagging.js";
import {
  allVectors,
  decodeRows,
  emissionsOf,
  goldSpans,
  learnTagging,
  overlapping,
  tokenOffsetsOf,
  schemeNamed,
  settleTagging,
  taggedRows,
  taggingTask,
} from "../tagging.js";
import { taggingModels } from "../tagging-models.js";
import { namedByTags } from "../tagging-names.js";
import { taggingOptions } from "../options.js";
import { scoresAt } from "../../shared/scores-at.js";
import { rolesExplainOptions } from "./options.js";

/** The label of predicates themselves, as in CoNLL-2005. */
export const PREDICATE = "V";

/** In English 1.9 found too few arguments, and 4 too many. */
const FALSE_NEGATIVE_COST = 2.5;

/** A sentence with a predicate marked, or with none (−1). */
export interface RoleRow extends TaggedRow {
  readonly sentence: number;
  readonly predicate: number;
}

const wordsOf = (given: LabelledText): string[] =>
  tokenOffsetsOf(given, "words").map(([start, end]) => given.text.slice(start, end));

/** Rows of the predicates of a sentence at the given words. */
export const argumentRows = (given: LabelledText, sentence: number, predicates: readonly number[]): RoleRow[] =>
  predicates.map((predicate) => ({ features: predicateFeatures(wordsOf(given), predicate), sentence, predicate }));

/** The row of a sentence in which predicates are looked for. */
const searchRow = (given: LabelledText, sentence: number): RoleRow => ({
  features: predicateFeatures(wordsOf(given)),
  sentence,
  predicate: -1,
});

function labelledRows(given: LabelledText, sentence: number): RoleRow[] {
  const { propositions = [] } = given;
  const predicates = propositions.map(({ predicate }) => predicate);
  const found = [...new Set(predicates)].map((at): LabelSpan => ({ start: at, end: at + 1, label: PREDICATE }));
  return [
    { ...searchRow(given, sentence), spans: found },
    ...argumentRows(given, sentence, predicates).map((row, i) => ({ ...row, spans: propositions[i]?.arguments ?? [] })),
  ];
}

/** Rows as a data set; `sentence` says which text each is of. */
export function roleRows(rows: readonly RoleRow[], info: TaggingInfo): Dataset {
  const whole = (pick: (row: RoleRow) => number): { dtype: "int32"; shape: number[]; data: Int32Array } => ({
    dtype: "int32",
    shape: [rows.length],
    data: Int32Array.from(rows, pick),
  });
  return taggedRows(rows, info).with({ sentence: whole((row) => row.sentence), predicate: whole((row) => row.predicate) });
}

function allRows(data: Dataset, name: string): RoleRow[] {
  const texts = Array.from({ length: data.length }, (_, i) => labelledTextAt(data, i));
  if (texts.length > 0 && texts.every(({ propositions }) => propositions === undefined))
    throw new DataError(`${name}: expected propositions (.conllu with frames and roles), got texts without`);
  return texts.flatMap(labelledRows);
}

function prepare(data: LoadedData, options: TaskOptions): Prepared<TaggingInfo> {
  const train = allRows(data.train, data.name);
  const info = learnTagging(train, "words", schemeNamed(options.scheme), (row) => (train[row] as RoleRow).sentence);
  if (!info.labels.some((label) => label !== PREDICATE))
    throw new DataError(`${data.name}: expected arguments of predicates in the training part, got none`);
  const [validation, test] = [allRows(data.validation, data.name), allRows(data.test, data.name)];
  const known = new Set(info.labels);
  const unknown = [...validation, ...test].flatMap(({ spans = [] }) => spans).filter(({ label }) => !known.has(label)).length;
  const overlaps = train.reduce((sum, row) => sum + overlapping(row).length, 0);
  return {
    info,
    train: roleRows(train, info),
    validation: roleRows(validation, info),
    test: roleRows(test, info),
    testRows: data.test,
    notes: [
      `${train.filter(({ predicate }) => predicate >= 0).length} predicates in ${data.train.length} sentences, ${info.labels.length - 1} roles`,
      ...(unknown > 0
        ? [`${unknown} arguments of validation and test have roles that the training part lacks; they count as missed`]
        : []),
      ...(overlaps > 0 ? [`${overlaps} arguments of the training part overlap others and were left out`] : []),
    ],
  };
}

/** Arguments of given predicates, and predicates, each by precision, recall and F1. */
export class RolesMeasurement implements Measurement {
  readonly roles = new SpanMetric();
  readonly predicates = new SpanMetric();
  readonly #info: TaggingInfo;

  constructor(info: TaggingInfo) {
    this.#info = info;
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const marked = (batch["predicate"] as TensorData).data;
    for (const [n, { spans }] of decodeRows(outputs, batch, this.#info, false).entries()) {
      const isSearch = Number(marked[n]) < 0;
      const gold = goldSpans(batch, n, this.#info.labels);
      (isSearch ? this.predicates : this.roles).add(
        gold,
        spans.filter(({ label }) => (label === PREDICATE) === isSearch),
      );
    }
  }

  result(): Metrics {
    const { micro, macro } = this.roles.report();
    const { f1: predicateF1 } = this.predicates.report().micro;
    return { f1: micro.f1, precision: micro.precision, recall: micro.recall, macroF1: macro.f1, predicateF1 };
  }
}

/** A span of words with its probability. */
export interface ScoredSpan extends LabelSpan {
  readonly score: number;
}

export const semanticRoles: Task<TaggingInfo> = {
  ...taggingTask,
  name: "semantic-role-labeling",
  label: { en: "Semantic roles", zh: "语义角色标注" },
  summary: "find predicates and the roles of their arguments: who did what to whom",
  usage: ["--data up-english-ewt --out runs/roles"],
  options: taggingOptions,
  models: taggingModels({
    embeddingSize: () => 32,
    window: 0,
    featureDropout: 0.1,
    dropout: 0.4,
    lr: 3e-3,
    epochs: 5,
  }),
  settle: (options, info) => settleTagging({ falseNegativeCost: FALSE_NEGATIVE_COST, ...options }, info),
  namedParameters: namedByTags,
  prepare,
  explained: {
    kind: "tokens",
    inParts: true,
    options: rolesExplainOptions,
    features: allVectors,
    outputs: emissionsOf,
    scores: ({ emissions }, _info, asked) => scoresAt(emissions as Tensor, asked),
    labels: ({ tags }) => tags,
  },
  measurement: (info) => new RolesMeasurement(info),
  // Of a row: what a person is told of a text takes two passes (semantic-roles-node.ts).
  answers: (outputs, info, batch) => {
    const marked = (batch["predicate"] as TensorData).data;
    return decodeRows(outputs, batch, info, true).map(({ spans, scores }, n): Answer => {
      const scored = spans.map((span, i): ScoredSpan => ({ ...span, score: scores[i] as number }));
      const isSearch = Number(marked[n]) < 0;
      return { spans: scored.filter(({ label }) => (label === PREDICATE) === isSearch) };
    });
  },
  examples: (_data, part, info) => roleRows(allRows(part, "data"), info),
  encode: (rows, info) =>
    roleRows(
      Array.from(rows.texts("text"), (text, i) => searchRow({ text: text ?? "" }, i)),
      info,
    ).with({ text: rows.column("text") }),
};
