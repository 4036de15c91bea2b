/**
 * @module A model in this process as an engine: opened once, its batches formed of what arrives together.
 */
import { concatenate, type Dataset, loadOnnx } from "../data/node.js";
import type { ExplainRequest } from "../tasks/explaining/explain-node.js";
import { explainInputs, methodsNamed, NotFiniteError } from "../tasks/explaining/explain-node.js";
import { explanationSvg } from "../tasks/explaining/picture-node.js";
import { backgroundOf } from "../tasks/explaining/background-node.js";
import { contributions, pixelMap } from "../tasks/explaining/summary.js";
import type { StringData, TensorData } from "../graph/index.js";
import { fromNumbers, isStringData, sizeOf, toNumbers } from "../graph/index.js";
import type { DeclaredValue, OnnxModel } from "../onnx/index.js";
import { compile, type Executable } from "../runtime/index.js";
import { nodeTaskNamed } from "../tasks/table-node.js";
import type { ColumnsInHand } from "../tasks/tables/file-columns.js";
import type { Answer } from "../tasks/task.js";
import type { TrainedModel, UseOptions } from "../tasks/trained-model.js";
import { FileModel } from "../tasks/use/file-model-node.js";
import { givenInputs, inputKind } from "../tasks/use/given-inputs-node.js";
import { FreeColumnsError } from "../tasks/use/given-shapes-node.js";
import { openModel } from "../tasks/use/open-node.js";
import { TracedModel } from "../tasks/use/trained-node.js";
import { ConfigError, DataError, SessionError, UnsupportedOpError } from "../util/errors.js";
import { TaskQueue } from "../util/task-queue.js";
import type { Cost } from "./batcher.js";
import { Batcher } from "./batcher.js";
import type {
  AdapterSpec,
  CallOptions,
  Engine,
  EngineCalls,
  EngineLimits,
  EngineMethod,
  EngineResult,
  ExplainParams,
  ExplainedInstance,
  InferParams,
  InferResult,
  ModelDescription,
  ObservedBatch,
  PredictParams,
  PredictResult,
  TensorSpec,
} from "./engine.js";
import { CALL_WORDS, ENGINE_LIMITS } from "./engine.js";

/** Options of an engine that opens a model. */
export interface OpenEngineOptions extends UseOptions {
  readonly limits?: Partial<EngineLimits>;
  /** Adapters of a decoder that writes texts. */
  readonly adapters?: readonly AdapterSpec[];
  /** Lengths of what an ONNX file leaves free, as `--shape` takes them. */
  readonly shape?: readonly string[];
  /** The columns of what is to be answered, where a file leaves their number free. */
  readonly columns?: () => Promise<ColumnsInHand>;
  readonly observe?: (batch: ObservedBatch) => void;
}

/** An engine that is owned: dispose it. */
export interface OwnedEngine extends Engine, AsyncDisposable {}

/** The tensors of a file, and how it runs. */
interface TensorSide {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly run: (
    inputs: Readonly<Record<string, TensorData | StringData>>,
  ) => Promise<Readonly<Record<string, TensorData | StringData>>>;
  readonly dispose: () => Promise<void>;
}

const specsOf = (values: ReadonlyMap<string, DeclaredValue>): TensorSpec[] =>
  [...values].map(([name, { dtype = "float32", shape = [] }]) => ({
    name,
    dtype,
    shape: shape.map((d) => (typeof d === "number" ? d : -1)),
  }));

/** The file's own tensors; its sessions are made when they are first asked for. */
function tensorSide(file: OnnxModel, options: UseOptions): TensorSide {
  let session: Promise<Executable> | undefined;
  return {
    inputs: specsOf(file.declaredInputs),
    outputs: specsOf(file.declaredOutputs),
    run: async (inputs) => (await (session ??= compile(file, options))).callWithTexts(inputs),
    dispose: async () => {
      await (await session?.catch(() => undefined))?.dispose();
    },
  };
}

