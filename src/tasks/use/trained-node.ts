/**
 * @module A trained model in use: from a run folder to answers and metrics. Parameters are constants of the
 * compiled graphs, which is faster than giving them at each run.
 */
import { join } from "node:path";
import type { Batch, Dataset } from "../../data/node.js";
import type { Parameter, Tensor, TensorData } from "../../graph/index.js";
import { inputsOf, symbol } from "../../graph/index.js";
import { rewriteWithGguf } from "../../compress/quantize/stored.js";
import type { Lora, Module } from "../../nn/index.js";
import { addAdapters, mergeAdapters } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { decodeModel, encodeModel, OnnxModel, withNumbers } from "../../onnx/index.js";
import { randomInputs, resolveForUse, resolveMode } from "../../ops/index.js";
import type { Executable } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { CHECKPOINT_FILES, checkpointParameters } from "../../train/train-node.js";
import type { RunConfig } from "../../run/run-folder.js";
import { RUN_FILES } from "../../run/run-folder.js";
import type { CheckpointName, RunFolder } from "../../run/run-folder-node.js";
import { openRun, splitRunPath } from "../../run/run-folder-node.js";
import { ConfigError } from "../../util/errors.js";
import { ModelInUse } from "./model-in-use-node.js";
import type { ModelFile } from "./model.js";
import { readingInfo } from "./checked-info.js";
import { graphIn, modelOf, modelOrReason } from "./model.js";
import { isCompressed, MODEL_FILE } from "./compression.js";
import { FileModel } from "./file-model-node.js";
import { type GgufRun, isGguf, openGguf } from "./gguf-node.js";
import { OpaqueGraph } from "./opaque-graph-node.js";
import { pick, rowsAtOnce } from "./traced-graph.js";
import { fileMetadata } from "./file-metadata.js";
import { useFile } from "./use-file.js";
import { graphInfo, takesNoMask } from "../graph-use.js";
import { taskNamed } from "../table.js";
import type { AnyTask, ColumnTypes, Outputs, TaskContext, TaskInfo, Tensors } from "../task.js";
import type { TrainedModel as Trained, UseOptions, Writer } from "../trained-model.js";

/** The file, beside the checkpoints, of a run whose graph was imported. */
export const GRAPH_FILE = "graph.onnx";

/** The checkpoint that a run is used from. */
export const bestOrLast = async (folder: RunFolder): Promise<CheckpointName> =>
  (await folder.pointer("best")) === undefined ? "last" : "best";

/** Parts of a run's model in training alone: adapters, normalizations put back behind the convolutions of these weights. */
interface TrainingParts {
  readonly adapters?: Lora;
  readonly norms?: readonly string[];
}

/** The weights of the model without what it has in training alone, which is faster, and is the model that training started from. */
function merged(
  make: () => Module,
  { adapters, norms }: TrainingParts,
  weights: ReadonlyMap<string, TensorData>,
): ReadonlyMap<string, TensorData> {
  if (adapters === undefined && norms === undefined) return weights;
  const model = make();
  const graph = graphIn(model);
  if (adapters !== undefined) addAdapters(model, adapters);
  if (norms !== undefined) graph?.putNorms(norms);
  const plain = adapters === undefined ? weights : mergeAdapters(model, weights);
  return norms === undefined ? plain : (graph?.foldNorms(plain) ?? plain);
}

/** A model that Descent traces: a module of ours with its weights. Owned: dispose it. */
export class TracedModel extends ModelInUse implements Trained {
  readonly model: Module;
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly #options: UseOptions;
  readonly #file: ModelFile | undefined;

  /** Errors: ConfigError, naming each tensor, if the weights are not those of the model. */
  constructor(
    task: AnyTask,
    modelName: string,
    info: TaskInfo,
    weights: ReadonlyMap<string, TensorData>,
    options: UseOptions = {},
    file?: ModelFile,
  ) {
    super(task, modelName, info);
    this.model = modelOf(task, modelName, info, file);
    this.weights = weights;
    this.#options = options;
    this.#file = file;
    const problems = [...this.model.state()].flatMap(([path, p]) => {
      const given = weights.get(path);
      if (given === undefined) return [`${path} is missing`];
      const fits = given.dtype === p.dtype && given.shape.join() === p.dims.join();
      return fits ? [] : [`${path}: expected ${p.dtype} [${p.dims.join(", ")}], got ${given.dtype} [${given.shape.join(", ")}]`];
    });
    if (problems.length > 0) throw new ConfigError(`checkpoint: expected one of ${modelName}; ${problems.join("; ")}`);
  }

