/**
 * @module A data card: where data came from, what was done to them, step by step, and what is in them now. It lies in the data's folder as `card.json`, and as
 * a page beside it.
 */
import * as z from "zod";
import type { ColumnProfile } from "./inspect/profile.js";

/** The names of a card's files in its folder. */
export const CARD_FILES = { json: "card.json", page: "card.html" } as const;

const MOST_TEXT = 4000;
const text = z.string().max(MOST_TEXT);
const fileSchema = z.object({
  /** Below the folder for what a step made; as the user named it for a source. */
  name: text,
  bytes: z.number().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const stepSchema = z.object({
  /** `import`, `clean`, `split`. */
  verb: z.string().max(40),
  /** The command line that repeats it. */
  command: text,
  /** ISO 8601. */
  at: z.string().max(40),
  /** Version of Descent. */
  descent: z.string().max(40),
  inputs: z.array(fileSchema).max(1000),
  /** Files and their hashes; of many images, one entry for all: the hash of their hashes. */
  outputs: z.array(fileSchema).max(1000),
  /** Rows, images, duplicates, …, by name. */
  counts: z.record(z.string(), z.number()),
  /** Decisions, by the user or for the user, in sentences. */
  decisions: z.array(text).max(1000),
});
export type CardStep = z.infer<typeof stepSchema>;
export type CardFile = z.infer<typeof fileSchema>;

const count = z.number().int().nonnegative();
const histogramSchema = z.object({ low: z.number(), high: z.number(), counts: z.array(count) });
const valueCountsSchema = z.array(z.object({ value: z.string(), count }));
const columnSchema: z.ZodType<ColumnProfile> = z.object({
  name: z.string(),
  type: z.enum(["number", "date", "boolean", "category", "text", "nested", "empty"]),
  count,
  missing: count,
  distinct: count,
  number: z
    .object({
      minimum: z.number(),
      maximum: z.number(),
      mean: z.number(),
      standardDeviation: z.number(),
      quantiles: z.array(z.number()),
      outliers: count,
      histogram: histogramSchema,
    })
    .optional(),
  unreadable: z.object({ count, examples: z.array(z.string()) }).optional(),
  dates: z.object({ first: z.string(), last: z.string() }).optional(),
  lengths: z.object({ minimum: z.number(), maximum: z.number(), mean: z.number(), histogram: histogramSchema }).optional(),
  top: valueCountsSchema.optional(),
  languages: z.array(z.object({ language: z.string(), share: z.number() })).optional(),
  examples: z.array(z.string()).optional(),
});

/** The content of the one table of the folder, as `descent data inspect` says it, and the file of which it is true. */
const contentSchema = z.object({
  file: z.object({ name: text, bytes: count, modifiedMs: z.number() }),
  rows: count,
  columns: z.array(columnSchema),
  label: z.string().optional(),
  /** Sentences on how it was read when it was imported. */
  notes: z.array(z.string()),
});
export type CardContent = z.infer<typeof contentSchema>;

export const cardSchema = z.object({
  format: z.literal("descent-data-card"),
  version: z.literal(1),
  name: text,
  licence: text.optional(),
  description: text.optional(),
  steps: z.array(stepSchema).min(1).max(1000),
  content: contentSchema.optional(),
});
export type DataCard = z.infer<typeof cardSchema>;
