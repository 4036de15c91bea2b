/**
 * @module Token classification: named entities and other stretches of a text, from columns of tags or from spans.
 */
import type { LabelledText, LoadedData } from "../data/node.js";
import { labelledTextAt } from "../data/index.js";
import type { Dataset } from "../data/index.js";
import type { TokenUnit } from "../text/index.js";
import { featuresOf } from "../text/index.js";
import { DataError } from "../util/errors.js";
import type { LabelSpan } from "../util/tags.js";
import type { Answer, Prepared, Task, TaskOptions } from "./task.js";
import type { TaggedRow, TaggingInfo } from "./tagging.js";
import {
  decodeRows,
  learnTagging,
  overlapping,
  placesOf,
  schemeNamed,
  settleTagging,
  TaggingMeasurement,
  taggedRows,
  taggingTask,
} from "./tagging.js";
import { taggingModels } from "./tagging-models.js";
import { usualTokenizer } from "./texts.js";

/** An entity of an answer: `text.slice(start, end)`. */
export interface Entity {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** The probability of this stretch under the model. */
  readonly score: number;
}

/** The tokens that stretches of a text are made of; a stretch that cuts a token takes all of it. */
export function tokenSpans(spans: readonly LabelSpan[], places: readonly (readonly [number, number])[]): LabelSpan[] {
  return spans.flatMap(({ start, end, label }) => {
    const first = places.findIndex(([, tokenEnd]) => tokenEnd > start);
    const last = places.findLastIndex(([tokenStart]) => tokenStart < end);
    return first < 0 || last < first ? [] : [{ start: first, end: last + 1, label }];
  });
}

export function taggedText(given: LabelledText, unit: TokenUnit): TaggedRow {
  const places = placesOf(given, unit);
  const features = featuresOf(
    places.map(([start, end]) => given.text.slice(start, end)),
    unit,
  );
  return { features, ...(given.spans === undefined ? {} : { spans: tokenSpans(given.spans, places) }) };
}

const textsOf = (data: Dataset): LabelledText[] => Array.from({ length: data.length }, (_, i) => labelledTextAt(data, i));

/** Characters where the source's tokens are such, or where a text without tokens is written in them. */
function unitOf(texts: readonly LabelledText[]): TokenUnit {
  const places = texts.flatMap(({ tokens = [] }) => tokens);
  if (places.length === 0) return usualTokenizer(texts.map(({ text }) => text)) === "characters" ? "characters" : "words";
  const long = places.filter(([start, end]) => end - start > 1).length;
  return long * 20 < places.length ? "characters" : "words";
}

function withSpans(texts: readonly LabelledText[], where: string): void {
  if (texts.every(({ spans }) => spans === undefined))
    throw new DataError(`${where}: expected texts with labelled stretches (.conll, .bmes, or .jsonl with "spans"), got none`);
}

const count = (texts: readonly LabelledText[], is: (span: LabelSpan, text: LabelledText) => boolean): number =>
  texts.reduce((sum, text) => sum + (text.spans ?? []).filter((span) => is(span, text)).length, 0);

function prepare(data: LoadedData, options: TaskOptions): Prepared<TaggingInfo> {
  const texts = { train: textsOf(data.train), validation: textsOf(data.validation), test: textsOf(data.test) };
  withSpans(texts.train, data.name);
  const unit = unitOf(texts.train);
  const rows = texts.train.map((text) => taggedText(text, unit));
  const info = learnTagging(rows, unit, schemeNamed(options.scheme));
  if (info.labels.length === 0) throw new DataError(`${data.name}: expected labelled stretches in the training part, got none`);
  const known = new Set(info.labels);
  const unknown = count([...texts.validation, ...texts.test], ({ label }) => !known.has(label));
  const overlaps = rows.reduce((sum, row) => sum + overlapping(row).length, 0);
  const cut = count(texts.train, (span, text) => {
    const places = placesOf(text, unit);
    return !places.some(([start]) => start === span.start) || !places.some(([, end]) => end === span.end);
  });
  const encoded = (part: readonly LabelledText[]): Dataset =>
    taggedRows(
      part.map((text) => taggedText(text, unit)),
      info,
    );
  return {
    info,
    train: taggedRows(rows, info),
    validation: encoded(texts.validation),
    test: encoded(texts.test),
    testRows: data.test,
    notes: [
      `${info.labels.length} labels (${info.labels.join(", ")}), tokens are ${unit}`,
      ...(unknown > 0
        ? [`${unknown} stretches of validation and test have labels that the training part lacks; they count as missed`]
        : []),
      ...(overlaps > 0 ? [`${overlaps} stretches of the training part overlap others and were left out`] : []),
      ...(cut > 0 ? [`${cut} stretches of the training part begin or end inside of a token, and were widened to it`] : []),
    ],
  };
}

export const tokenClassification: Task<TaggingInfo> = {
  ...taggingTask,
  name: "token-classification",
  summary: "named entities and other stretches of a text",
  models: taggingModels({
    embeddingSize: ({ unit }) => (unit === "characters" ? 64 : 32),
    window: 1,
    featureDropout: 0.2,
    dropout: 0.5,
    lr: 2e-3,
    epochs: 10,
  }),
  settle: settleTagging,
  prepare,
  measurement: (info) => new TaggingMeasurement(info),
  answers: (outputs, info, batch, given) =>
    decodeRows(outputs, batch, info, true).map(({ spans, scores }, n): Answer => {
      const text = labelledTextAt(given, n);
      const places = placesOf(text, info.unit);
      const entities = spans.map(({ start, end, label }, i): Entity => {
        const [from, to] = [(places[start] ?? [0, 0])[0], (places[end - 1] ?? [0, 0])[1]];
        return { text: text.text.slice(from, to), start: from, end: to, label, score: scores[i] as number };
      });
      return { entities };
    }),
  examples: (_data, part, info) => {
    const texts = textsOf(part);
    withSpans(texts, "data");
    return taggedRows(
      texts.map((text) => taggedText(text, info.unit)),
      info,
    );
  },
  encode: (rows, info) => {
    const encoded = taggedRows(
      textsOf(rows).map(({ text }) => taggedText({ text }, info.unit)),
      info,
    );
    return encoded.with({ text: rows.column("text") });
  },
};