  get #rows(): number {
    return this.#file?.rows ?? (takesNoMask(this.info) ? 1 : rowsAtOnce(this.task, this.info));
  }

  /** Names of the columns that the model reads. */
  get #columns(): string[] {
    return Object.keys(this.task.inputs(this.context, 1));
  }

  /** The features that the model sees, those that explanations are about where they are others, and the outputs; in use mode. */
  #trace(
    batch: number | ReturnType<typeof symbol>,
    context: TaskContext<TaskInfo> = this.context,
  ): { features: Tensor; seen: Tensor | undefined; outputs: Readonly<Record<string, Tensor>> } {
    const types = this.task.inputs(context, batch);
    const tensors = inputsOf(types);
    const features = this.task.features(tensors, context, this.model);
    const outputs = this.task.outputs(this.model, features, tensors, context);
    const seen = this.task.explained?.features?.(tensors, context, this.model);
    const all = [features, ...(seen === undefined ? [] : [seen]), ...Object.values(outputs)];
    const { map } = resolveMode(all, "eval", randomInputs());
    return {
      features: map(features),
      seen: seen && map(seen),
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, map(t)])),
    };
  }

  #values(): Map<Tensor, TensorData> {
    return new Map(
      [...this.model.state()].map(([path, p]): [Parameter, TensorData] => [p, this.weights.get(path) as TensorData]),
    );
  }

  #names(): Map<Tensor, string> {
    return new Map([...this.model.state()].map(([path, p]) => [p, path]));
  }

  /** Errors: SessionError once the model has been disposed. */
  #compiled(key: string, make: () => Readonly<Record<string, Tensor>>): Promise<Executable> {
    return this.executables.get(key, () => compile(make(), { ...this.#options, names: this.#names(), values: this.#values() }));
  }

  /** Compiles another graph of the model with its weights, for batches of these columns, as `TrainingState.evaluator` makes one. */
  async evaluator(types: ColumnTypes, forward: (batch: Tensors) => Tensors): Promise<(batch: Batch) => Promise<Outputs>> {
    const executable = await this.#compiled(`evaluator ${this.executables.size}`, () => {
      return resolveForUse(forward(inputsOf(types)));
    });
    return (batch) => executable.call(pick(batch, executable.inputs));
  }

  /**
   * Runs over encoded examples; `each` is given outputs, their rows and the batch: rows in order, but sequences by their length, and windows of a text
   * as one, by the row of the first.
   */
  run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void> {
    return readingInfo("config.json", this.task.name, () => this.#run(examples, each));
  }

  async #run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void> {
    const size = examples.length === 1 ? 1 : this.#rows;
    const executable = await this.#compiled(`outputs ${size}`, () => this.#trace(size).outputs);
    // A file's graph may have no use for the mask of its tokens.
    const columns = this.#columns.filter((name) => executable.takes(name));
    await this.eachBatch(examples, size, (batch) => executable.call(pick(batch, columns)), each);
  }

  /**
   * The features of encoded examples: what goes into the model's last linear layer, [N, D]. ConfigError if it has none.
   */
  async features(examples: Dataset, each: (features: TensorData, rows: number) => void): Promise<void> {
    const size = this.#rows;
    const executable = await this.#compiled("features", () => {
      return this.featuresOf(Object.values(this.#trace(size).outputs)[0] as Tensor);
    });
    await this.eachFeatures(executable, examples, each, size);
  }

  /** The model as a portable ONNX file with N free, preprocessing inside, and what the task knows in its metadata. */
  toOnnx(): Uint8Array {
    return encodeModel(this.toFile());
  }

  /** `toOnnx` as messages. */
  toFile(): ModelProto {
    if (this.#file !== undefined && graphInfo(this.info)?.prefix !== undefined) return this.#wholeFile(this.#file);
    const { features, outputs, seen } = this.#trace(symbol("N"));
    const { task, modelName, info } = this;
    const about = { task, modelName, info, names: this.#names(), values: this.#values() };
    return useFile({ ...about, outputs, features: task.explained && (seen ?? features) });
  }

  /** The file with its own nodes and the weights that were learned: what is in front of the graph cannot be written anew. */
  #wholeFile({ bytes, where }: ModelFile): ModelProto {
    const model = decodeModel(bytes, where);
    const metadata = new Map([...model.metadata, ...fileMetadata(this)]);
    return { ...withNumbers(model, this.weights, where), metadata };
  }
}

