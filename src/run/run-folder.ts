/**
 * @module The contents of a run folder: the names of its files and the shapes of its JSON. Reading and writing one is in
 * `run-folder-node.ts`.
 */
import * as z from "zod";
import type { Metrics } from "../metrics/metric.js";

/** Files at the top of a run folder. TensorBoard finds its own by "tfevents" in the name. */
export const RUN_FILES = {
  config: "config.json",
  metrics: "metrics.jsonl",
  events: "events.out.tfevents.descent",
  summary: "summary.json",
  report: "report.html",
  lock: "run.lock",
  checkpoints: "checkpoints",
} as const;

/** `config.json`: all that is needed to repeat a run, and what a verb needs to know of it later. */
export interface RunConfig {
  /** Version of Descent that made it. */
  readonly descent: string;
  readonly task: string;
  /** The command line that repeats it. */
  readonly command?: string;
  /** By the command line's names in camelCase: `--config` reads them back. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Entries of the task: labels, columns, preprocessing. */
  readonly [extra: string]: unknown;
}

/** Checks a run's `config.json`. */
export const runConfigSchema: z.ZodType<RunConfig> = z.looseObject({
  descent: z.string(),
  task: z.string(),
  command: z.string().optional(),
  options: z.record(z.string(), z.unknown()),
});

/** `summary.json`. */
/** A threshold of one class's probability, and what comes of naming the class from there on. */
export interface OperatingPoint {
  /** The wish that it fulfils: "best F1", "precision ≥ 0.9". */
  readonly name: string;
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** The points of a classifier of two classes, for the second. */
export interface OperatingPoints {
  readonly class: string;
  readonly points: readonly OperatingPoint[];
}

/** A run's figures at the end: metrics, parameters, time in seconds. */
export interface RunSummary {
  readonly task: string;
  readonly model: string;
  readonly data: string;
  readonly seed: number;
  readonly device: string;
  readonly parameters: number;
  /** Number of them that were trained, where not all were. */
  readonly trainedParameters?: number;
  /** 0 of a model that is fitted at once. */
  readonly flopsPerStep: number;
  /** 0 of a model that is fitted at once, unless its method has rounds. */
  readonly steps: number;
  /** Median time of a step; 0 where there are none. */
  readonly stepMs: number;
  readonly trainSeconds: number;
  readonly peakMemoryMiB: number;
  /** Predictions made before the training began; the time where the machine's rates were known. */
  readonly predicted?: { readonly peakMemoryMiB: number; readonly stepMs?: number };
  /** The fastest step. */
  readonly leastStepMs?: number;
  /** Number of different examples that were trained on. */
  readonly trainExamples?: number;
  /** Number of examples that the metrics of the training part are measured on, where that is a sample of it. */
  readonly measuredTrainExamples?: number;
  /** By split, then by name: `accuracy`, `f1`, `loss`, …; fractions in 0…1. */
  readonly metrics: { readonly train?: Metrics; readonly validation?: Metrics; readonly test?: Metrics };
  /** On the test part. */
  readonly operatingPoints?: OperatingPoints;
}

const metricsSchema = z.record(z.string(), z.number()).optional();
/** Checks a run's `summary.json`. */
export const runSummarySchema: z.ZodType<RunSummary> = z.looseObject({
  task: z.string(),
  model: z.string(),
  data: z.string(),
  seed: z.number(),
  device: z.string(),
  parameters: z.number(),
  trainedParameters: z.number().optional(),
  flopsPerStep: z.number(),
  steps: z.number(),
  stepMs: z.number(),
  trainSeconds: z.number(),
  peakMemoryMiB: z.number(),
  predicted: z.object({ peakMemoryMiB: z.number(), stepMs: z.number().optional() }).optional(),
  leastStepMs: z.number().optional(),
  trainExamples: z.number().optional(),
  measuredTrainExamples: z.number().optional(),
  metrics: z.object({ train: metricsSchema, validation: metricsSchema, test: metricsSchema }),
  operatingPoints: z
    .object({
      class: z.string(),
      points: z.array(
        z.object({ name: z.string(), threshold: z.number(), precision: z.number(), recall: z.number(), f1: z.number() }),
      ),
    })
    .optional(),
});

/** `checkpoints/step-N/manifest.json`: what makes a checkpoint whole. */
export interface Manifest {
  readonly version: 1;
  readonly step: number;
  readonly createdAt: string;
  /** By name; `inRun` for a file at the top of the run, which its checkpoints share. */
  readonly files: Readonly<Record<string, { readonly sizeBytes: number; readonly sha256: string; readonly inRun?: boolean }>>;
  /** The step of the best checkpoint as of this one, if one was called so: the pointer to it may be lost in a kill. */
  readonly best?: number;
  /** Sizes of the run's logs at this step: anything later is cut off when the run resumes from here. */
  readonly logBytes: { readonly metrics: number; readonly events: number };
}

const length = z.int().nonnegative();
/** Checks a checkpoint's `manifest.json`. */
export const manifestSchema: z.ZodType<Manifest> = z.object({
  version: z.literal(1),
  step: length,
  best: length.optional(),
  createdAt: z.string(),
  files: z.record(z.string(), z.object({ sizeBytes: length, sha256: z.string().length(64), inRun: z.boolean().optional() })),
  logBytes: z.object({ metrics: length, events: length }),
});
