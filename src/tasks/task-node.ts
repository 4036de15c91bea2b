/**
 * @module The side of a task that has to do with files and people: inputs from a command line, its part of a report, pictures. Each
 * task has one, in `table-node.ts`.
 */
import type { Dataset, TableReading } from "../data/node.js";
import type { Callback, TrainingState } from "../train/index.js";
import type { Metrics } from "../metrics/index.js";
import type { Progress, ProgressOptions } from "../run/progress.js";
import type { ReportData } from "../report/report.js";
import type { RunConfig, RunSummary } from "../run/run-folder.js";
import type { RunWriter } from "../run/run-folder-node.js";
import type { TensorData } from "../graph/index.js";
import type { Module } from "../nn/index.js";
import type { Answer, Inherited, Measurement, Prepared, TaskInfo, TaskOptions } from "./task.js";
import type { Faithfulness, MethodName, Target } from "../explain/index.js";
import type { View } from "./view.js";
import type { OpenTrained, TrainedModel } from "./trained-model.js";

/** One input for each row or file, and how to name it in the answer. */
export interface NamedInputs {
  readonly examples: Dataset;
  readonly names: readonly string[];
  /** Rows as they were given, for tables: they stand beside the answers. */
  readonly rows?: Dataset;
  /** Rows that were left out because they do not parse. */
  readonly badRows: number;
  /** Notes for the user: texts that were cut. */
  readonly notes?: readonly string[];
}

/** The question of which score to explain, in the words of the command line; a task takes those that `Explained.options` lists. */
export interface ScoreQuestion {
  /** The run, or the file, of the model. */
  readonly run: string;
  readonly target?: Target;
  readonly token?: number;
  readonly box?: number;
  readonly side?: string;
  readonly predicate?: string;
  readonly tokens?: number;
  readonly against?: string;
  readonly gallery?: string;
}

/** One of the inputs as explanations show it, and the part of its answer that is asked about. */
export type ViewOf = (
  model: TrainedModel,
  inputs: NamedInputs,
  row: number,
  name: string,
  question: ScoreQuestion,
) => Promise<View>;

/** Options for reading inputs. */
export interface InputOptions extends TableReading {
  /** Leave out what cannot be read, and count it. */
  readonly skipBadRows?: boolean;
  readonly maxMegapixels?: number;
  /** The column of texts in a table. */
  readonly textColumn?: string;
  /** Tokens that windows of a longer text share; left out, as the model was measured in training. */
  readonly stride?: number;
  /** Number of answers, and their seed, where they are made without inputs. */
  readonly count?: number;
  readonly seed?: number;
  /** Ends reading. */
  readonly signal?: AbortSignal;
}

/** Rows of a test part explained together. */
export interface ExplainedRows {
  readonly method: MethodName;
  /** The features that the model saw, [N, …]. */
  readonly features: TensorData;
  /** [N, …] of the features' shape, or [N, 1, H, W] of a map. */
  readonly attribution: TensorData;
  /** The baseline's score for each row, if the method's values are steps from it. */
  readonly bases: readonly (number | undefined)[];
  /** Insertion and deletion scores of each row's attribution. */
  readonly faithfulness: readonly Faithfulness[];
}

/** The sources of a report. */
export interface ReportSources {
  /** Explains rows of the test part; `targets` [N] are the scores asked about. */
  readonly explain: (rows: Dataset, targets: Int32Array) => Promise<ExplainedRows>;
  readonly writer: RunWriter;
  readonly used: TrainedModel;
  readonly summary: RunSummary;
  /** The measurement of the test data. */
  readonly measurement: Measurement | undefined;
  readonly train: Dataset;
  readonly test: Dataset;
  /** As in `Prepared`. */
  readonly testRows: Dataset | undefined;
  readonly config: RunConfig;
  readonly language: "en" | "zh";
  readonly notes: readonly string[];
  /** Sections beside the task's own. */
  readonly sections?: ReportData["sections"];
  readonly open: OpenTrained;
}

/** The task's part of a report. */
export type TaskReport = Pick<
  ReportData,
  "primaryMetric" | "facts" | "confusion" | "regression" | "examples" | "attributionMethod" | "sections"
>;

