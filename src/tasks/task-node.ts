/**
 * @module The side of a task that has to do with files and people: inputs from a command line, its part of a report, pictures. Each
 * task has one, in `table-node.ts`.
 */
import type { Dataset } from "../data/node.js";
import type { Callback, TrainingState } from "../train/index.js";
import type { ReportData } from "../train/report.js";
import type { RunConfig, RunSummary } from "../train/run-folder.js";
import type { RunWriter } from "../train/run-folder-node.js";
import type { Answer, Measurement, Prepared, TaskInfo } from "./task.js";
import type { TrainedModel } from "./trained-node.js";

/** One input for each row or file, and how to name it in the answer. */
export interface NamedInputs {
  readonly examples: Dataset;
  readonly names: readonly string[];
  /** Rows as they were given, for tables: they stand beside the answers. */
  readonly rows?: Dataset;
  /** Rows that were left out because they do not parse. */
  readonly badRows: number;
}

/** How inputs are read. */
export interface InputOptions {
  /** Leave out what cannot be read, and count it. */
  readonly skipBadRows?: boolean;
  readonly maxMegapixels?: number;
}

/** What a report is made from. */
export interface ReportSources {
  readonly writer: RunWriter;
  readonly used: TrainedModel;
  readonly summary: RunSummary;
  /** Of the test data. */
  readonly measurement: Measurement | undefined;
  readonly train: Dataset;
  readonly test: Dataset;
  readonly config: RunConfig;
  readonly language: "en" | "zh";
  readonly notes: readonly string[];
}

/** What a task adds to a report. */
export type TaskReport = Pick<
  ReportData,
  "primaryMetric" | "facts" | "confusion" | "regression" | "examples" | "attributionMethod" | "sections"
>;

/** What a task may look at while it is trained. */
export interface Watched {
  readonly state: TrainingState;
  readonly writer: RunWriter;
  readonly prepared: Prepared<TaskInfo>;
  readonly modelName: string;
}

export interface NodeTask {
  /** Where answers are made of nothing given: samples of a generator. */
  readonly takesNoInputs?: true;
  /** Errors: DataError, ConfigError. */
  readInputs(model: TrainedModel, inputs: readonly string[], options: InputOptions): Promise<NamedInputs>;
  report(sources: ReportSources): Promise<TaskReport>;
  /** A callback of the training, for what a person would want to see on the way. */
  readonly watch?: (watched: Watched) => Callback | Promise<Callback>;
  /** A PNG of an input with its answer on it. */
  readonly draw?: (model: TrainedModel, input: string, answer: Answer) => Promise<Uint8Array>;
}
