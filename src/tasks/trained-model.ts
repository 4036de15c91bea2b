/**
 * @module The interface of a trained model in use. `use/trained-node.ts` opens one; tasks, reports and explanations know it through this alone.
 */
import type { Batch, Dataset } from "../data/index.js";
import type { Explainable, ExplainInput } from "../explain/index.js";
import type { Rewrites } from "../generate/index.js";
import type { TensorData } from "../graph/index.js";
import type { Module } from "../nn/index.js";
import type { RunConfig } from "../run/run-folder.js";
import type { DeviceChoice, Runtime } from "../runtime/index.js";
import type { Answer, AnyTask, ColumnTypes, Measurement, Outputs, TaskInfo, Tensors } from "./task.js";

/** A module that writes texts, its weights, and kernels of quantized ones. */
export interface Writer {
  readonly model: Module;
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly rewrites?: Rewrites;
}

/** Options of a trained model in use: device, threads, engine. */
export interface UseOptions {
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** Whether the engine keeps memory from run to run: for a model that is asked again and again. */
  readonly arena?: boolean;
  /** Whether the engine computes in another thread, so that this one goes on meanwhile. */
  readonly aside?: boolean;
  /** The engine; left out, this platform's. */
  readonly runtime?: Runtime;
}

/**
 * A model with its weights: *traced*, from a module of ours or a graph that Descent differentiates, or *opaque*, a file that the engine alone
 * runs, which answers, and refuses whatever needs a graph. Owned: dispose it.
 */
export interface TrainedModel extends AsyncDisposable {
  readonly task: AnyTask;
  readonly modelName: string;
  readonly info: TaskInfo;
  readonly model: Module;
  /** Weights and buffers by path. */
  readonly weights: ReadonlyMap<string, TensorData>;

  /** Compiles another graph of the model with its weights, for batches of these columns, as `TrainingState.evaluator` does. */
  evaluator(types: ColumnTypes, forward: (batch: Tensors) => Tensors): Promise<(batch: Batch) => Promise<Outputs>>;

  /**
   * Runs over encoded examples; `each` is given outputs, their rows and the batch: rows in order, but sequences by their length, and windows of a text
   * as one, by the row of the first.
   */
  run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void>;

  /** Gives the features of encoded examples: what goes into the model's last linear layer, [N, D]. ConfigError if it has none. */
  features(examples: Dataset, each: (features: TensorData, rows: number) => void): Promise<void>;

  /** One answer for each encoded example; for each text, where examples are windows. */
  answers(examples: Dataset): Promise<Answer[]>;

  /** Measures on encoded examples that have their targets; undefined where the task has nothing to compare. */
  measure(examples: Dataset): Promise<Measurement | undefined>;

  /**
   * The module that writes texts, with its weights and their kernels, where that is more than `model`: of a compressed run, whose file is traced anew, and of a
   * GGUF file. ConfigError for a run that was cut. Left out of others.
   */
  writer?(): Writer;

  /** Encoded examples as explainers take them, by the model's answers alone: of an opaque model, which has no graph. Left out of others. */
  explainable?(examples: Dataset): Promise<{ readonly model: Explainable; readonly input: ExplainInput }>;

  /** The model as a portable ONNX file with N free, preprocessing inside, and the task's info in its metadata. */
  toOnnx(): Uint8Array;

  /** For code without `await using`. */
  dispose(): Promise<void>;
}

/** Opens a run folder (its best checkpoint, or its last), or one of its checkpoints. */
export type OpenTrained = (path: string, options?: UseOptions) => Promise<{ model: TrainedModel; config: RunConfig }>;
