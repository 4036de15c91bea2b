/**
 * @module Texts with spans in JSON, as annotation tools write them: `{"text": "…", "spans": [[0, 4, "PER"], …]}`; spans also as objects (`start`, `end`,
 * `label`; doccano's `start_offset`, `end_offset`; Label Studio's `labels`), under the names `entities`, `labels` or `label`; spaCy's `["…", {"entities": …}]`;
 * and Label Studio's tasks with their annotations.
 */
import * as z from "zod";
import type { JsonRow } from "./json-rows.js";
import { jsonRows } from "./json-rows.js";
import type { ReadTexts } from "./tagged-sentences.js";
import type { LabelledText } from "./labelled-text.js";
import { DataError } from "../../util/errors.js";
import type { LabelSpan } from "../../util/tags.js";

export interface SpanLinesOptions {
  /** The unit of `start` and `end`: characters as in Python, or UTF-16 units as in JavaScript. They differ behind an emoji. */
  readonly offsets?: "code-points" | "utf-16";
}

const FIELDS = ["spans", "entities", "labels", "label"] as const;

/** A span as it is written, and, where a tool writes it beside, what it covers. */
interface WrittenSpan extends LabelSpan {
  readonly covered?: string;
}

const whole = z.number().int();
const spanSchema: z.ZodType<WrittenSpan> = z.union([
  z.tuple([whole, whole, z.string()]).transform(([start, end, label]) => ({ start, end, label })),
  z
    .looseObject({ start: whole, end: whole, label: z.string().optional(), type: z.string().optional() })
    .refine((span) => !Array.isArray(span["labels"]))
    .transform(({ start, end, label, type }) => ({ start, end, label: label ?? type ?? "_" })),
  z
    .looseObject({ start_offset: whole, end_offset: whole, label: z.string() })
    .transform(({ start_offset: start, end_offset: end, label }) => ({ start, end, label })),
  z
    .looseObject({ start: whole, end: whole, labels: z.array(z.string()).min(1), text: z.string().optional() })
    .transform(({ start, end, labels, text }) => ({
      start,
      end,
      label: labels[0] as string,
      ...(text === undefined ? {} : { covered: text }),
    })),
]);
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
  const { data, text } = (typeof row === "object" && row !== null ? row : {}) as { data?: unknown; text?: unknown };
  return typeof data === "string" && text === undefined ? { ...(row as object), text: data } : row;
}

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

/** Reads texts with spans from JSON: a list, or an object a line. Errors: those of `parseSpanRows`, and for text that is no JSON. */
export const parseSpanLines = (content: string, where: string, options: SpanLinesOptions = {}): ReadTexts =>
  parseSpanRows(jsonRows(content, where), where, options);

/**
 * Reads texts with spans from rows.
 *
 * Errors: DataError, with the place, for a row that is none, an empty text, and a span outside of its text.
 */
export function parseSpanRows(rows: Iterable<JsonRow>, where: string, options: SpanLinesOptions = {}): ReadTexts {
  const { offsets = "code-points" } = options;
  const texts: LabelledText[] = [];
  for (const { value, place } of rows) {
    const fail = (problem: string): DataError => new DataError(`${where}, ${place}: ${problem}`);
    const row = rowSchema.safeParse(plainRow(value));
    if (!row.success) throw fail('expected an object with "text", got another');
    const { text } = row.data;
    if (text.trim() === "") throw fail("expected a text, got an empty one");
    const field = FIELDS.find((name) => Array.isArray(row.data[name]));
    const spans = z.array(spanSchema).safeParse(field === undefined ? [] : row.data[field]);
    if (!spans.success) throw fail(`expected spans as [start, end, label] in "${field}", got others`);
    texts.push({ text, spans: spans.data.map((span) => placed(text, span, unitFor(text, spans.data, offsets), fail)) });
  }
  if (texts.length === 0) throw new DataError(`${where}: expected at least one text, got an empty file`);
  return { texts, notes: [] };
}

type Unit = "code-points" | "utf-16";

/** The unit of a text's spans: where a tool says what they cover, the one in which they do. */
function unitFor(text: string, spans: readonly WrittenSpan[], usual: Unit): Unit {
  const told = spans.filter(({ covered }) => covered !== undefined);
  const fits = (unit: Unit): boolean => {
    const units = unit === "utf-16" ? undefined : characterOffsets(text);
    return told.every(({ start, end, covered }) => text.slice(units?.[start] ?? start, units?.[end] ?? end) === covered);
  };
  const other: Unit = usual === "utf-16" ? "code-points" : "utf-16";
  return told.length > 0 && !fits(usual) && fits(other) ? other : usual;
}

function placed(text: string, span: LabelSpan, offsets: Unit, fail: (problem: string) => DataError): LabelSpan {
  const units = offsets === "utf-16" ? undefined : characterOffsets(text);
  const [start, end] = units === undefined ? [span.start, span.end] : [units[span.start], units[span.end]];
  if (start === undefined || end === undefined || start < 0 || end <= start || end > text.length)
    throw fail(
      `expected spans within the ${units === undefined ? text.length : units.length - 1} characters of the text, got ${span.start} to ${span.end}`,
    );
  return { start, end, label: span.label };
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
