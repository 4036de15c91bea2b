/**
 * @module Texts with labels inside: tokens by their positions, spans (named entities), propositions (semantic roles). In a data set
 * each is a text column; what is not text itself lies there as JSON, as it does in JSON lines.
 */
import * as z from "zod";
import { exampleAt } from "../column.js";
import { Dataset } from "../dataset.js";
import { defined } from "../../util/record.js";
import { DataError } from "../../util/errors.js";
import type { LabelSpan } from "../../util/tags.js";

/** Start and end in a text, in UTF-16 units. */
export type Offsets = readonly [start: number, end: number];

/** A predicate and its arguments, all counted in tokens. */
export interface Proposition {
  readonly predicate: number;
  /** Its sense, `come.03`. */
  readonly frame: string;
  readonly arguments: readonly LabelSpan[];
}

/** A text with its tokens, spans or predicates, as positions in it. */
export interface LabelledText {
  readonly text: string;
  /** Offsets of the source's tokens, if it had any. */
  readonly tokens?: readonly Offsets[];
  /** Labelled spans, in UTF-16 units of the text. */
  readonly spans?: readonly LabelSpan[];
  readonly propositions?: readonly Proposition[];
}

const place = z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]);
const span = z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative(), z.string()]);
const columns = {
  tokens: z.array(place),
  spans: z.array(span),
  propositions: z.array(z.tuple([z.number().int().nonnegative(), z.string(), z.array(span)])),
};

const asTuples = (spans: readonly LabelSpan[]): [number, number, string][] =>
  spans.map(({ start, end, label }) => [start, end, label]);
const asSpans = (tuples: readonly (readonly [number, number, string])[]): LabelSpan[] =>
  tuples.map(([start, end, label]) => ({ start, end, label }));

/**
 * Labelled texts as a data set with the columns `text` and, where the texts have them, `tokens` (`[[start, end], …]`), `spans`
 * (`[[start, end, label], …]`) and `propositions` (`[[predicate, frame, [[start, end, role], …]], …]`).
 */
export function labelledTexts(texts: readonly LabelledText[]): Dataset {
  const column = (pick: (text: LabelledText) => unknown): { dtype: "string"; values: (string | null)[] } | undefined => {
    const values = texts.map((text) => {
      const value = pick(text);
      return value === undefined ? null : JSON.stringify(value);
    });
    return values.some((value) => value !== null) ? { dtype: "string", values } : undefined;
  };
  const found = {
    tokens: column((text) => text.tokens),
    spans: column((text) => text.spans && asTuples(text.spans)),
    propositions: column((text) => text.propositions?.map((p) => [p.predicate, p.frame, asTuples(p.arguments)] as const)),
  };
  const given = Object.entries(found).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return new Dataset({ text: { dtype: "string", values: texts.map(({ text }) => text) }, ...Object.fromEntries(given) });
}

function parsed<K extends keyof typeof columns>(data: Dataset, name: K, i: number): z.infer<(typeof columns)[K]> | undefined {
  const value = data.has(name) ? data.texts(name)[i] : undefined;
  if (value === null || value === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch (cause) {
    throw new DataError(`column "${name}", ${exampleAt(i)}: expected JSON, got text that does not parse`, { cause });
  }
  const result = columns[name].safeParse(json);
  if (!result.success)
    throw new DataError(
      `column "${name}", ${exampleAt(i)}: expected a list as \`labelledTexts\` writes it, got ${value.slice(0, 60)}`,
    );
  return result.data as z.infer<(typeof columns)[K]>;
}

/** A row of such a data set. DataError, with the column and row, if one is not as `labelledTexts` writes it. */
export function labelledTextAt(data: Dataset, i: number): LabelledText {
  const text = data.texts("text")[i];
  if (text === null || text === undefined) throw new DataError(`column "text", ${exampleAt(i)}: expected a text, got none`);
  const [tokens, spans, propositions] = [parsed(data, "tokens", i), parsed(data, "spans", i), parsed(data, "propositions", i)];
  return {
    text,
    ...defined({
      tokens,
      spans: spans && asSpans(spans),
      propositions: propositions?.map(([predicate, frame, roles]) => ({ predicate, frame, arguments: asSpans(roles) })),
    }),
  };
}

const IDEOGRAPHIC = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u;

/** Guesses the text between tokens that were given apart: nothing in Chinese and Japanese, a space elsewhere. */
export function joinerOf(tokens: Iterable<string>): "" | " " {
  let [words, ideographic] = [0, 0];
  for (const token of tokens) {
    if (!/\p{L}/u.test(token)) continue;
    words++;
    if (IDEOGRAPHIC.test(token)) ideographic++;
  }
  return ideographic * 2 > words ? "" : " ";
}

/** Tokens as one text, and where each stands in it. */
export function joinTokens(tokens: readonly string[], joiner: string): { text: string; offsets: Offsets[] } {
  let at = 0;
  const offsets = tokens.map((token): Offsets => {
    const start = at;
    at += token.length + joiner.length;
    return [start, start + token.length];
  });
  return { text: tokens.join(joiner), offsets };
}

/** Finds the offsets of tokens in the text that they were cut from; undefined if they are not all there, in order. */
export function findTokens(text: string, tokens: readonly string[]): Offsets[] | undefined {
  let at = 0;
  const offsets: Offsets[] = [];
  for (const token of tokens) {
    const start = text.indexOf(token, at);
    // Only spaces may stand between.
    if (start < 0 || text.slice(at, start).trim() !== "") return undefined;
    at = start + token.length;
    offsets.push([start, at]);
  }
  return offsets;
}

/** Spans of tokens as spans of the text. */
export const inText = (spans: readonly LabelSpan[], offsets: readonly Offsets[]): LabelSpan[] =>
  spans.map(({ start, end, label }) => ({
    start: (offsets[start] as Offsets)[0],
    end: (offsets[end - 1] as Offsets)[1],
    label,
  }));
