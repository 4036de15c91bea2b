/**
 * @module Texts with spans in JSON, as annotation tools write them: `{"text": "…", "spans": [[0, 4, "PER"], …]}`; spans also as objects (`start`, `end`,
 * `label`; doccano's `start_offset`, `end_offset`; Label Studio's `labels`), under the names `entities`, `labels` or `label`; spaCy's `["…", {"entities": …}]`;
 * Azure's `offset`, `length` and `category`; Dataturks' `annotation`; Label Studio's tasks with their annotations; Prodigy's answers; CLUENER's `{"label": {"name": {"Ann": [[0, 2]]}}}`.
 */
import * as z from "zod";
import type { JsonRow } from "./json-rows.js";
import { jsonRows } from "./json-rows.js";
import type { ReadTexts } from "./tagged-sentences.js";
import type { LabelledText } from "./labelled-text.js";
import { DataError } from "../../util/errors.js";
import { isRecord, own } from "../../util/record.js";
import type { LabelSpan } from "../../util/tags.js";

export interface SpanLinesOptions {
  /** The unit of `start` and `end`: characters as in Python, or UTF-16 units as in JavaScript. They differ behind an emoji. */
  readonly offsets?: "code-points" | "utf-16";
  /** Blanks at the ends of spans stay in them. */
  readonly keepBlanks?: boolean;
}

const FIELDS = ["spans", "entities", "labels", "label"] as const;

/** A span as it is written, and, where a tool writes it beside, what it covers. */
interface WrittenSpan extends LabelSpan {
  readonly covered?: string;
}

/** A whole number, or one that a tool wrote as a text. */
const whole = z.union([z.number().int(), z.string().regex(/^\d+$/).transform(Number)]);
/** The name of a label, where a number may stand as well: `["12", …]` is no label first. */
const name = z.string().regex(/\D/);
const spanSchema: z.ZodType<WrittenSpan> = z.union([
  z.tuple([whole, whole, z.string()]).transform(([start, end, label]) => ({ start, end, label })),
  z.tuple([name, whole, whole]).transform(([label, start, end]) => ({ start, end, label })),
  z
    .looseObject({ start: whole, end: whole })
    .refine(
      (span) =>
        !Array.isArray(span["labels"]) && LABELS.every((field) => ["string", "undefined"].includes(typeof own(span, field))),
    )
    .transform(({ start, end, ...rest }) => ({ start, end, label: labelIn(rest), ...coveredIn(rest) })),
  z.looseObject({ offset: whole, length: whole }).transform(({ offset, length, ...rest }) => ({
    start: offset,
    end: offset + length,
    label: labelIn(rest),
    ...coveredIn(rest),
  })),
  z
    .looseObject({ start_offset: whole, end_offset: whole, label: z.string() })
    .transform(({ start_offset: start, end_offset: end, label, ...rest }) => ({ start, end, label, ...coveredIn(rest) })),
  z
    .looseObject({ start: whole, end: whole, labels: z.array(z.string()).min(1) })
    .transform(({ start, end, labels, ...rest }) => ({ start, end, label: labels[0] as string, ...coveredIn(rest) })),
]);

const LABELS = ["label", "type", "entity", "category", "entity_group"] as const;

/** The label of a span, by the names that tools have for it. */
const labelIn = (span: Readonly<Record<string, unknown>>): string =>
  LABELS.map((field) => own(span, field)).find((value) => typeof value === "string") ?? "_";

/** The text that a span covers, where it says so. */
function coveredIn(span: Readonly<Record<string, unknown>>): Pick<WrittenSpan, "covered"> {
  const covered = ["text", "value", "word"].map((field) => own(span, field)).find((value) => typeof value === "string");
  return covered === undefined || covered.trim() === "" ? {} : { covered };
}
const rowSchema = z.looseObject({ text: z.string() });

/** A task of Label Studio: data, and what annotators made of them, of whom the first counts. */
const taskSchema = z.looseObject({
  data: z.looseObject({}),
  annotations: z.array(z.looseObject({ result: z.array(z.looseObject({})) })).optional(),
  completions: z.array(z.looseObject({ result: z.array(z.looseObject({})) })).optional(),
});

