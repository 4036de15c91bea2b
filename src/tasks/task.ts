/**
 * @module The interface of tasks: how data become tensors, what a model computes from them, what is minimized and measured, and how an
 * answer reads. The command line, the server and the report know tasks through this interface alone.
 */
import type { Batch, Dataset, TableSchema } from "../data/index.js";
import type { LoadedData, LoaderOptions, LoadOptions, WorkerCollate } from "../data/node.js";
import type { Dim, DType, Tensor, TensorData, TensorType } from "../graph/index.js";
import type { ArchitectureName } from "../models/index.js";
import type { Metrics } from "../metrics/index.js";
import type { OperatingPoint } from "../run/run-folder.js";
import type { Monitor, Objective } from "../train/index.js";
import type { Features, MethodName } from "../explain/index.js";
import type { FileColumns, GraphInfo, GraphUse } from "./graph-use.js";
import type { Module } from "../nn/index.js";
import type { Tokenizer } from "../text/index.js";
import type { Json } from "../util/described.js";
import type { Progress, ProgressOptions } from "../run/progress.js";
import type { Bilingual } from "../charts/charts.js";
import type { OptionTable } from "../util/option.js";
import type { OptimizerChoice, ScheduleChoice } from "./options.js";

/** The facts about the data that a task needs to use a model again: plain JSON, in `config.json` and in the ONNX file. */
export type TaskInfo = { readonly [name: string]: unknown };

/** Hyperparameters that reach what the documentation promises for a model. */
export interface TrainingDefaults {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly optimizer: OptimizerChoice;
  readonly schedule: ScheduleChoice;
  readonly weightDecay: number;
  /** Adam's memory of the gradient's direction, where it is not the usual one. */
  readonly beta1?: number;
  /** Adam's memory of the gradient's size, where it is not the usual one. */
  readonly beta2?: number;
  /** The learning rate at which a cosine or linear schedule ends, as a fraction of the peak; left out, 0. */
  readonly finalLrFraction?: number;
  /** Number of evaluations in a training whose epochs are long; left out, after whole epochs. */
  readonly evaluations?: number;
  readonly warmupSteps?: number;
  readonly clipNorm?: number;
  readonly labelSmoothing?: number;
  /** Random changes of images, as `--augment` names them. */
  readonly augment?: string;
}

/** A model that a task can train, by the name of its paper or its method: one that is built and trained in steps, or one that is fitted. */
export type ModelChoice<I extends TaskInfo> = BuiltChoice<I> | FittedChoice<I>;

interface NamedChoice {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
}

/** A model of layers, which gradient steps train. */
export interface BuiltChoice<I extends TaskInfo> extends NamedChoice {
  readonly build: (info: I) => Module;
  readonly fit?: undefined;
  /** On data as in its paper: what `--help` counts parameters and FLOPs for. */
  readonly usual?: { readonly inputShape: readonly number[]; readonly dtype?: DType; readonly build: () => Module };
  /** `examples` in the training part: small data need more passes, and so do many classes. */
  readonly defaults: (examples: number, info?: I) => TrainingDefaults;
}

/** A model that an algorithm of its own makes from the data at once: trees, neighbours, a linear model in closed form. */
export interface FittedChoice<I extends TaskInfo> extends NamedChoice {
  readonly build?: undefined;
  readonly usual?: undefined;
  readonly fit: (data: FitData<I>, options: FitOptions) => Awaitable<Fitted>;
}

/** The data that a model is fitted to. */
export interface FitData<I extends TaskInfo> {
  readonly info: I;
  /** Encoded rows with their targets, as the columns of `inputs` and `targets` of the task. */
  readonly train: Dataset;
  readonly validation: Dataset;
  /**
   * Computes what a fitted graph is given of such rows as its features, in their order: floats [N, …]; of images the scaled pixels. ConfigError for
   * texts, whose models read the token ids themselves.
   */
  readonly features: (rows: Dataset) => Promise<TensorData>;
}

