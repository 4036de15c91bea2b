/**
 * @module One column of a table as numbers for a model: what is learnt from the training rows (an encoder, plain JSON), and
 * how rows are encoded by it.
 */
import * as z from "zod";
import type { Column } from "./column.js";
import { isMissing, isText, placeAt } from "./column.js";
import { labelText } from "./labels.js";
import { elementAt } from "../graph/index.js";
import { DataError } from "../util/errors.js";

/** Mean and population standard deviation. */
const scale = z.object({ mean: z.number(), sd: z.number().positive() });

const gaps = z.boolean().optional();

/**
 * The encoding of a column. `indicator`: one more number, 1 where the value is missing (if any was in training).
 *
 * - number: standardized; a missing one is the mean.
 * - boolean: 0 or 1; a missing one is the mean.
 * - date: days (standardized), sine and cosine of the month and the weekday, and of the hour where it varies.
 * - oneHot: a 1 at the category's place. `other` stands for rare ones and those never seen, `missing` for none.
 * - index: a number for an embedding: 0 other, 1 missing, then the categories.
 * - code: the same number among the features, for models that split categories themselves.
 *
 * `gaps`: a missing number stays one, as NaN, for models that know what to do with it.
 */
export const encoderSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("number"), name: z.string(), ...scale.shape, indicator: z.boolean(), gaps }),
  z.object({ kind: z.literal("boolean"), name: z.string(), mean: z.number(), indicator: z.boolean(), gaps }),
  z.object({ kind: z.literal("date"), name: z.string(), ...scale.shape, hours: z.boolean(), indicator: z.boolean(), gaps }),
  z.object({
    kind: z.literal("oneHot"),
    name: z.string(),
    categories: z.array(z.string()),
    other: z.boolean(),
    missing: z.boolean(),
  }),
  z.object({ kind: z.literal("index"), name: z.string(), categories: z.array(z.string()) }),
  z.object({ kind: z.literal("code"), name: z.string(), categories: z.array(z.string()) }),
]);
export type Encoder = z.infer<typeof encoderSchema>;

const DAY_MS = 86_400_000;
const TRUE = new Set(["true", "yes", "y", "t", "1"]);
const FALSE = new Set(["false", "no", "n", "f", "0"]);

/** A row's value as a number, NaN where it is missing. DataError, with the row, where it is not a number. */
export function numberAt(column: Column, i: number, name: string): number {
  if (isMissing(column, i)) return Number.NaN;
  if (!isText(column)) {
    const value = elementAt(column, i);
    return Number.isFinite(value) ? value : Number.NaN;
  }
  const text = (column.values[i] as string).trim();
  const value = text === "" ? Number.NaN : Number(text);
  if (text !== "" && !Number.isFinite(value))
    throw new DataError(`column "${name}", ${placeAt(column, i)}: expected a number, got "${text}"`);
  return value;
}

function booleanAt(column: Column, i: number, name: string): number {
  if (isMissing(column, i) || !isText(column)) return numberAt(column, i, name);
  const text = (column.values[i] as string).trim().toLowerCase();
  if (TRUE.has(text)) return 1;
  if (FALSE.has(text)) return 0;
  throw new DataError(`column "${name}", ${placeAt(column, i)}: expected true or false, got "${column.values[i]}"`);
}

function dateAt(column: Column, i: number, name: string): number {
  if (isMissing(column, i) || !isText(column)) return numberAt(column, i, name);
  const time = Date.parse(column.values[i] as string);
  if (Number.isNaN(time))
    throw new DataError(`column "${name}", ${placeAt(column, i)}: expected a date (2024-01-31), got "${column.values[i]}"`);
  return time;
}

