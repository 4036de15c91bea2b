/**
 * @module The model of a compressed run: its `model.onnx`, which the engine runs as it is, and which Descent traces where a graph is asked for.
 */
import type { Batch, Dataset } from "../../data/node.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { inputsOf, sizeOf, symbol } from "../../graph/index.js";
import { rewriteWith, storedWeights } from "../../compress/quantize/stored.js";
import type { Module } from "../../nn/index.js";
import { OnnxModel } from "../../onnx/index.js";
import { resolveForUse } from "../../ops/index.js";
import type { Executable } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { ConfigError } from "../../util/errors.js";
import type { AnyTask, ColumnTypes, Outputs, TaskInfo, Tensors } from "../task.js";
import { taskNamed } from "../table.js";
import type { TrainedModel, UseOptions, Writer } from "../trained-model.js";
import { ModelInUse } from "./model-in-use-node.js";
import type { ModelFile } from "./model.js";
import { modelOf } from "./model.js";
import { pick, rowsAtOnce } from "./traced-graph.js";
import { OUTPUT, taskOfFile, UseFileModule } from "./use-file.js";

/** A task's model in the form of `toOnnx`. Owned: dispose it. */
export class FileModel extends ModelInUse implements TrainedModel {
  readonly file: OnnxModel;
  readonly #bytes: Uint8Array;
  readonly #parameters: ModelFile["parameters"];
  readonly #options: UseOptions;
  #module: UseFileModule | undefined;

  /** Errors: DataError for bytes that are no model; ConfigError for a file that does not take the task's columns. */
  constructor(
    task: AnyTask,
    modelName: string,
    info: TaskInfo,
    { bytes, where, parameters }: ModelFile,
    options: UseOptions = {},
  ) {
    super(taskOfFile(task), modelName, info);
    this.file = new OnnxModel(bytes, { where });
    this.#bytes = bytes;
    this.#parameters = parameters;
    this.#options = options;
    const columns = Object.keys(task.inputs(this.context, 1));
    const stray = [...this.file.declaredInputs.keys()].filter((name) => !columns.includes(name));
    if (stray.length > 0)
      throw new ConfigError(`${where}: expected the columns of ${task.name}, ${columns.join(", ")}, got ${stray.join(", ")}`);
  }

  /** The file as a module from columns to outputs. Errors: those of `GraphModule`. */
  get model(): Module {
    const shapes = (): Readonly<Record<string, Tensor["shape"]>> =>
      Object.fromEntries(
        Object.entries(this.task.inputs(this.context, 1)).flatMap(([name, { shape }]) =>
          this.file.declaredInputs.has(name) ? [[name, shape]] : [],
        ),
      );
    return (this.#module ??= new UseFileModule(this.file.proto, shapes(), this.file.where, this.#parameters));
  }

  get weights(): ReadonlyMap<string, TensorData> {
    return (this.model as UseFileModule).graph.values;
  }

  /** Errors: SessionError once the model has been disposed. */
  #compiled(key: string, make: () => OnnxModel | Tensors): Promise<Executable> {
    return this.executables.get(key, () => {
      const made = make();
      return made instanceof OnnxModel ? compile(made, this.#options) : compile(made, { ...this.#options, ...this.#constants });
    });
  }

  get #constants(): { readonly names: Map<Tensor, string>; readonly values: Map<Tensor, TensorData> } {
    const state = [...this.model.state()];
    return {
      names: new Map(state.map(([path, p]) => [p, path])),
      values: new Map(state.map(([path, p]) => [p, this.weights.get(path) as TensorData])),
    };
  }

  /** The file's own outputs come from the file, as the engine runs it; the rest is computed of them. */
  async evaluator(types: ColumnTypes, forward: (batch: Tensors) => Tensors): Promise<(batch: Batch) => Promise<Outputs>> {
    const key = `evaluator ${this.executables.size}`;
    const traced = resolveForUse(forward(inputsOf(types)));
    const behind = (this.model as UseFileModule).behind(traced);
    const executable = await this.#compiled(key, () => behind ?? traced);
    if (behind === undefined) return (batch) => executable.call(pick(batch, executable.inputs));
    const file = await this.#compiled("file", () => this.file);
    return async (batch) => {
      const given = Object.entries(await file.call(pick(batch, file.inputs))).map(
        ([name, t]) => [`${OUTPUT}${name}`, t] as const,
      );
      return executable.call(pick({ ...batch, ...Object.fromEntries(given) }, executable.inputs));
    };
  }

  /** Errors: ConfigError for a file whose weights are not those of the model that the run names: one that was cut. */
  writer(): Writer {
    const model = modelOf(taskNamed(this.task.name), this.modelName, this.info);
    const parameters = new Map([...model.state()].map(([name, parameter]) => [name, parameter.dims]));
    const stored = storedWeights(this.file.proto, parameters);
    const missing = [...parameters].find(([name, dims]) => stored.numbers.get(name)?.data.length !== sizeOf(dims));
    if (missing !== undefined)
      throw new ConfigError(
        `${this.file.where}: expected the weights of ${this.modelName} to generate text, got another ${missing[0]}: a pruned decoder can only be evaluated and predict`,
      );
    const rewrites = { prompt: rewriteWith(stored, "prompts"), step: rewriteWith(stored, "tokens") };
    return { model, weights: stored.numbers, rewrites };
  }

  async run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void> {
    const executable = await this.#compiled("file", () => this.file);
    const atOnce = rowsAtOnce(this.task, this.info);
    // The file leaves the number of rows free.
    const size = Math.min(examples.length, atOnce);
    await this.eachBatch(examples, size, (batch) => executable.call(pick(batch, executable.inputs)), each);
  }

  /** The file's own outputs for its own inputs. Errors: ShapeError, DTypeError for inputs that are not the file's. */
  async call(inputs: Batch): Promise<Outputs> {
    return (await this.#compiled("file", () => this.file)).call(inputs);
  }

  async features(examples: Dataset, each: (features: TensorData, rows: number) => void): Promise<void> {
    const executable = await this.#compiled("features", () => {
      const columns = inputsOf(this.task.inputs(this.context, symbol("N")));
      const outputs = resolveForUse((this.model as UseFileModule).forward(columns));
      return this.featuresOf(Object.values(outputs)[0] as Tensor);
    });
    await this.eachFeatures(executable, examples, each);
  }

  /** The file as it is. */
  toOnnx(): Uint8Array {
    return this.#bytes;
  }
}