/** A row in the plain form, whatever tool wrote it; what is none of them stays as it is. */
function plainRow(row: unknown): unknown {
  if (Array.isArray(row) && row.length === 2 && typeof row[0] === "string" && typeof row[1] === "object" && row[1] !== null)
    return { ...(row[1] as object), text: row[0] };
  const task = taskSchema.safeParse(row);
  if (task.success && (task.data.annotations ?? task.data.completions) !== undefined) {
    const { data, annotations, completions } = task.data;
    const results = (annotations ?? completions ?? [])[0]?.result ?? [];
    const values = results.flatMap((result) =>
      result["type"] === "labels" || result["type"] === "hypertextlabels" ? [result["value"]] : [],
    );
    const texts = Object.values(data).filter((value) => typeof value === "string");
    return { text: data["text"] ?? (texts.length === 1 ? texts[0] : undefined), spans: values };
  }
  if (!isRecord(row)) return row;
  const { data, text, label } = row;
  const turk = turkSchema.safeParse(row);
  if (turk.success) return { text: turk.data.content, spans: turk.data.annotation ?? [] };
  if (typeof data === "string" && text === undefined) return { ...row, text: data };
  const byLabel = labelsSchema.safeParse(label);
  return byLabel.success ? { ...row, label: byLabel.data } : row;
}

/** A text of Dataturks, with the place of the last character for an end. */
const turkSchema = z.object({
  content: z.string(),
  annotation: z
    .array(
      z.object({ label: z.array(z.string()).min(1), points: z.array(z.object({ start: whole, end: whole, text: z.string() })) }),
    )
    .nullable()
    .transform((all) =>
      all?.flatMap(({ label: [label], points }) => points.map(({ start, end, text }) => ({ start, end: end + 1, label, text }))),
    ),
});

/** Spans by label and by what they cover, with the place of the last character for an end. */
const labelsSchema = z
  .record(z.string(), z.record(z.string(), z.array(z.tuple([whole, whole])).min(1)))
  .refine((labels) => Object.keys(labels).length > 0)
  .transform((labels) =>
    Object.entries(labels).flatMap(([label, words]) =>
      Object.entries(words).flatMap(([text, places]) => places.map(([start, end]) => ({ start, end: end + 1, label, text }))),
    ),
  );

/** Tells whether an annotator took an example for none: Prodigy writes those out, too. */
const isRejected = (row: unknown): boolean => isRecord(row) && (row["answer"] === "reject" || row["answer"] === "ignore");

/** Tells whether a row looks like a text with spans. */
export const hasSpans = (row: unknown): boolean => {
  const parsed = rowSchema.safeParse(plainRow(row));
  if (!parsed.success) return false;
  return FIELDS.some((field) => {
    const value: unknown = parsed.data[field];
    // An empty list under another name may be one of classes.
    const isList = Array.isArray(value) && (value.length > 0 || field === "spans" || field === "entities");
    return isList && value.every((span) => spanSchema.safeParse(span).success);
  });
};

/** Reads texts with spans from JSON: a list, or an object a line. Errors: those of `parseSpanRows`, and for text that is not JSON. */
export const parseSpanLines = (content: string, where: string, options: SpanLinesOptions = {}): ReadTexts =>
  parseSpanRows(jsonRows(content, where), where, options);

/**
 * Reads texts with spans from rows.
 *
 * Errors: DataError, with the place, for a row that is none, an empty text, and a span outside of its text.
 */