/** The engine's words for values that a node does not take: indices beyond a table, lengths that do not go together. */
const REFUSED =
  /node ".*" \(\w+\): (?:expected values that it takes, got others: )?([^/\n]*(?:out of (?:data )?bounds|out of range|dimension|shape|broadcast)[^/\n]*)/i;

function refusedValues(error: unknown): DataError | undefined {
  const said = error instanceof SessionError ? REFUSED.exec(error.message)?.[1] : undefined;
  return said === undefined
    ? undefined
    : new DataError(`inputs: expected values that the model takes, got others: ${said.trim()}`);
}

/** Answers without the arrays of the engine: JSON as a sender reads it. */
const plain = (value: unknown): unknown => {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>, plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
};

/** An arena: a run of 13 texts by BERT of 4 layers × 256 took 17.4 ms without, and 15.1 with it. Aside: what comes meanwhile is read and made ready. */
const useOf = ({ device, threads }: UseOptions): UseOptions => ({ device, threads, arena: true, aside: true });

interface Parts {
  readonly path: string;
  readonly limits: EngineLimits;
  readonly trained: TrainedModel | undefined;
  /** The model that answers: with its number of rows free, where it can be had so. */
  readonly answering: TrainedModel | undefined;
  readonly tensors: TensorSide | undefined;
  readonly remarks: readonly string[];
  readonly options: OpenEngineOptions;
}

/** A trained model, or a file of tensors alone. */
export class ModelEngine implements OwnedEngine {
  readonly description: ModelDescription;
  readonly #parts: Parts;
  readonly #batcher: Batcher<Dataset, Answer[]> | undefined;
  /** Explanations take long: one request's at a time. */
  readonly #explaining = new TaskQueue();

