/**
 * @module `metrics.jsonl`: one JSON object per line, appended during a run. JSON has no NaN and no infinity; they are
 * written as the strings "NaN", "Infinity", "-Infinity".
 */
import * as z from "zod";
import { DataError } from "../util/errors.js";
import { parseJsonWith } from "../util/schema.js";

/** The part of the data that was measured. */
export type Split = "train" | "validation" | "test";

/** The measurements made after a step. */
export interface MetricsRecord {
  readonly step: number;
  readonly split: Split;
  /** Passes over the data so far; a fraction within one. */
  readonly epoch?: number;
  /** Time spent in training so far, all sessions of the run together. */
  readonly seconds?: number;
  readonly learningRate?: number;
  /** By name (`loss`, `accuracy`, …); fractions in 0…1. */
  readonly metrics: Readonly<Record<string, number>>;
}

const measured = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)]);
const recordSchema: z.ZodType<MetricsRecord> = z.object({
  step: z.int().nonnegative(),
  split: z.enum(["train", "validation", "test"]),
  epoch: z.number().optional(),
  seconds: z.number().optional(),
  learningRate: z.number().optional(),
  metrics: z.record(z.string(), measured),
});

/** One line, with its line end. */
export const formatRecord = (record: MetricsRecord): string =>
  `${JSON.stringify(record, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  )}\n`;

/**
 * The records of a log. A last line without a line end is what a killed process left, and is passed over; DataError, with
 * the line's number, for any other line that is not a record.
 */
export function parseMetricsLog(text: string, where: string): MetricsRecord[] {
  const lines = text.split("\n");
  lines.pop();
  return lines.map((line, i) => {
    try {
      return parseJsonWith(recordSchema, line, `line ${i + 1}`);
    } catch (cause) {
      throw new DataError(`${where}: ${(cause as Error).message}`, { cause });
    }
  });
}
