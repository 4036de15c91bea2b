/**
 * @module An opaque model of a task: a graph with ops that Descent does not have, which the engine runs between the task's preparation of its inputs
 * and the task's answers.
 */
import type { Batch, Dataset } from "../../data/index.js";
import type { Explainable, ExplainInput } from "../../explain/index.js";
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, input, inputsOf, sizeOf, symbol, toNumbers } from "../../graph/index.js";
import { Module } from "../../nn/index.js";
import { OnnxModel } from "../../onnx/index.js";
import { randomInputs, resolveMode } from "../../ops/index.js";
import type { Executable } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { forEachBatch } from "../../train/evaluate.js";
import { ConfigError, NoGradientError } from "../../util/errors.js";
import type { GraphUse } from "../graph-use.js";
import { graphInfo } from "../graph-use.js";
import { byLength, fetcherFor } from "../shared/rows-node.js";
import { textAt, textByText } from "../shared/windows.js";
import type { Answer, AnyTask, Measurement, Outputs, TaskContext, TaskInfo, Tensors } from "../task.js";
import type { TrainedModel, UseOptions } from "../trained-model.js";

/** Rows that are computed at once where the file leaves their number free. */
const ROWS = 64;
const SCORES = "scores of the file";

/** Stands where a task has a graph: keeps what it is given, and takes the engine's scores for the result. */
class StandIn extends Module {
  #given: Tensors = {};
  readonly #file: OnnxModel;
  readonly #output: string;
  readonly #count: number;

  constructor(file: OnnxModel, output: string, count: number) {
    super();
    this.#file = file;
    this.#output = output;
    this.#count = count;
  }

  /** The file's inputs, as the task makes them: outputs of a graph, and no input of it even where the task changes nothing. */
  get given(): Tensors {
    return this.#given;
  }

  override forward(inputs: Tensors): Tensors {
    this.#given = Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [
        name,
        value.mul(1).cast(this.#file.declaredInputs.get(name)?.dtype ?? value.dtype),
      ]),
    );
    const rows = Object.values(inputs)[0]?.shape[0] as Dim;
    return { [this.#output]: input(SCORES, [rows, this.#count]) };
  }
}

/** Facts of a file that the task's info does not hold. */
export interface GraphFacts {
  /** The file, with scores as its output. */
  readonly file: OnnxModel;
  /** The reason why it cannot be differentiated. */
  readonly reason: string;
}

/** Opens the engine on a file and counts its scores, on inputs of zeros. ConfigError where they are not [N, K]. */
export async function countScores(
  file: OnnxModel,
  graphs: GraphUse<TaskInfo>,
  info: TaskInfo,
  options: UseOptions,
): Promise<number> {
  await using session = await compile(file, options);
  const zeros = Object.entries(graphs.shapes(info)).map(([name, shape]): [string, TensorData] => {
    const { dtype = "float32", shape: declared } = file.declaredInputs.get(name) ?? {};
    const dims = (shape as readonly number[]).map((d, i) => (i === 0 && typeof declared?.[0] === "number" ? declared[0] : d));
    return [name, fromNumbers(dtype, dims, new Float64Array(sizeOf(dims)))];
  });
  const { shape } = (await session.call(Object.fromEntries(zeros)))[graphInfo(info)?.output ?? ""] ?? {};
  const [, count, ...more] = shape ?? [];
  if (count === undefined || more.some((d) => d !== 1))
    throw new ConfigError(`${file.where}: expected an output of scores [N, K], got [${(shape ?? []).join(", ")}]`);
  return count;
}

/** A model of a task that only the engine runs. Owned: dispose it. */
export class OpaqueGraph implements TrainedModel {
  readonly task: AnyTask;
  readonly modelName: string;
  readonly info: TaskInfo;
  readonly #facts: GraphFacts;
  readonly #count: number;
  readonly #options: UseOptions;
  readonly #executables = new Map<string, Promise<Executable>>();

  /** `info.classes` are the names of the scores. */
  constructor(task: AnyTask, info: TaskInfo & { readonly classes: readonly string[] }, facts: GraphFacts, options: UseOptions) {
    this.task = task;
    this.modelName = facts.file.where.replace(/\.onnx$/, "");
    this.info = info;
    this.#facts = facts;
    this.#count = info.classes.length;
    this.#options = options;
  }

