/**
 * @module Texts with spans in JSON lines, as annotation tools write them: `{"text": "…", "spans": [[0, 4, "PER"], …]}`; spans also
 * as objects (`start`, `end`, `label`), and under the names `entities`, `labels` or `label`.
 */
import * as z from "zod";
import type { ReadTexts } from "./conll.js";
import type { LabelledText } from "./labelled-text.js";
import { DataError } from "../../util/errors.js";
import type { LabelSpan } from "../../util/tags.js";

export interface SpanLinesOptions {
  /** The unit of `start` and `end`: characters as in Python, or UTF-16 units as in JavaScript. They differ behind an emoji. */
  readonly offsets?: "code-points" | "utf-16";
}

const FIELDS = ["spans", "entities", "labels", "label"] as const;

const spanSchema = z.union([
  z.tuple([z.number().int(), z.number().int(), z.string()]).transform(([start, end, label]) => ({ start, end, label })),
  z
    .looseObject({ start: z.number().int(), end: z.number().int(), label: z.string().optional(), type: z.string().optional() })
    .transform(({ start, end, label, type }) => ({ start, end, label: label ?? type ?? "_" })),
]);
const rowSchema = z.looseObject({ text: z.string() });

/** Tells whether a row looks like a text with spans. */
export const hasSpans = (row: unknown): boolean => {
  const parsed = rowSchema.safeParse(row);
  if (!parsed.success) return false;
  return FIELDS.some((field) => {
    const value: unknown = parsed.data[field];
    // An empty list under another name may be one of classes.
    const isList = Array.isArray(value) && (value.length > 0 || field === "spans" || field === "entities");
    return isList && value.every((span) => spanSchema.safeParse(span).success);
  });
};

/**
 * Reads texts with spans.
 *
 * Errors: DataError, with the line, for a line that is no such object, an empty text, and a span outside of its text.
 */
export function parseSpanLines(content: string, where: string, options: SpanLinesOptions = {}): ReadTexts {
  const { offsets = "code-points" } = options;
  const texts: LabelledText[] = [];
  for (const [i, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const fail = (problem: string): DataError => new DataError(`${where}, line ${i + 1}: ${problem}`);
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      throw fail("expected JSON, got text that does not parse");
    }
    const row = rowSchema.safeParse(json);
    if (!row.success) throw fail('expected an object with "text", got another');
    const { text } = row.data;
    if (text.trim() === "") throw fail("expected a text, got an empty one");
    const field = FIELDS.find((name) => Array.isArray(row.data[name]));
    const spans = z.array(spanSchema).safeParse(field === undefined ? [] : row.data[field]);
    if (!spans.success) throw fail(`expected spans as [start, end, label] in "${field}", got others`);
    texts.push({ text, spans: spans.data.map((span) => placed(text, span, offsets, fail)) });
  }
  if (texts.length === 0) throw new DataError(`${where}: expected at least one text, got an empty file`);
  return { texts, notes: [] };
}

function placed(
  text: string,
  span: LabelSpan,
  offsets: "code-points" | "utf-16",
  fail: (problem: string) => DataError,
): LabelSpan {
  const units = offsets === "utf-16" ? undefined : characterOffsets(text);
  const [start, end] = units === undefined ? [span.start, span.end] : [units[span.start], units[span.end]];
  if (start === undefined || end === undefined || start < 0 || end <= start || end > text.length)
    throw fail(
      `expected spans within the ${units === undefined ? text.length : units.length - 1} characters of the text, got ${span.start} to ${span.end}`,
    );
  return { start, end, label: span.label };
}

/** Lists the offset of each code point in UTF-16 units, and the end of the text. */
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