export function parseSpanRows(rows: Iterable<JsonRow>, where: string, options: SpanLinesOptions = {}): ReadTexts {
  const read: { readonly text: string; readonly spans: readonly WrittenSpan[]; readonly fail: Fail }[] = [];
  let rejected = 0;
  for (const { value, place } of rows) {
    if (isRejected(value)) {
      rejected++;
      continue;
    }
    const fail: Fail = (problem) => new DataError(`${where}, ${place}: ${problem}`);
    const row = rowSchema.safeParse(plainRow(value));
    if (!row.success) throw fail('expected an object with "text", got another');
    const { text } = row.data;
    if (text.trim() === "") throw fail("expected a text, got an empty one");
    const field = FIELDS.find((one) => Array.isArray(row.data[one]));
    const spans = z.array(spanSchema).safeParse(field === undefined ? [] : row.data[field]);
    if (!spans.success) throw fail(`expected spans as [start, end, label] in "${field}", got others`);
    read.push({ text, spans: spans.data, fail });
  }
  if (read.length === 0) throw new DataError(`${where}: expected at least one text, got an empty file`);
  const { place, note } = countingOf(read, options.offsets ?? "code-points");
  const notes = note === undefined ? [] : [note];
  if (rejected > 0) notes.push(`left out, since their answer is "reject" or "ignore": ${rejected} of ${read.length + rejected}`);
  let trimmed = 0;
  const texts = read.map(({ text, spans, fail }): LabelledText => {
    const at = place(text);
    return {
      text,
      spans: spans.map((span) => {
        const found = placed(text, span, at(span), fail);
        const [start, end] = options.keepBlanks === true ? found : trimBlanks(text, found);
        if (end - start < found[1] - found[0]) trimmed++;
        return { start, end, label: span.label };
      }),
    };
  });
  if (trimmed > 0) notes.push(`blanks at the ends of ${trimmed} spans were left out of them`);
  const isCut = note === undefined && looksInclusive(texts);
  if (isCut)
    notes.push("every span ends one character before its last word does; if the ends are those of the last character, add 1");
  return { texts, notes: notes.map((text) => `${where}: ${text}`) };
}

type Fail = (problem: string) => DataError;
/** The positions of a text's spans in UTF-16 units; undefined where there is none. */
type Place = (text: string) => (span: LabelSpan) => readonly [start: number | undefined, end: number | undefined];

const byUnits: Place =
  () =>
  ({ start, end }) => [start, end];
const byCharacters: Place = (text) => {
  const units = characterOffsets(text);
  return ({ start, end }) => [units[start], units[end]];
};
const byGraphemes: Place = (text) => {
  const units = [...new Intl.Segmenter().segment(text)].map(({ index }) => index);
  units.push(text.length);
  return ({ start, end }) => [units[start], units[end]];
};
const byBytes: Place = (text) => {
  const units = new Map<number, number>();
  let [unit, byte] = [0, 0];
  for (const character of text) {
    units.set(byte, unit);
    byte += new TextEncoder().encode(character).length;
    unit += character.length;
  }
  units.set(byte, unit);
  return ({ start, end }) => [units.get(start), units.get(end)];
};
const moved =
  (by: Place, starts: number, ends: number): Place =>
  (text) => {
    const place = by(text);
    return (span) => place({ ...span, start: span.start + starts, end: span.end + ends });
  };

/**
 * Finds how a file counts: where its spans say what they cover, the way in which they do; otherwise the usual one.
 *
 * Errors: DataError, with the place, for spans that cover something else in every way.
 */
function countingOf(
  rows: readonly { readonly text: string; readonly spans: readonly WrittenSpan[]; readonly fail: Fail }[],
  unit: "code-points" | "utf-16",
): { readonly place: Place; readonly note?: string } {
  const usual = unit === "utf-16" ? byUnits : byCharacters;
  const told = rows.filter(({ spans }) => spans.some(({ covered }) => covered !== undefined));
  const differs = (place: Place) => {
    for (const row of told) {
      const at = place(row.text);
      const span = row.spans.find((one) => one.covered !== undefined && !covers(row.text, at(one), one.covered));
      if (span !== undefined) return { ...row, span, at: at(span) };
    }
    return undefined;
  };
  const odd = differs(usual);
  if (odd === undefined) return told.length === 0 ? untold(rows, unit) : { place: usual };
  // Emoji are one character of Python and two units of JavaScript: both are common, so nothing is said.
  const other = unit === "utf-16" ? byCharacters : byUnits;
  if (differs(other) === undefined) return { place: other };
  const ways: readonly (readonly [Place, string])[] = [
    [moved(usual, 0, 1), "the ends of spans are those of their last characters"],
    [moved(usual, -1, 0), "spans count from 1, their ends are those of their last characters"],
    [moved(usual, -1, -1), "spans count from 1"],
    [byGraphemes, "spans count signs as readers see them"],
    [byBytes, "spans count bytes of UTF-8"],
  ];
  const found = ways.find(([place]) => differs(place) === undefined);
  if (found !== undefined) return { place: found[0], note: `${found[1]}, as the texts show that they cover` };
  const { text, span, at, fail } = odd;
  const [start = 0, end = 0] = at;
  throw fail(
    `expected ${JSON.stringify(shorten(span.covered ?? ""))} from ${span.start} to ${span.end}, as the span says, got ${JSON.stringify(shorten(text.slice(start, end)))}`,
  );
}

