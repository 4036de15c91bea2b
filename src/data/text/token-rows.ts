/**
 * @module Tokens and tags in rows: lists in JSON, as Hugging Face's data sets have them (`tokens`, `ner_tags`), or a token in each row of a table, as
 * Kaggle's `ner_dataset.csv`.
 */
import { shown } from "../../util/shown.js";
import type { Dataset } from "../dataset.js";
import * as z from "zod";
import type { JsonRow } from "./json-rows.js";
import type { ReadTexts, Sentence, TaggingOptions } from "./tagged-sentences.js";
import { isTag, textsOfSentences } from "./tagged-sentences.js";
import { DataError } from "../../util/errors.js";
import { isRecord, own } from "../../util/record.js";

const TOKENS = ["tokens", "words", "tokenized_text"];
const TAGS = ["ner_tags", "tags", "labels", "ner", "label", "ner_labels", "tag"];
/** Fields of a text whose blanks part its tokens. */
const PARTED = ["sentence", "text"];
const SENTENCES = ["sentence #", "sentence_id", "sentence_idx", "sentence", "sent_id", "sentid", "sentence_number"];
const WORDS = ["word", "words", "token", "tokens"];
const TAG_NAMES = ["tag", "tags", "ner_tag", "ner_tags", "ner", "label", "labels"];

/** A list out of a cell: of JSON, or as Python and NumPy print one, with commas between the items or none. */
function listOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== "string" || !/^\s*\[.*\]\s*$/s.test(value)) return undefined;
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) ? list : undefined;
  } catch {
    const quoted = [...value.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g)];
    if (quoted.length === 0) return value.match(/\d+/g)?.map(Number) ?? [];
    return quoted.map(([, single, double]) => (single ?? double ?? "").replaceAll(/\\(.)/g, "$1"));
  }
}

/** The fields of a row that hold its tokens and its tags. */
function fieldsOf(row: Readonly<Record<string, unknown>>): readonly [tokens: string, tags: string] | undefined {
  const tokens = TOKENS.find((name) => listOf(own(row, name)) !== undefined);
  const tags = TAGS.find((name) => listOf(own(row, name)) !== undefined);
  if (tokens === undefined || tags === undefined) return undefined;
  const isFit = listOf(own(row, tokens))?.length === listOf(own(row, tags))?.length;
  const items = listOf(own(row, tags)) ?? [];
  return isFit && items.every((tag) => typeof tag === "string" || Number.isInteger(tag)) ? [tokens, tags] : undefined;
}

/** The number of the first and of the last token of a span, and its label. */
const isTokenSpan = (span: unknown): span is readonly [first: number, last: number, label: string] =>
  Array.isArray(span) &&
  span.length === 3 &&
  Number.isInteger(span[0]) &&
  Number.isInteger(span[1]) &&
  typeof span[2] === "string";

/**
 * A row with lists under the usual names, whatever wrote it: GLiNER's spans of tokens as tags, a sentence cut at its blanks where it has a list of as many
 * tags. Any other row stays as it is.
 */
export function listedRow(row: unknown): unknown {
  if (!isRecord(row)) return row;
  const find = (names: readonly string[]): string | undefined =>
    Object.keys(row).find((name) => names.includes(name.trim().toLowerCase()));
  const [tokens, spans] = [listOf(own(row, "tokenized_text")), listOf(own(row, "ner"))];
  if (tokens !== undefined && spans?.every(isTokenSpan) === true) {
    const tags = tokens.map(() => "O");
    for (const [first, last, label] of spans)
      for (let at = first; at <= last && at < tags.length; at++) tags[at] = `${at === first ? "B" : "I"}-${label}`;
    return { tokens, tags };
  }
  const [text, list] = [find(PARTED), find(TAGS)];
  const [parted, tags] = [own(row, text ?? ""), listOf(own(row, list ?? ""))];
  if (typeof parted !== "string" || tags === undefined || tags.length < 2) return row;
  const words = parted.trim().split(/\s+/);
  return words.length === tags.length && tags.every((tag) => typeof tag === "string" && isTag(tag))
    ? { tokens: words, tags }
    : row;
}

/** The sentences of a document of spaCy's training format up to version 2; undefined for another row. */
function sentencesOfDocument(
  row: unknown,
): readonly { readonly tokens: readonly string[]; readonly tags: readonly string[] }[] | undefined {
  const parsed = documentSchema.safeParse(row);
  return parsed.success
    ? parsed.data.paragraphs.flatMap(({ sentences }) =>
        sentences.map(({ tokens }) => ({
          tokens: tokens.map(({ orth }) => orth),
          // A dash is a tag that nobody gave.
          tags: tokens.map(({ ner }) => (ner === null || ner === undefined || ner === "-" || ner === "" ? "O" : ner)),
        })),
      )
    : undefined;
}

const documentSchema = z.object({
  paragraphs: z.array(
    z.object({ sentences: z.array(z.object({ tokens: z.array(z.object({ orth: z.string(), ner: z.string().nullish() })) })) }),
  ),
});

/** Rows with the sentences of spaCy's documents in their places. */
export function* sentencesIn(rows: Iterable<JsonRow>): Generator<JsonRow> {
  for (const row of rows) {
    const sentences = sentencesOfDocument(row.value);
    if (sentences === undefined) yield row;
    else for (const [i, value] of sentences.entries()) yield { value, place: `${row.place}, sentence ${i + 1}` };
  }
}