  private constructor(parts: Parts) {
    const { limits, answering, options } = parts;
    this.#parts = parts;
    this.description = describe(parts);
    if (answering === undefined) return;
    const isImage = inputKind(answering) === "image";
    this.#batcher = new Batcher((parts) => answersTogether(answering, parts), {
      maxCost: isImage ? limits.maxBatchPixels : limits.maxBatchTokens,
      maxDelayMs: limits.maxDelayMs,
      observe: (batch) => options.observe?.({ kind: "predict", ...batch }),
    });
  }

  /** Opens a run, a checkpoint, a folder in Hugging Face's form or an ONNX file. Errors: those of `openModel`; FreeColumnsError without `columns`. */
  static async open(path: string, options: OpenEngineOptions = {}): Promise<ModelEngine> {
    const use = useOf(options);
    const opened = await openModel(path, { ...use, shape: options.shape ?? [], columns: options.columns }).catch(
      (error: unknown) => {
        if (error instanceof FreeColumnsError) throw error;
        // A file with inputs of its own is of use all the same.
        if (
          (options.shape ?? []).length > 0 ||
          !path.endsWith(".onnx") ||
          !(error instanceof ConfigError || error instanceof UnsupportedOpError)
        )
          throw error;
        return { model: undefined, remarks: [`tensors alone: ${error.message}`] };
      },
    );
    return ModelEngine.#of(path, opened.model, opened.remarks, options);
  }

  static async #of(
    path: string,
    trained: TrainedModel | undefined,
    remarks: readonly string[],
    options: OpenEngineOptions,
  ): Promise<ModelEngine> {
    const limits = { ...ENGINE_LIMITS, ...options.limits };
    const use = useOf(options);
    const answering = trained === undefined ? undefined : freed(trained, path, use);
    const tensors = path.endsWith(".onnx")
      ? tensorSide(await loadOnnx(path), use)
      : answering instanceof FileModel
        ? fileSide(answering)
        : undefined;
    const engine = new ModelEngine({ path, limits, trained, answering, tensors, remarks, options });
    await engine.#warmUp();
    return engine;
  }

  /** Compiles, and loads a tokenizer, before somebody waits for it. */
  async #warmUp(): Promise<void> {
    const { inputs } = this.description;
    const zeros = inputs.map(({ name, dtype, shape }) => {
      const dims = shape.map((d) => (d === -1 ? 1 : d));
      return [name, fromNumbers(dtype, dims, new Float64Array(sizeOf(dims)))] as const;
    });
    try {
      if (inputs.every(({ dtype }) => dtype !== "string")) await this.#parts.tensors?.run(Object.fromEntries(zeros));
      if (this.description.takes === "text") await this.#predict({ instances: ["a"] });
    } catch {
      // What a model says of zeros is nobody's business: it may want longer texts.
    }
  }

  call<M extends EngineMethod>(method: M, params: EngineCalls[M]["params"], options: CallOptions<M> = {}): EngineResult<M> {
    return this.#call(method, params as never, options as CallOptions) as EngineResult<M>;
  }

  async #call(method: EngineMethod, params: never, options: CallOptions): Promise<unknown> {
    if (method === "predict") return this.#predict(params, options);
    if (method === "explain") return this.#explain(params, options.signal);
    if (method === "infer") return this.#infer(params);
    throw new ConfigError(`model: expected one that can ${CALL_WORDS[method]}, got one of ${this.description.task}`);
  }

  /** The model that answers. ConfigError where there are tensors alone. */
  get #model(): TrainedModel {
    if (this.#parts.answering !== undefined) return this.#parts.answering;
    throw new ConfigError("model: expected one of a task, got a file of tensors alone; use /v2/models/NAME/infer");
  }

  async #predict({ instances }: PredictParams, options: CallOptions = {}): Promise<PredictResult> {
    const model = this.#model;
    this.#expectCount(instances.length, this.#parts.limits.maxInstances);
    const { examples, notes = [] } = await givenInputs(model, instances, this.#parts.limits);
    const own = await (this.#batcher as Batcher<Dataset, Answer[]>).add(examples, costOf(examples), options);
    const { present } = nodeTaskNamed(model.task.name);
    const answers = (await present?.answers?.(this.#parts.trained ?? model, own, { run: this.#parts.path, examples })) ?? own;
    return { answers: answers.map((answer) => plain(answer) as Answer), notes };
  }

  #expectCount(count: number, most: number): void {
    if (count > most) throw new DataError(`instances: expected at most ${most} at once, got ${count}; send them in parts`);
  }

  #explain(params: ExplainParams, signal?: AbortSignal): Promise<ExplainedInstance[]> {
    this.#expectCount(params.instances.length, this.#parts.limits.maxExplained);
    const { maxSamples } = this.#parts.limits;
    if ((params.samples ?? 0) > maxSamples) throw new DataError(`samples: expected at most ${maxSamples}, got ${params.samples}`);
    return this.#explaining.run(() => this.#explained(params, signal));
  }

  async #explained({ instances, method, target, samples, seed = 1, picture }: ExplainParams, signal?: AbortSignal) {
    signal?.throwIfAborted();
    const model = this.#parts.trained ?? this.#model;
    const methods = method === undefined ? [] : methodsNamed(method);
    if (methods.length > 1) throw new DataError(`method: expected one, got ${methods.length}`);
    const inputs = await givenInputs(model, instances, this.#parts.limits);
    const { path, options } = this.#parts;
    const rows = await backgroundOf(model, path, undefined, seed).catch(() => undefined);
    const { device, threads } = options;
    const request: ExplainRequest = { methods, question: { run: path, target }, seed, device, threads, samples, rows };
    const { explanations } = await explainInputs(model, inputs, request).catch((error: unknown) => {
      throw error instanceof NotFiniteError ? new DataError(error.message) : error;
    });
    return Promise.all(
      explanations.map(async (one): Promise<ExplainedInstance> => {
        const { label, score, gap } = one.example;
        const [height = 1, width = 1] = one.shape.slice(-2);
        return {
          method: one.method,
          target: label,
          score,
          gap,
          ...(one.view.input.kind === "image"
            ? { map: { height, width, values: Array.from(pixelMap(one)) } }
            : {
                contributions: contributions(one).map(({ label, value }) => ({
                  label: typeof label === "string" ? label : label.en,
                  value,
                })),
              }),
          remarks: one.remarks.map(({ en }) => en),
          picture: picture === true ? await explanationSvg([one], "en") : undefined,
        };
      }),
    );
  }

  async #infer({ inputs }: InferParams): Promise<InferResult> {
    if (this.#parts.tensors === undefined)
      throw new ConfigError(`model: expected one with tensors, got one of ${this.description.task}; use /predict`);
    const given = Object.fromEntries(inputs.map(({ name, data }) => [name, data]));
    const outputs = await this.#parts.tensors.run(given).catch((error: unknown) => {
      throw refusedValues(error) ?? error;
    });
    return { outputs: Object.entries(outputs).map(([name, data]) => ({ name, data })) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.tensors?.dispose();
    if (this.#parts.answering !== this.#parts.trained) await this.#parts.answering?.dispose();
    await this.#parts.trained?.dispose();
  }
}