/**
 * Finds how a file counts whose spans do not say what they cover: as usual, unless another way alone makes every span behind an emoji begin and end where
 * words do.
 */
function untold(
  rows: readonly { readonly text: string; readonly spans: readonly WrittenSpan[] }[],
  unit: "code-points" | "utf-16",
): { readonly place: Place; readonly note?: string } {
  const ways: readonly (readonly [Place, string])[] = [
    [unit === "utf-16" ? byUnits : byCharacters, ""],
    [
      unit === "utf-16" ? byCharacters : byUnits,
      unit === "utf-16" ? "spans count characters as Python does" : "spans count UTF-16 units",
    ],
    [byGraphemes, "spans count signs as readers see them"],
  ];
  const doubtful = rows.filter(({ text, spans }) => spans.length > 0 && /[^\0-\uffff]|\u200d/u.test(text));
  const fits = ([place]: readonly [Place, string]): boolean =>
    doubtful.every(({ text, spans }) => {
      const at = place(text);
      return spans.every((span) => standsApart(text, at(span)));
    });
  const usual = ways[0] as readonly [Place, string];
  const others = fits(usual) ? [] : ways.slice(1).filter(fits);
  const [found] = others;
  if (others.length !== 1 || found === undefined) return { place: usual[0] };
  return { place: found[0], note: `${found[1]}, since only so they begin and end where words do` };
}

/** Tells whether a part of a text begins and ends with no blank, and inside of no word. */
function standsApart(text: string, [start, end]: ReturnType<ReturnType<Place>>): boolean {
  if (start === undefined || end === undefined || start >= end || end > text.length) return false;
  const part = text.slice(start, end);
  const isWord = (sign: string | undefined): boolean => /\p{L}|\p{N}|\p{Emoji_Modifier}|\u200d|\ufe0f/u.test(sign ?? "");
  const [before, inner, after] = [text.slice(0, start), part, text.slice(end)].map((piece) => Array.from(piece)) as [
    string[],
    string[],
    string[],
  ];
  return part.trim() === part && !(isWord(before.at(-1)) && isWord(inner[0])) && !(isWord(inner.at(-1)) && isWord(after[0]));
}

const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** Compares what a span covers with what it says; tools write line ends in several ways, and trim. */
function covers(text: string, [start, end]: ReturnType<ReturnType<Place>>, covered: string): boolean {
  if (start === undefined || end === undefined || start < 0) return false;
  const plain = (part: string): string => part.replaceAll("\\n", "\n").replaceAll("\r", "").replaceAll("\n", " ").trim();
  return plain(text.slice(start, end)) === plain(covered);
}

function placed(
  text: string,
  span: LabelSpan,
  [start, end]: ReturnType<ReturnType<Place>>,
  fail: Fail,
): readonly [start: number, end: number] {
  if (start === undefined || end === undefined || start < 0 || end <= start || end > text.length) {
    throw fail(
      `expected spans within the ${characterOffsets(text).length - 1} characters of the text, got ${span.start} to ${span.end}`,
    );
  }
  return [start, end];
}

/** A span without the blanks at its ends; of blanks alone it stays. */
function trimBlanks(text: string, [start, end]: readonly [number, number]): [start: number, end: number] {
  const part = text.slice(start, end);
  if (part.trim() === "") return [start, end];
  return [end - part.trimStart().length, start + part.trimEnd().length];
}

/** Fewer spans that all end inside words are chance. */
const ENOUGH = 5;

/** Tells whether every span ends just before the last letter of a word. */
function looksInclusive(texts: readonly LabelledText[]): boolean {
  const isLetter = (text: string, at: number): boolean => /[\p{L}\p{N}]/u.test(text.charAt(at));
  const spans = texts.flatMap(({ text, spans: found = [] }) => found.map(({ end }) => ({ text, end })));
  return (
    spans.length >= ENOUGH &&
    spans.every(({ text, end }) => isLetter(text, end - 1) && isLetter(text, end) && !isLetter(text, end + 1))
  );
}

/** Lists the offset of each code point, and the end of the text. */
export function characterOffsets(text: string): number[] {
  const units: number[] = [];
  let at = 0;
  for (const character of text) {
    units.push(at);
    at += character.length;
  }
  units.push(at);
  return units;
}
