/**
 * @module The common part of trained models in use: what they are called, the graphs that they compile, and what follows from running them.
 */
import type { Batch, Dataset } from "../../data/node.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import type { Module } from "../../nn/index.js";
import type { Executable } from "../../runtime/index.js";
import { Executables } from "../../runtime/index.js";
import { forEachBatch } from "../../train/evaluate.js";
import { ConfigError, NoGradientError } from "../../util/errors.js";
import { byLength, fetcherFor, fetcherForOne } from "../shared/rows-node.js";
import { textAt, textByText } from "../shared/windows.js";
import type { Answer, AnyTask, Measurement, Outputs, TaskContext, TaskInfo } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import { beforeLastLinear, pick, rowsAtOnce, usingContext } from "./traced-graph.js";

/** A trained model in use. Owned: dispose it. */
export abstract class ModelInUse implements AsyncDisposable {
  readonly task: AnyTask;
  readonly modelName: string;
  readonly info: TaskInfo;
  protected readonly executables: Executables;

  constructor(task: AnyTask, modelName: string, info: TaskInfo) {
    this.task = task;
    this.modelName = modelName;
    this.info = info;
    this.executables = new Executables(modelName);
  }

  abstract run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void>;

  protected get context(): TaskContext<TaskInfo> {
    return usingContext(this.task, this.info);
  }

  /** The features of an output: what goes into the last linear layer before it. ConfigError if there is none. */
  protected featuresOf(output: Tensor): { readonly features: Tensor } {
    const features = beforeLastLinear(output);
    if (features === undefined) throw new ConfigError(`${this.modelName}: expected a linear layer before its output, got none`);
    return { features };
  }

  /**
   * Runs over encoded examples, `size` at once; `each` is given outputs, their rows and the batch: sequences by their length, and windows of a text as one, by
   * the row of the first.
   */
  protected async eachBatch(
    examples: Dataset,
    size: number,
    call: (batch: Batch) => Promise<Outputs>,
    each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void,
  ): Promise<void> {
    const { task, info } = this;
    using fetcher = (examples.length <= size ? fetcherForOne : fetcherFor)(task, this.context, examples);
    const joined = textByText(task, info, examples, (outputs, batch, rows) => each(outputs, rows, batch));
    await forEachBatch(examples, size, call, joined, fetcher, byLength(task, info, examples));
  }

  /** Runs a graph of features over encoded examples. */
  protected async eachFeatures(
    executable: Executable,
    examples: Dataset,
    each: (features: TensorData, rows: number) => void,
    size = rowsAtOnce(this.task, this.info),
  ): Promise<void> {
    using fetcher = fetcherFor(this.task, this.context, examples);
    await forEachBatch(
      examples,
      size,
      (batch) => executable.call(pick(batch, executable.inputs)),
      (outputs, batch) => each(outputs["features"] as TensorData, batch[executable.inputs[0] as string]?.shape[0] as number),
      fetcher,
    );
  }

  /** One answer for each encoded example; for each text, where examples are windows. */
  async answers(examples: Dataset): Promise<Answer[]> {
    const answers: Answer[] = [];
    await this.run(examples, (outputs, rows, batch) => {
      const given = this.task.answers(outputs, this.info, batch, examples.select(rows));
      for (const [i, answer] of given.entries()) answers[textAt(examples, rows[i] as number)] = answer;
    });
    return answers;
  }

  /** Measures on encoded examples that have their targets; undefined where the task has nothing to compare. */
  async measure(examples: Dataset): Promise<Measurement | undefined> {
    const measurement = this.task.measurement?.(this.info);
    if (measurement !== undefined) await this.run(examples, (outputs, _rows, batch) => measurement.update(outputs, batch));
    return measurement;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.executables[Symbol.asyncDispose]();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}

/** A model that the engine alone runs: it answers, and refuses whatever needs a graph. */
export abstract class OpaqueModel extends ModelInUse implements TrainedModel {
  readonly #where: string;
  readonly #reason: string;

  /** `reason`: why the file `where` has no graph. */
  constructor(task: AnyTask, modelName: string, info: TaskInfo, where: string, reason: string) {
    super(task, modelName, info);
    this.#where = where;
    this.#reason = reason;
  }

  abstract toOnnx(): Uint8Array;

  protected refused(what: string): NoGradientError {
    return new NoGradientError(`${this.#where}: expected a model with a graph for ${what}; ${this.#reason}`);
  }

  get model(): Module {
    throw this.refused("its layers");
  }

  get weights(): ReadonlyMap<string, TensorData> {
    return new Map();
  }

  features(): Promise<void> {
    return Promise.reject(this.refused("features"));
  }

  evaluator(): Promise<never> {
    return Promise.reject(this.refused("another graph"));
  }
}