/** The training, as a task may watch it. */
export interface Watched {
  readonly state: TrainingState;
  readonly writer: RunWriter;
  readonly prepared: Prepared<TaskInfo>;
  readonly modelName: string;
  readonly options: TaskOptions;
  readonly seed: number;
  readonly open: OpenTrained;
  readonly note: (text: string) => void;
  /** A progress line for what takes long. */
  readonly progress?: (options: ProgressOptions) => Progress;
}

/** A training that has ended. */
export interface Finished {
  /** The checkpoint that is used. */
  readonly used: TrainedModel;
  readonly writer: RunWriter;
  readonly prepared: Prepared<TaskInfo>;
  readonly options: TaskOptions;
}

/** Examples that were measured row by row. */
export interface Measured {
  readonly model: TrainedModel;
  /** The run folder. */
  readonly run: string;
  readonly open: OpenTrained;
  readonly examples: Dataset;
  readonly measurement: Measurement | undefined;
  /** The training part, where the figure is better understood beside it. */
  readonly train?: Dataset;
}

/** Options of answers besides the inputs. */
export interface AnswerOptions {
  readonly run: string;
  readonly gallery?: string;
  readonly threshold?: number;
  /** The examples that were answered. */
  readonly examples: Dataset;
}

/** Presents answers to people. */
export interface Presentation {
  /** Answers for people, where the model's own are not yet that: names from a gallery, arguments of the predicates that were found. */
  readonly answers?: (model: TrainedModel, answers: readonly Answer[], options: AnswerOptions) => Promise<Answer[]>;
  readonly pictures?: Pictures;
}

/** Answers as pictures. */
export interface Pictures {
  /** With `png`, inputs are files, and a picture is named after its file; with the others they are texts. */
  readonly format: "png" | "html" | "svg";
  /** An input with its answer on it. */
  readonly draw: (model: TrainedModel, input: string, answer: Answer) => Promise<Uint8Array>;
  /** One PNG of all answers. */
  readonly drawTogether?: (model: TrainedModel, answers: readonly Answer[]) => Promise<Uint8Array>;
}

/** The start of a training, as far as a task's own options have to fit it. */
export interface Started {
  /** The value of `--init`. */
  readonly init?: string;
  /** The vocabulary that its model knows. */
  readonly tokenizer?: string;
  readonly inherited?: Inherited;
}

/** Options of a task, with what the files hold that they name. */
export type ReadOptions = TaskOptions & Inherited & { readonly vectorSize?: number };

/** Weights that a model begins with in place of its initializers', and what the user should know of them. */
export interface InitialWeights {
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly notes: readonly string[];
}

/** A task's part that needs files. */
export interface NodeTask {
  /** Reads the files that the options name, before data are prepared. ConfigError for options that do not fit the start. */
  readonly readOptions?: (options: TaskOptions, started: Started) => Promise<ReadOptions>;
  /** Weights from files that the options name; undefined where they name none. ConfigError for those that do not fit. */
  readonly initialWeights?: (
    options: TaskOptions,
    model: Module,
    info: TaskInfo,
    seed: number,
  ) => Promise<InitialWeights | undefined>;
  /** Errors: DataError, ConfigError. */
  readInputs(model: TrainedModel, inputs: readonly string[], options: InputOptions): Promise<NamedInputs>;
  /** Left out where answers cannot be explained. */
  readonly view?: ViewOf;
  report(sources: ReportSources): Promise<TaskReport>;
  /** Measures a state on the way, where the task's own measurement does not: figures of many answers together. */
  readonly evaluate?: (watched: Watched) => Promise<() => Promise<Metrics>>;
  /** A callback of the training, for what a person would want to see on the way. */
  readonly watch?: (watched: Watched) => Callback | Promise<Callback>;
  /** Decides something once training has ended, and keeps it in the run folder: a threshold. */
  readonly finish?: (finished: Finished) => Promise<void>;
  /** Makes the notes for the user on examples that are measured, or trained on: texts that were cut. */
  readonly remarks?: (examples: Dataset, info: TaskInfo, rows?: Dataset) => readonly string[];
  /** Figures of examples as a whole, and of what is in the run folder besides the model; they stand beside the measured ones. */
  readonly measure?: (measured: Measured) => Promise<Metrics>;
  /** Presents answers to people; left out, they are shown as the model gives them, without pictures. */
  readonly present?: Presentation;
}