/** The graph that a run's training started from, with the head that it trains. */
export const graphFile = async (folder: RunFolder): Promise<ModelFile> => ({
  bytes: await folder.read(GRAPH_FILE),
  where: join(folder.path, GRAPH_FILE),
});

/** Opens a compressed run by its file. */
async function openCompressed(folder: RunFolder, config: RunConfig, options: UseOptions): Promise<FileModel> {
  const { model, info } = describedModel(folder.path, config);
  const file = { bytes: await folder.read(MODEL_FILE), where: join(folder.path, MODEL_FILE) };
  return new FileModel(taskNamed(config.task), model, info, file, options);
}

/** Reads the description of the model in a run's config.json. ConfigError for a run of no task. */
function describedModel(run: string, config: RunConfig): { readonly model: string; readonly info: TaskInfo } {
  const { model, info } = config as RunConfig & { model?: string; info?: TaskInfo };
  if (typeof model !== "string" || typeof info !== "object" || info === null || Array.isArray(info))
    throw new ConfigError(`${run}: expected a run of a task, got a config.json without model and info`);
  return { model, info };
}

/** Opens a run whose model was fitted at once: its graph has its numbers, and may have ops that only the engine has. */
async function openFitted(folder: RunFolder, config: RunConfig, options: UseOptions): Promise<Trained> {
  const { model: name, info } = describedModel(folder.path, config);
  const task = taskNamed(config.task);
  const file: ModelFile = { ...(await graphFile(folder)), isFitted: true };
  const made = modelOrReason(file.where, () => modelOf(task, name, info, file));
  if (!("reason" in made)) return new TracedModel(task, name, info, graphIn(made)?.values ?? new Map(), options, file);
  const onnx = new OnnxModel(file.bytes, { where: file.where });
  return new OpaqueGraph(task, info, { file: onnx, reason: made.reason, name }, options);
}

/** A language model of a GGUF file: tokens are written with its blocks as they are, since each reads all weights once. */
class GgufLanguageModel extends TracedModel {
  readonly #stored: GgufRun["stored"];

  constructor({ config, weights, stored }: GgufRun, options: UseOptions) {
    super(taskNamed(config.task), config.model, config.info, weights, options);
    this.#stored = stored;
  }

  writer(): Writer {
    return { model: this.model, weights: this.weights, rewrites: { step: rewriteWithGguf(this.#stored) } };
  }
}

/** Opens a language model that llama.cpp would run. */
async function openGgufFile(path: string, options: UseOptions): Promise<{ model: Trained; config: RunConfig }> {
  const run = await openGguf(path);
  return { model: new GgufLanguageModel(run, options), config: run.config };
}

/** Opens a run folder (its best checkpoint, or its last; the file of a compressed one), a checkpoint, or a GGUF file. ConfigError for a run of no task. */
export async function openTrained(path: string, options: UseOptions = {}): Promise<{ model: Trained; config: RunConfig }> {
  if (isGguf(path)) return openGgufFile(path, options);
  const { run, checkpoint: name } = splitRunPath(path);
  const folder = await openRun(run);
  const config = await folder.config();
  if (isCompressed(config)) return { model: await openCompressed(folder, config, options), config };
  if (config["fitted"] === true) return { model: await openFitted(folder, config, options), config };
  const checkpoint = await folder.readCheckpoint(name ?? (await bestOrLast(folder)), [CHECKPOINT_FILES.model]);
  const { model, info } = describedModel(run, config);
  const task = taskNamed(config.task);
  const weights = checkpointParameters(checkpoint);
  const file = graphInfo(info) === undefined ? undefined : await graphFile(folder);
  return readingInfo(join(run, RUN_FILES.config), task.name, () => {
    const plain = merged(() => modelOf(task, model, info, file), config as RunConfig & TrainingParts, weights);
    return { model: new TracedModel(task, model, info, plain, options, file), config };
  });
}

/** A trained model of any task. */
export type TrainedModel = Trained;
/**
 * Opens trained models by the name of their interface: `TrainedModel.open("runs/penguins")`.
 *
 * @example
 * import { fromRows } from "descentjs/data/node";
 * import { TrainedModel } from "descentjs/tasks/node";
 * const { model } = await TrainedModel.open("runs/churn");
 * const rows = fromRows([{ age: 41, plan: "basic" }]);
 * console.log(await model.answers(await model.task.encode(rows, model.info))); // [ { label: …, score: …, probabilities: … } ]
 * await model.dispose();
 */
export const TrainedModel = { open: openTrained } as const;
export type { UseOptions };