  #refused(what: string): NoGradientError {
    return new NoGradientError(`${this.#facts.file.where}: expected a model with a graph for ${what}; ${this.#facts.reason}`);
  }

  get model(): Module {
    throw this.#refused("its layers");
  }

  get numbers(): ReadonlyMap<string, TensorData> {
    return new Map();
  }

  get #context(): TaskContext<TaskInfo> {
    const length = this.task.buckets === undefined ? {} : { length: symbol("T") };
    return { info: this.info, use: "eval", options: {}, ...length };
  }

  /** Rows of one run. */
  get #rows(): number {
    const fixed = [...this.#facts.file.declaredInputs.values()][0]?.shape?.[0];
    return typeof fixed === "number" ? fixed : ROWS;
  }

  #compiled(key: string, make: () => Tensors | OnnxModel): Promise<Executable> {
    let executable = this.#executables.get(key);
    if (executable === undefined) {
      const made = make();
      executable = made instanceof OnnxModel ? compile(made, this.#options) : compile(inUse(made), this.#options);
      this.#executables.set(key, executable);
    }
    return executable;
  }

  /** The task around the file for so many rows, of a batch or of features. */
  #around(
    rows: number,
    features?: Tensor,
  ): { readonly features: Tensor | undefined; readonly given: Tensors; readonly outputs: Tensors } {
    const { task, info } = this;
    if (task.graphs === undefined) throw new ConfigError(`${task.name}: expected a model of its own, got a graph`);
    const stand = new StandIn(this.#facts.file, graphInfo(info)?.output ?? "", this.#count);
    const model = task.graphs.wrap(stand, info);
    const batch = inputsOf(task.inputs(this.#context, rows));
    if (task.graphs.outputs !== undefined) {
      const outputs = task.graphs.outputs(model, batch);
      return { features: undefined, given: stand.given, outputs };
    }
    const seen = features ?? task.features(batch, this.#context, model);
    const outputs = task.outputs(model, seen, batch, this.#context);
    return { features: seen, given: stand.given, outputs };
  }

  /** Runs the file on what the task gives it, and makes the task's outputs of its scores. */
  async #finish(rows: number, given: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
    const file = await this.#compiled("file", () => this.#facts.file);
    const scores = (await file.call(given))[graphInfo(this.info)?.output ?? ""] as TensorData;
    const after = await this.#compiled(`after ${rows}`, () => named(this.#around(rows).outputs));
    return after.call({ [SCORES]: { ...scores, shape: [rows, this.#count] } });
  }

  async run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void> {
    const rows = this.#rows;
    const before = await this.#compiled(`before ${rows}`, () => this.#around(rows).given);
    using fetcher = fetcherFor(this.task, this.#context, examples);
    await forEachBatch(
      examples,
      rows,
      async (batch) => this.#finish(rows, await before.call(picked(batch, before.inputs))),
      textByText(this.task, this.info, examples, (outputs, batch, at) => each(outputs, at, batch)),
      fetcher,
      byLength(this.task, this.info, examples),
    );
  }

  async answers(examples: Dataset): Promise<Answer[]> {
    const answers: Answer[] = [];
    await this.run(examples, (outputs, rows, batch) => {
      const given = this.task.answers(outputs, this.info, batch, examples.select(rows));
      for (const [i, answer] of given.entries()) answers[textAt(examples, rows[i] as number)] = answer;
    });
    return answers;
  }

  async measure(examples: Dataset): Promise<Measurement | undefined> {
    const measurement = this.task.measurement?.(this.info);
    if (measurement !== undefined) await this.run(examples, (outputs, _rows, batch) => measurement.update(outputs, batch));
    return measurement;
  }

  /** Scores by the features that the task makes of an example, for methods that sample. */
  async explainable(example: Dataset): Promise<{ readonly model: Explainable; readonly input: ExplainInput }> {
    const { task, info } = this;
    const { explained } = task;
    if (explained === undefined)
      throw new ConfigError(`explain: expected a task whose answers can be explained, got ${task.name}`);
    const { features: seenBy } = this.#around(1);
    if (seenBy === undefined)
      throw new ConfigError(
        `${this.#facts.file.where}: expected features outside the graph to explain, got those of ${task.name}, which are inside; ${this.#facts.reason}`,
      );
    using fetcher = fetcherFor(task, this.#context, example);
    const indices = Uint32Array.of(0);
    const batch = (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: 0 })) ?? example.gather(indices);
    const prepared = await this.#compiled("features", () => ({ seen: seenBy.mul(1) }));
    const { seen } = (await prepared.call(picked(batch, prepared.inputs))) as { seen: TensorData };
    const shape = seen.shape.slice(1);
    const labels = explained.labels(info, {});
    return {
      model: {
        name: this.modelName,
        features: { name: Object.keys(task.inputs(this.#context, 1))[0] ?? "", shape, kind: explained.kind },
        scoreCount: labels.length,
        labels,
        answer: ({ features }) => this.#scoresOf(features),
        opaque: this.#facts.reason,
      },
      input: { features: seen },
    };
  }

  /** Scores [B, K] of features [B, …], so many rows at once as the file takes. */
  async #scoresOf(features: TensorData): Promise<TensorData> {
    const [count = 0, ...shape] = features.shape;
    const [rows, size] = [this.#rows, sizeOf(shape)];
    const numbers = toNumbers(features);
    const before = await this.#compiled(
      `from features ${rows}`,
      () => this.#around(rows, input("features", [rows, ...shape])).given,
    );
    const all = new Float64Array(count * this.#count);
    for (let from = 0; from < count; from += rows) {
      const part = new Float64Array(rows * size);
      part.set(numbers.subarray(from * size, Math.min(count, from + rows) * size));
      const given = await before.call({ features: fromNumbers("float32", [rows, ...shape], part) });
      const { logits } = await this.#finish(rows, given);
      const kept = Math.min(rows, count - from) * this.#count;
      all.set(toNumbers(logits as TensorData).subarray(0, kept), from * this.#count);
    }
    return fromNumbers("float32", [count, this.#count], all);
  }

  features(): Promise<void> {
    return Promise.reject(this.#refused("features"));
  }

  evaluator(): Promise<never> {
    return Promise.reject(this.#refused("another graph"));
  }

  toOnnx(): Uint8Array {
    throw this.#refused("another ONNX file");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What could not be compiled has nothing to dispose of, and has said so.
    for (const executable of this.#executables.values()) await (await executable.catch(() => undefined))?.dispose();
    this.#executables.clear();
  }

  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}

/** Outputs with names of their own: a graph's input cannot be its output. */
const named = (outputs: Tensors): Tensors => Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, t.mul(1)]));

const picked = (batch: Batch, names: readonly string[]): Batch =>
  Object.fromEntries(names.map((name) => [name, batch[name] as TensorData]));

/** Tensors in use mode. */
function inUse(tensors: Tensors): Tensors {
  const { map } = resolveMode(Object.values(tensors), "eval", randomInputs());
  return Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, map(t)]));
}