/** Mean and population standard deviation of what is there; a spread of 0 where all values are equal. */
export function measureScale(values: Float64Array): { mean: number; sd: number; missing: number } {
  let [sum, count] = [0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  const mean = count === 0 ? 0 : sum / count;
  let squares = 0;
  for (const value of values) if (!Number.isNaN(value)) squares += (value - mean) ** 2;
  return { mean, sd: count === 0 ? 0 : Math.sqrt(squares / count), missing: values.length - count };
}

/** Reads every row of a column. */
const read = (column: Column, length: number, at: typeof numberAt, name: string): Float64Array =>
  Float64Array.from({ length }, (_, i) => at(column, i, name));

export interface FitOptions {
  /** Up to so many categories become one-hot; more an index. */
  readonly maxOneHot: number;
  /** Categories with fewer training rows count as "other". */
  readonly minCount: number;
  /** Missing numbers stay NaN, and categories become codes: for trees. */
  readonly forTrees?: boolean;
}

/** An encoder for a column, or the reason why the column cannot be used. */
export function fitEncoder(name: string, column: Column, length: number, options: FitOptions): Encoder | { useless: string } {
  const encoder = fitUsual(name, column, length, options);
  if (options.forTrees !== true || "useless" in encoder) return encoder;
  if (encoder.kind === "oneHot" || encoder.kind === "index") return { kind: "code", name, categories: encoder.categories };
  return encoder.kind === "code" ? encoder : { ...encoder, indicator: false, gaps: true };
}

/** An encoder for a network. */
function fitUsual(name: string, column: Column, length: number, options: FitOptions): Encoder | { useless: string } {
  if (!isText(column) && column.shape.length > 1)
    return { useless: `each row holds [${column.shape.slice(1).join(", ")}] numbers` };
  if (!isText(column) && column.unit === "date") {
    const times = read(column, length, dateAt, name);
    const { mean, sd, missing } = measureScale(times.map((time) => time / DAY_MS));
    if (missing === length) return { useless: "it has no values" };
    if (sd === 0 && missing === 0) return { useless: "all its values are equal" };
    const hours = times.some((time) => time % DAY_MS !== 0 && !Number.isNaN(time));
    return { kind: "date", name, mean, sd: sd || 1, hours, indicator: missing > 0 };
  }
  if (!isText(column) && (column.classes === undefined || column.dtype === "bool")) {
    const { mean, sd, missing } = measureScale(read(column, length, numberAt, name));
    if (missing === length) return { useless: "it has no values" };
    if (sd === 0 && missing === 0) return { useless: "all its values are equal" };
    if (column.dtype === "bool") return { kind: "boolean", name, mean, indicator: missing > 0 };
    return { kind: "number", name, mean, sd: sd || 1, indicator: missing > 0 };
  }
  const counts = new Map<string, number>();
  let missing = 0;
  for (let i = 0; i < length; i++) {
    const label = labelText(column, i);
    if (label === null) missing++;
    else counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  if (counts.size === 0) return { useless: "it has no values" };
  if (counts.size === 1 && missing === 0) return { useless: "all its values are equal" };
  if (counts.size > 50 && counts.size > (length - missing) / 2)
    return { useless: `most rows have a value of their own (${counts.size})` };
  const kept = [...counts].filter(([, count]) => count >= options.minCount);
  if (kept.length === 0 && missing === 0) return { useless: `each row has a value of its own, or nearly so (${counts.size})` };
  const categories = kept.map(([label]) => label).sort();
  if (categories.length > options.maxOneHot) return { kind: "index", name, categories };
  return { kind: "oneHot", name, categories, other: kept.length < counts.size, missing: missing > 0 };
}

/** An encoder that leaves a column of numbers as it is, or the reason why it is none. */
export const plainEncoder = (name: string, column: Column): Encoder | { useless: string } =>
  isText(column) || column.shape.length > 1 || column.unit === "date"
    ? { useless: "it is no column of numbers" }
    : { kind: "number", name, mean: 0, sd: 1, indicator: false };

/** Names of the numbers that an encoder gives for a row; none for an index. */
export function featureNames(encoder: Encoder): string[] {
  const { name } = encoder;
  const suffix = (parts: readonly string[]): string[] => parts.map((part) => `${name}:${part}`);
  switch (encoder.kind) {
    case "number":
    case "boolean":
      return [name, ...(encoder.indicator ? suffix(["missing"]) : [])];
    case "date": {
      const hours = encoder.hours ? ["hour sin", "hour cos"] : [];
      const indicator = encoder.indicator ? ["missing"] : [];
      return suffix(["day", "month sin", "month cos", "weekday sin", "weekday cos", ...hours, ...indicator]);
    }
    case "oneHot":
      return [
        ...encoder.categories.map((category) => `${name}=${category}`),
        ...(encoder.other ? suffix(["other"]) : []),
        ...(encoder.missing ? suffix(["missing"]) : []),
      ];
    case "index":
      return [];
    case "code":
      return [name];
  }
}

/** Writes a column's numbers into rows of `width`, from place `start` on. */
export function encodeNumbers(
  encoder: Encoder,
  column: Column,
  length: number,
  into: Float32Array,
  width: number,
  start: number,
): void {
  const { name } = encoder;
  if (encoder.kind === "index") return;
  if (encoder.kind === "code") {
    encodeCodes(encoder, column, length, into, width, start);
    return;
  }
  if (encoder.kind === "oneHot") {
    const place = new Map(encoder.categories.map((category, k) => [category, k]));
    const other = encoder.other ? encoder.categories.length : undefined;
    const missing = encoder.missing ? encoder.categories.length + (encoder.other ? 1 : 0) : undefined;
    for (let i = 0; i < length; i++) {
      const label = labelText(column, i);
      const k = label === null ? missing : (place.get(label) ?? other);
      // Without a place of its own what was never seen in training is all zeros.
      if (k !== undefined) into[i * width + start + k] = 1;
    }
    return;
  }
  const indicatorAt = start + featureNames(encoder).length - 1;
  const at = encoder.kind === "date" ? dateAt : encoder.kind === "boolean" ? booleanAt : numberAt;
  for (let i = 0; i < length; i++) {
    const value = at(column, i, name);
    const row = i * width;
    if (Number.isNaN(value) && encoder.gaps === true) into.fill(Number.NaN, row + start, row + indicatorAt + 1);
    else if (Number.isNaN(value)) {
      into[row + start] = encoder.kind === "boolean" ? encoder.mean : 0;
      if (encoder.indicator) into[row + indicatorAt] = 1;
    } else if (encoder.kind === "date") {
      const date = new Date(value);
      into[row + start] = (value / DAY_MS - encoder.mean) / encoder.sd;
      const cycles = [date.getUTCMonth() / 12, date.getUTCDay() / 7, ...(encoder.hours ? [(value / DAY_MS) % 1] : [])];
      for (const [c, turn] of cycles.entries()) {
        into[row + start + 1 + 2 * c] = Math.sin(2 * Math.PI * turn);
        into[row + start + 2 + 2 * c] = Math.cos(2 * Math.PI * turn);
      }
    } else into[row + start] = encoder.kind === "boolean" ? value : (value - encoder.mean) / encoder.sd;
  }
}

type Indexed = Encoder & { kind: "index" | "code" };

/** Counts the indices of an index column: its categories, other, and missing. */
export const indexSize = (encoder: Indexed): number => encoder.categories.length + 2;

/** Writes a column's category numbers into rows of `width`, at place `at`. */
export function encodeCodes(
  encoder: Indexed,
  column: Column,
  length: number,
  into: Int32Array | Float32Array,
  width: number,
  at: number,
): void {
  const place = new Map(encoder.categories.map((category, k) => [category, k + 2]));
  for (let i = 0; i < length; i++) {
    const label = labelText(column, i);
    into[i * width + at] = label === null ? 1 : (place.get(label) ?? 0);
  }
}