/** Options of a fit. */
export interface FitOptions {
  readonly seed: number;
  readonly threads?: number;
  /** The options of the task's own. */
  readonly own: TaskOptions;
  readonly note: (text: string) => void;
  /** A progress line for what takes long. */
  readonly progress?: (options: ProgressOptions) => Progress;
  /** Ends the fit: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A fitted model. */
export interface Fitted {
  /**
   * An ONNX file of the opset that `exportGraph` writes, with N free: from the task's inputs by their roles (`graph.inputs`: `features` and
   * `categories` of a table, `image`, `input_ids` and `attention_mask`) to scores (`graph.output`), float32 [N, K]. Of classes these are logits,
   * whose softmax is the probability; of a quantity the standardized value, K = 1.
   */
  readonly file: Uint8Array;
  readonly graph: GraphInfo;
  /** Count of the numbers that it learned. */
  readonly parameters: number;
  /** Number of rounds, of a method that has some. */
  readonly steps?: number;
  /** Remarks for the user. */
  readonly notes?: readonly string[];
}

/** Data as tensors, with all that the task learned from the training part. */
export interface Prepared<I extends TaskInfo> {
  readonly info: I;
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
  /** Row for row what `test` was made from, where a person would rather see that. */
  readonly testRows?: Dataset;
  /** Columns that the model is not given, which the check before training names. */
  readonly unused?: readonly string[];
  /** Remarks for the user: columns left out, suspected leaks. */
  readonly notes: readonly string[];
}

/** Measures batch by batch. */
export interface Measurement {
  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void;
  result(): Metrics;
  /** Figures that are told once, at the end. */
  details?(): Metrics;
  /** The points at which the second of two classes may be named. */
  operatingPoints?(): readonly OperatingPoint[];
}

/** Named values that a graph gave for a batch. */
export type Outputs = Readonly<Record<string, TensorData>>;

/** A graph's outputs for one row, and the row. */
export interface RowOutputs {
  readonly outputs: Outputs;
  readonly batch: Batch;
}

/** One answer, as JSON shows it. */
export type Answer = { readonly [name: string]: unknown };

/** Purpose of a graph or a batch: training, or measuring and answering. */
export type Use = "train" | "eval";

/** Settings that a task takes over from the model that its training starts from, where the model has them. */
export interface Inherited {
  /** The longest text that it takes, in tokens. */
  readonly maxPositions?: number;
  /** The token that it begins a target with. */
  readonly startToken?: number;
  /** The names of its head's labels. */
  readonly labels?: readonly string[];
  /** The columns that its model takes as they are. */
  readonly columns?: FileColumns;
  /** Whether its model reads the tokens of its tokenizer, whatever the model is called. */
  readonly readsTokens?: boolean;
}

/**
 * Options of a training besides the optimizer's. Each task adds the options of its own (`options.ts` in its folder) and reads what concerns it.
 */
export interface TaskOptions {
  readonly labelSmoothing?: number;
  /** Where the evidence of training examples is marked: masks of images, a column of spans of texts. */
  readonly evidence?: string | undefined;
  readonly evidenceWeight?: number | undefined;
}

/** Names of the positions along an axis of a parameter, which come from data: its features, the categories of one, its classes, its tags. */
export interface NamedAxis {
  readonly of: "feature" | "category" | "class" | "tag";
  readonly names: readonly string[];
}

/** A parameter some of whose axes follow the data. */
export interface NamedParameter {
  /** Its name for the data, where its path depends on their order; left out, its path. */
  readonly as?: string;
  /** Names along the first and the second axis; undefined for an axis that is the model's own. */
  readonly axes: readonly (NamedAxis | undefined)[];
}

/** The context in which a task describes a graph or a batch. */
export interface TaskContext<I extends TaskInfo> {
  readonly info: I;
  readonly use: Use;
  readonly options: TaskOptions;
  /**
   * The length of a batch's rows, with their padding, where they are sequences. A number in training, where recurrences are
   * unrolled; free in use.
   */
  readonly length?: Dim;
}

/** A checkpoint in Hugging Face's form that is used as it is. */
export interface OpenedCheckpoint {
  readonly tokenizer: Tokenizer;
  /** The most tokens that the model is given at once. */
  readonly maxLength: number;
  /** Names of the head's scores. */
  readonly labels: readonly string[];
  readonly model: Module;
  /** Its `config.json`. */
  readonly config: Json;
  /** The beginning of messages. */
  readonly where: string;
}

/** A value, or the promise of one. */
export type Awaitable<T> = T | Promise<T>;

/** The length of each row, and the widths that batches may have. */
export type Buckets = NonNullable<LoaderOptions["buckets"]>;

/** Symbolic columns of a batch, and named values of a graph. */
export type Tensors = Readonly<Record<string, Tensor>>;
/** Types of columns, for batches of N examples. */
export type ColumnTypes = Readonly<Record<string, TensorType>>;

/** The part of an answer that an explanation is about, where an answer has several; a task's `view` finds it. */
export interface Asked {
  /** The place among the outputs: a token, an anchor of a detector. */
  readonly position?: number;
  /** A position for each row, for explaining one text token by token. */
  readonly positions?: readonly number[];
  /** Those positions in a graph: int32 [N]. */
  readonly at?: Tensor;
  /** Explains the sides of a detected box in place of its score. */
  readonly sides?: true;
  /** The embedding to be like, and whose it is. */
  readonly like?: { readonly name: string; readonly embedding: Float32Array };
}

/** The subject of a task's explanations. */
export interface Explained<I extends TaskInfo> {
  /** The meaning of the features' axes. */
  readonly kind: Features["kind"];
  /** The method where none is asked for; left out, the one that suits the kind. */
  readonly method?: MethodName;
  /** Whether an answer has scores at many positions, one of which has to be asked about. */
  readonly inParts?: true;
  /** Options of `descent explain` that say which part of an answer is asked about. */
  readonly options?: OptionTable;
  /** The features, where the model takes in more than those it is trained through: floating-point numbers; left out, the task's. */
  features?(batch: Tensors, context: TaskContext<I>, model: Module): Tensor;
  /** The outputs that scores are read from, where those of use are decided already; left out, the task's. */
  outputs?(model: Module, features: Tensor, batch: Tensors, context: TaskContext<I>): Tensors;
  /** The scores [N, K] that can be asked about. */
  scores(outputs: Tensors, info: I, asked: Asked): Tensor;
  /** Their names. */
  labels(info: I, asked: Asked): readonly string[];
}

/** A task: its models, its options, how data becomes batches and outputs become answers. */
export interface Task<I extends TaskInfo = TaskInfo> {
  readonly name: string;
  /** Its name in reports. */
  readonly label: Bilingual;
  /** One line for `--help`. */
  readonly summary: string;
  /** Example arguments of `descent train TASK`, a line each, for its help. */
  readonly usage?: readonly string[];
  readonly models: readonly ModelChoice<I>[];
  readonly defaultModel: string;
  /** The metric that says which checkpoint is better; left out, the last one is used. */
  readonly monitor?: Monitor;
  /** Whether a sound model overfits one batch, so that one that does not has a fault. */
  readonly checksOneBatch: boolean;
  /** Rows that are measured or answered at once, at most; left out, 256. */
  readonly mostAtOnce?: number;
  /** The kind of data, where the file does not show it. */
  readonly reads?: Pick<LoadOptions, "pairs" | "tableOf" | "quantity" | "boxTables">;
  /** Returns the options that data for this model must be loaded with: images of its size. */
  loading?(info: I): Pick<LoadOptions, "imageShape">;
  /** Bytes that rows of a part keep in memory once they were read: decoded images, where a task reads files as it goes. */
  keptBytes?(info: I, rows: number): number;
  /**
   * Parameters some of whose axes follow the data, by path: a training that starts from another run of the task takes these over by the names of features
   * and classes, not by their positions. `modelName` is the name of the choice that the model was built by.
   */
  namedParameters?(info: I, model: Module, modelName: string): ReadonlyMap<string, NamedParameter>;
  /** Returns the schema of its tables, as training has learned it; left out, or undefined, where none is kept. */
  schema?(info: I): TableSchema | undefined;
  /** The column of texts, or columns with commas between them, where the task's data are tables of texts. */
  textColumn?(info: I): string;
  /** Describes the inputs for somebody who has the ONNX file alone: plain JSON, in the file's metadata. */
  preprocessing?(info: I): Readonly<Record<string, unknown>> | undefined;
  /** The options with short forms spelled out, as `config.json` keeps them; left out where a task has none. ConfigError for a wrong one. */
  settle?(options: TaskOptions, info: I, data: Pick<LoadedData, "known">): TaskOptions;
  /** The options of its own, each declared once: `descent train TASK --help` lists them, and other tasks refuse them. */
  readonly options: OptionTable;
  /** Those that `descent predict` takes for its runs. */
  readonly predictOptions?: OptionTable;
  prepare(
    data: LoadedData,
    options: TaskOptions &
      Inherited & {
        readonly seed: number;
        readonly ignore: readonly string[];
        readonly model: string;
        /** Width of the vectors that its embedding begins with. */
        readonly vectorSize?: number;
      },
  ): Awaitable<Prepared<I>>;
  /** Support of checkpoints in Hugging Face's form; left out where the task takes none. */
  readonly pretrained?: {
    /** The classes that the task trains: one for each kind of trunk. */
    readonly architectures: readonly ArchitectureName[];
    /** The labels of the head, which is new where the checkpoint has others; left out where it has none. */
    readonly labels?: (info: I) => readonly string[];
    /** The info of a model that is used as its checkpoint is, without a training. ConfigError for one that the task has no answers of. */
    readonly opened: (given: OpenedCheckpoint) => I;
  };
  /** Support of imported graphs; left out where the task takes none. */
  readonly graphs?: GraphUse<I>;
  /** Types of the columns that a model reads. */
  inputs(context: TaskContext<I>, batch: Dim): ColumnTypes;
  /** Types of the columns that the loss and the measurement read besides. */
  targets(context: TaskContext<I>, batch: Dim): ColumnTypes;
  /**
   * The function that makes a batch of such rows where the columns as they lie are not one: images decoded, augmented, boxes filled
   * up. It runs in the loader's threads.
   */
  collate?(context: TaskContext<I>, rows: Dataset): WorkerCollate | undefined;
  /** Buckets for rows that are sequences: those of about one length share a batch, which `collate` makes as wide as one of the bounds. */
  buckets?(info: I, rows: Dataset): Buckets;
  /** The floating-point tensor that the model sees, and that explanations are about: decoded, scaled. */
  features(batch: Tensors, context: TaskContext<I>, model: Module): Tensor;
  /** Named outputs: what the loss reads in training, what is measured, answered and exported otherwise. */
  outputs(model: Module, features: Tensor, batch: Tensors, context: TaskContext<I>): Tensors;
  loss(outputs: Tensors, batch: Tensors, context: TaskContext<I>): Tensor | Objective;
  /**
   * Returns, for a training batch with marked evidence (`--evidence`), 1 where a gradient to the features is penalized and 0 elsewhere; broadcasts to the features, and is
   * [N, T] of tokens. Left out where the task takes no evidence; where it does, its outputs have `logits`.
   */
  outsideEvidence?(batch: Tensors): Tensor;
  /** The subject of explanations; left out where answers cannot be explained. */
  readonly explained?: Explained<I>;
  /** Left out where there is nothing to compare with the truth. */
  measurement?(info: I): Measurement;
  /** Answers for a batch of outputs, one per row; `batch` is what they were computed from, and `given` the rows that it was made of. */
  answers(outputs: Readonly<Record<string, TensorData>>, info: I, batch: Batch, given: Dataset): Answer[];
  /** Merges the outputs of one text's windows into one row; left out where texts are not read in windows (`windows.ts`). */
  merge?(windows: readonly RowOutputs[], info: I): RowOutputs;
  /** Rows of other data than the training's with their targets, as the columns of `inputs` and the target. */
  examples(data: LoadedData, part: Dataset, info: I): Awaitable<Dataset>;
  /** The column to predict, where the task's data are tables. */
  targetColumn(info: I): string | undefined;
  /** New examples, from rows of a file or from one input on a command line, as the columns of `inputs`. */
  encode(rows: Dataset, info: I): Awaitable<Dataset>;
}

/** A task whose own type of info is forgotten, as the table keeps it: methods are bivariant in their parameters. */
export type AnyTask = Task;
