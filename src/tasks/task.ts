/**
 * @module What a task is: how data become numbers, what a model gives for them, what is minimized and measured, and how an
 * answer reads. The command line, the server and the report know tasks through this interface alone.
 */
import type { Batch, Dataset } from "../data/index.js";
import type { LoadedData } from "../data/node.js";
import type { Dim, Tensor, TensorData } from "../graph/index.js";
import type { Metrics, Monitor } from "../train/index.js";
import type { Module } from "../nn/index.js";

/** What a task must know of its data to use a model again: plain JSON, in `config.json` and in the ONNX file. */
export type TaskInfo = { readonly [name: string]: unknown };

/** Hyperparameters that reach what the documentation promises for a model. */
export interface TrainingDefaults {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly optimizer: string;
  readonly schedule: string;
  readonly weightDecay: number;
  readonly warmupSteps?: number;
  readonly clipNorm?: number;
  readonly labelSmoothing?: number;
}

/** A model that a task can train, by the name of its paper. */
export interface ModelChoice<I extends TaskInfo> {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  readonly build: (info: I) => Module;
  /** On data as in its paper: what `--help` counts parameters and FLOPs for. */
  readonly usual?: { readonly inputShape: readonly number[]; readonly build: () => Module };
  /** `examples` in the training part: small data need more passes. */
  readonly defaults: (examples: number) => TrainingDefaults;
}

/** Data as numbers, with all that the task learned from the training part. */
export interface Prepared<I extends TaskInfo> {
  readonly info: I;
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
  /** Remarks for the user: columns left out, suspected leaks. */
  readonly notes: readonly string[];
}

/** Measures batch by batch. */
export interface Measurement {
  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void;
  result(): Metrics;
}

/** One answer, as JSON shows it. */
export type Answer = { readonly [name: string]: unknown };

export interface Task<I extends TaskInfo = TaskInfo> {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  readonly kind: "classification" | "regression";
  readonly models: readonly ModelChoice<I>[];
  readonly defaultModel: string;
  readonly monitor: Monitor;
  prepare(data: LoadedData, options: { readonly seed: number; readonly ignore: readonly string[] }): Prepared<I>;
  /** Types of the columns that a model reads, for batches of N examples. */
  inputs(info: I, batch: Dim): Readonly<Record<string, { readonly shape: readonly Dim[]; readonly dtype: TensorData["dtype"] }>>;
  /** The floating-point tensor that the model sees, and that explanations are about: decoded, scaled. */
  features(batch: Readonly<Record<string, Tensor>>, info: I): Tensor;
  /** Named outputs, the first of which is the loss's. */
  outputs(model: Module, features: Tensor, batch: Readonly<Record<string, Tensor>>, info: I): Readonly<Record<string, Tensor>>;
  loss(
    outputs: Readonly<Record<string, Tensor>>,
    batch: Readonly<Record<string, Tensor>>,
    info: I,
    options: { readonly labelSmoothing?: number },
  ): Tensor;
  measurement(info: I): Measurement;
  /** Answers for a batch of outputs, one per row. */
  answers(outputs: Readonly<Record<string, TensorData>>, info: I): Answer[];
  /** Rows of other data than the training's with their targets, as the columns of `inputs` and the target. */
  examples(data: LoadedData, part: Dataset, info: I): Dataset;
  /** The column to predict, where the task's data are tables. */
  targetColumn(info: I): string | undefined;
  /** New examples, from rows of a file or from one input on a command line, as the columns of `inputs`. */
  encode(rows: Dataset, info: I): Dataset;
}

/** A task whose own type of info is forgotten, as the table keeps it: methods are bivariant in their parameters. */
export type AnyTask = Task;