/** The model as its file, which leaves the number of rows free; itself where it has no such file. */
function freed(trained: TrainedModel, path: string, use: UseOptions): TrainedModel {
  if (!(trained instanceof TracedModel)) return trained;
  try {
    return new FileModel(trained.task, trained.modelName, trained.info, { bytes: trained.toOnnx(), where: path }, use);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof DataError) return trained;
    throw error;
  }
}

const fileSide = (model: FileModel): TensorSide => ({
  inputs: specsOf(model.file.declaredInputs),
  outputs: specsOf(model.file.declaredOutputs),
  run: (inputs) => {
    const text = Object.entries(inputs).find(([, data]) => isStringData(data));
    if (text !== undefined) throw new DataError(`inputs: "${text[0]}": expected numbers, got texts`);
    return model.call(inputs as Readonly<Record<string, TensorData>>);
  },
  dispose: () => Promise.resolve(),
});

/** The rows of encoded examples, and the tokens or pixels of the largest. */
function costOf(examples: Dataset): Cost {
  const rows = examples.length;
  if (examples.has("length"))
    return { rows, size: toNumbers(examples.tensor("length")).reduce((most, n) => Math.max(most, n), 1) };
  if (!examples.has("image")) return { rows, size: 1 };
  const image = examples.column("image");
  return { rows, size: image.dtype === "string" || !("shape" in image) ? 1 : image.shape.slice(2).reduce((a, b) => a * b, 1) };
}

/** Whether examples of several requests may be put together: not windows of texts, nor images that are not decoded yet. */
const isPlain = (examples: Dataset): boolean =>
  !examples.has("text_of") &&
  examples.entries().every(([, column]) => column.dtype === "string" || !("encoded" in column) || column.encoded === undefined);

/** The answers of each part. */
async function answersTogether(model: TrainedModel, parts: readonly Dataset[]): Promise<Answer[][]> {
  if (parts.length === 1 || !parts.every(isPlain)) {
    const all: Answer[][] = [];
    for (const part of parts) all.push(await model.answers(part));
    return all;
  }
  const answers = await model.answers(concatenate(parts));
  let start = 0;
  return parts.map((part) => answers.slice(start, (start += part.length)));
}

function describe({ trained, answering, tensors, remarks }: Parts): ModelDescription {
  const info = answering?.info as
    | {
        readonly classes?: readonly string[];
        readonly preprocessing?: { readonly encoders?: readonly { readonly name: string }[] };
      }
    | undefined;
  const columns = info?.preprocessing?.encoders?.map(({ name }) => name);
  const canExplain = trained !== undefined && nodeTaskNamed(trained.task.name).view !== undefined;
  return {
    task: answering?.task.name ?? "tensors",
    takes: answering === undefined ? "tensors" : inputKind(answering),
    capabilities: [
      ...(answering === undefined ? [] : ["predict" as const]),
      ...(canExplain ? ["explain" as const] : []),
      ...(tensors === undefined ? [] : ["infer" as const]),
    ],
    inputs: tensors?.inputs ?? [],
    outputs: tensors?.outputs ?? [],
    classes: info?.classes,
    columns,
    remarks,
  };
}