/** Tells whether a row has lists of tokens and of tags; by their plain names also of different lengths, for a complaint that names the row. */
export const hasTokens = (given: unknown): boolean => {
  const row = listedRow(given);
  if (!isRecord(row)) return false;
  if (sentencesOfDocument(row) !== undefined) return true;
  const isNamed =
    listOf(own(row, "tokens")) !== undefined && ["ner_tags", "tags"].some((name) => listOf(own(row, name)) !== undefined);
  return isNamed || fieldsOf(row) !== undefined;
};

/** The names of tags that are given as numbers, in the order of the numbers; undefined where there are none beside the file. */
export type TagNames = (field: string) => readonly string[] | undefined;

/**
 * Reads rows of tokens and tags.
 *
 * Errors: DataError, with the place, for a row without both, for lists of different lengths, for numbers of tags without names, and those of `textsOfSentences`.
 */
export function parseTokenRows(rows: Iterable<JsonRow>, where: string, namesOf: TagNames, options: TaggingOptions): ReadTexts {
  const sentences: Sentence[] = [];
  for (const { value: given, place } of rows) {
    const value = listedRow(given);
    const fields = isRecord(value) ? (fieldsOf(value) ?? fieldsByName(value)) : undefined;
    if (fields === undefined) throw new DataError(`${where}, ${place}: expected lists of tokens and tags, got another row`);
    const [tokens, tags] = fields.map((field) => listOf((value as Readonly<Record<string, unknown>>)[field]) ?? []) as [
      readonly unknown[],
      readonly unknown[],
    ];
    if (tokens.length !== tags.length)
      throw new DataError(`${where}, ${place}: expected a tag for each of ${tokens.length} tokens, got ${tags.length}`);
    const odd = tokens.find((token) => typeof token !== "string" && typeof token !== "number");
    if (odd !== undefined) throw new DataError(`${where}, ${place}: expected texts as tokens, got ${JSON.stringify(odd)}`);
    if (tokens.length === 0) continue;
    sentences.push({ tokens: tokens.map(String), tags: namedTags(tags, fields[1], where, namesOf), placeOf: () => place });
  }
  return textsOfSentences(sentences, where, options);
}

const fieldsByName = (row: Readonly<Record<string, unknown>>): readonly [string, string] | undefined => {
  const [tokens, tags] = [TOKENS, TAGS].map((names) => names.find((name) => Object.hasOwn(row, name)));
  return tokens === undefined || tags === undefined ? undefined : [tokens, tags];
};

function namedTags(tags: readonly unknown[], field: string, where: string, namesOf: TagNames): readonly string[] {
  if (tags.every((tag) => typeof tag === "string")) return tags;
  const names = namesOf(field);
  if (names === undefined)
    throw new DataError(
      `${where}: column "${field}": expected names of tags, got numbers; put the names into labels.txt beside the file, one a line, in the order of the numbers`,
    );
  return tags.map((tag) => {
    const name = typeof tag === "object" ? undefined : names[Number(tag)];
    if (name === undefined)
      throw new DataError(
        `${where}: column "${field}": expected a number below ${names.length}, the names of tags, got ${shown(tag)}`,
      );
    return name;
  });
}

/** The columns of a table with a token in each row: sentence, token and tag; undefined for another table. */
export function tokenColumns(names: readonly string[]): readonly [sentence: string, word: string, tag: string] | undefined {
  const find = (known: readonly string[], others: readonly (string | undefined)[]): string | undefined =>
    names.find((name) => known.includes(name.trim().toLowerCase()) && !others.includes(name));
  const sentence = find(SENTENCES, []);
  const word = find(WORDS, [sentence]);
  const tag = find(TAG_NAMES, [sentence, word]);
  return sentence === undefined || word === undefined || tag === undefined ? undefined : [sentence, word, tag];
}

/** Reads a table with a token in each row; a sentence has its number in each of its rows, or in the first alone. */
export function parseTokenTable(table: Dataset, where: string, options: TaggingOptions): ReadTexts {
  const columns = tokenColumns(table.names);
  if (columns === undefined)
    throw new DataError(`${where}: expected columns of sentences, words and tags, got ${table.names.join(", ")}`);
  const [numbers, words, tags] = columns.map((name) => table.texts(name)) as [
    readonly (string | null)[],
    readonly (string | null)[],
    readonly (string | null)[],
  ];
  const sentences: { tokens: string[]; tags: string[]; first: number; number: string | null }[] = [];
  for (const [i, number] of numbers.entries()) {
    const last = sentences.at(-1);
    const goesOn = last !== undefined && (number === null || number === last.number);
    const sentence = goesOn ? last : { tokens: [], tags: [], first: i, number };
    if (!goesOn) sentences.push(sentence);
    // A cell without anything in it is a token that the table's writer took for a missing value: null, NA.
    sentence.tokens.push(words[i] ?? "null");
    sentence.tags.push(tags[i] ?? "O");
  }
  return textsOfSentences(
    sentences.map(({ first, tokens, tags: own }) => ({ tokens, tags: own, placeOf: (at) => `row ${first + at + 1}` })),
    where,
    options,
  );
}
