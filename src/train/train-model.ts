/**
 * @module `train(model, { data, loss, optimizer, … })`: any model on any data in memory, with everything in between chosen for you. Built
 * from `trainingStep` and `trainRun`, which take over where a choice does not fit. Node's (`train-model-node.ts`) takes files and names too.
 */
import type { Batch, Dataset, TableSource, BatchFetcher } from "../data/index.js";
import { checkLabelRange, isText, refuseGaps } from "../data/index.js";
import type { Layer, Tensor, TensorData } from "../graph/index.js";
import { input as symbolic, isFloat } from "../graph/index.js";
import type { Loss } from "../losses/index.js";
import type { Metric, MetricFactory, Metrics } from "../metrics/index.js";
import type { Module } from "../nn/index.js";
import type { Optimizer } from "../optim/index.js";
import { costOf } from "../ops/index.js";
import type { Progress } from "../run/progress.js";
import type { RunWriter } from "../run/run-folder-node.js";
import type { Device, DeviceChoice } from "../runtime/index.js";
import { platformRuntime, prepareGraph, resolveDevice } from "../runtime/index.js";
import { ConfigError, DescentError } from "../util/errors.js";
import type { DataParts, TableLike } from "./table-data.js";
import { datasetOf, inputNames, partsOf, targetClasses, withInput, withTarget } from "./table-data.js";
import { forEachBatch } from "./evaluate.js";
import type { FineTuneOptions } from "./fine-tuning.js";
import { fineTune } from "./fine-tuning.js";
import { measurer, type Gatherer } from "./measure.js";
import type { ParallelPlan } from "./parallel.js";
import type { TrainingState } from "./state.js";
import { countSteps } from "./step-count.js";
import type { TrainSummary } from "./summary.js";
import { summarizeFit } from "./summary.js";
import type { TrainingStep } from "./step.js";
import { trainingStep } from "./step.js";
import type { TrainedRun } from "./train-run.js";
import { trainRun } from "./train-run.js";
import type { Callback, Monitor } from "./trainer.js";

/** Data that lie in memory, or in a file of a page. */
export type MemoryData = TableLike | DataParts<TableLike> | TableSource;

/** Options of `train`: data, loss, optimizer, and what else is measured. */
export interface TrainOptions {
  /** Rows, columns or a `Dataset`, as a whole or in parts; or a CSV file that the page has: a `File`, what `fetch` answered. */
  readonly data: MemoryData;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Weights to start from, by path, in place of the initializers': a checkpoint's. */
  readonly weights?: ReadonlyMap<string, TensorData>;
  /** Frozen parts, and learning rates of parts; adapters are put into the model. */
  readonly fineTuning?: FineTuneOptions;
  /** Measured after each epoch and at the end, beside the loss. */
  readonly metrics?: Readonly<Record<string, MetricFactory>>;
  /** Columns that the model reads, several joined in order; left out, `image`, `features` or `x`, or all that are not the target. */
  readonly input?: string | readonly string[];
  /** The column that the loss compares with; left out, `label`, `target` or `y`. Texts are classes, in the order of their code points. */
  readonly target?: string;
  /** Preprocesses a batch's input for the model; left out, numbers become float32, and pixels are divided by their largest value. */
  readonly transform?: (input: Tensor) => Tensor;
  readonly epochs?: number;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly seed?: number;
  readonly device?: DeviceChoice;
  readonly threads?: number;
  readonly accumulate?: number;
  /** The metric that says which state is better; left out, the validation loss. */
  readonly monitor?: Monitor;
  readonly patience?: number;
  /** Told of each step and each evaluation. */
  readonly callbacks?: readonly Callback[];
  readonly signal?: AbortSignal;
}

/** A finished training. Owned: dispose it. */
export interface TrainedModelRun<Summary = TrainSummary> extends AsyncDisposable {
  readonly summary: Summary;
  /** The trained weights, where the engine keeps them. */
  readonly state: TrainingState;
  /** The folder, where there is one. */
  readonly path: string | undefined;
  /** The model's outputs for a data set's input column. */
  predict(table: TableLike): Promise<TensorData[]>;
  /** For code without `await using`. */
  dispose(): Promise<void>;
}

/** The columns of the data, for the generic loop. */
export interface Columns extends DataParts {
  readonly name: string;
  readonly input: string;
  /** The columns that make up the input. */
  readonly inputs: readonly string[];
  /** The classes that the target's indices stand for, where it came as texts. */
  readonly classes?: readonly string[] | undefined;
  readonly target: string;
  readonly maximum: number;
  /** Reads rows for an answer, where the input is made of them. */
  readonly encode?: (rows: Dataset) => Dataset;
}

/** The columns of data in memory. Errors: ConfigError where the target or the input cannot be told; DataError for a file that is not a table. */
export async function memoryColumns(
  data: MemoryData,
  options: Pick<TrainOptions, "target" | "input" | "seed">,
): Promise<Columns> {
  if (typeof data === "string")
    throw new ConfigError(
      `train: data: expected rows, columns by name, a Dataset, a File or an answer of fetch, got the text "${data}"; names, paths and queries are for Node`,
    );
  if (data instanceof Blob || data instanceof Response) {
    // Loaded where a file is read, and nowhere else.
    const { fileColumns } = await import("./file-columns.js");
    return fileColumns(data, options);
  }
  const parts = partsOf(data);
  const target = options.target ?? ["label", "target", "y"].find((name) => parts.train.has(name));
  if (target === undefined)
    throw new ConfigError(`train: expected a target column, got ${parts.train.names.join(", ")}; name it with target`);
  const inputs = inputNames(parts.train, target, options.input);
  const { data: train, input } = withInput(parts.train, inputs);
  const [validation, test] = [parts.validation, parts.test].map((part) => part && withInput(part, inputs).data);
  const classes = targetClasses(parts.train, target);
  return { train, validation, test, name: "data", input, inputs, target, classes, maximum: 255 };
}

/** The model's output for one example. */
function outputFor({ train, input }: Columns, outputOf: (x: Tensor) => Tensor): Tensor {
  const { dtype, shape } = train.tensor(input);
  return outputOf(symbolic(input, [1, ...shape.slice(1)], dtype));
}

/** The columns with targets as the loss takes them for the model's output. */
function withTargets(columns: Columns, outputOf: (x: Tensor) => Tensor, loss: Loss): Columns {
  const { train, validation, test, target, classes } = columns;
  const output = outputFor(columns, outputOf);
  // Whatever the loss takes as it is stays so: it may reshape by itself.
  const isTaken = (): boolean => {
    const column = train.column(target);
    if (classes !== undefined || isText(column) || column.dtype === "float64") return false;
    try {
      loss(output, symbolic(target, [1, ...column.shape.slice(1)], column.dtype));
      return true;
    } catch (error) {
      if (error instanceof DescentError) return false;
      throw error;
    }
  };
  if (isTaken()) return columns;
  const fitted = (part: Dataset): Dataset => withTarget(part, target, output.shape, classes);
  return { ...columns, train: fitted(train), validation: validation && fitted(validation), test: test && fitted(test) };
}

/** Refuses labels that the model has no output for: whole numbers, of which an output has one axis more, its classes. */
function checkTargets(columns: Columns, outputOf: (x: Tensor) => Tensor, ignored: number | undefined): void {
  const { train, validation, test, target } = columns;
  const column = train.tensor(target);
  if (isFloat(column.dtype)) return;
  const output = outputFor(columns, outputOf);
  const classes = output.shape.at(-1);
  if (output.rank !== column.shape.length + 1 || typeof classes !== "number") return;
  for (const [name, part] of Object.entries({ train, validation, test }))
    if (part !== undefined) checkLabelRange(part.tensor(target), classes, `train: ${name}: column "${target}"`, ignored);
  const parts = [train, validation, test].flatMap((part) => (part === undefined ? [] : [part.tensor(target)]));
  if (column.classes !== undefined) refuseGaps(column.classes, parts, `train: column "${target}"`);
}

/** The loss, and the metrics that were asked for. */
class LossAndMetrics implements Gatherer {
  readonly #target: string;
  readonly #metrics: readonly (readonly [string, Metric])[];
  #loss = 0;
  #rows = 0;

  constructor(target: string, metrics: Readonly<Record<string, MetricFactory>> = {}) {
    this.#target = target;
    this.#metrics = Object.entries(metrics).map(([name, make]) => [name, make()]);
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const [output, truth] = [outputs["output"] as TensorData, batch[this.#target] as TensorData];
    for (const [, metric] of this.#metrics) metric.update(output, truth);
    const rows = truth.shape[0] as number;
    // The last batch is filled up with its own rows: its mean stands for its rows.
    this.#loss += Number((outputs["loss"] as TensorData).data[0]) * rows;
    this.#rows += rows;
  }

  result(): Metrics {
    return {
      ...Object.fromEntries(this.#metrics.map(([name, metric]) => [name, metric.result()])),
      loss: this.#loss / this.#rows,
    };
  }
}

/** Rows that are computed at once where a model is measured or answers. */
const AT_ONCE = 256;

/** A training: the columns, the model's output for one of them, the step. */
interface Described {
  readonly columns: Columns;
  readonly outputOf: (x: Tensor) => Tensor;
  readonly step: TrainingStep;
}

function describe(
  model: Module & Layer,
  given: Columns,
  options: Omit<TrainOptions, "data">,
  parallel: ParallelPlan | undefined,
): Described {
  const { input, target, maximum } = given;
  const scale = (x: Tensor): Tensor => (x.dtype === "uint8" ? x.cast("float32").mul(1 / maximum) : x.cast("float32"));
  const outputOf = (x: Tensor): Tensor => model.forward((options.transform ?? scale)(x));
  const { loss }: Partial<Pick<TrainOptions, "loss">> = options;
  if (typeof loss !== "function") throw new ConfigError("train: expected a loss such as crossEntropy(), got none");
  const step = trainingStep({
    model,
    optimizer: fineTune(model, options.optimizer, options.fineTuning ?? {}),
    accumulate: parallel?.accumulate ?? options.accumulate ?? 1,
    passes: parallel?.allPasses,
    loss: (batch) => options.loss(outputOf(batch[input] as Tensor), batch[target] as Tensor),
  });
  const columns = withTargets(given, outputOf, options.loss);
  checkTargets(columns, outputOf, options.loss.ignoreIndex);
  return { columns, outputOf, step };
}

/** A closure that measures a state on a part of the data. */
function measureOn(
  state: TrainingState,
  part: Dataset,
  { columns: { input, target }, outputOf }: Described,
  options: Pick<TrainOptions, "loss" | "metrics">,
  parallel: ParallelPlan | undefined,
): Promise<() => Promise<Metrics>> {
  const read = part.pick(input, target);
  const batchSize = Math.min(AT_ONCE, part.length);
  return measurer(state, {
    part: read,
    batchSize,
    columns: read.take(batchSize).batch(),
    forward: (batch) => {
      const output = outputOf(batch[input] as Tensor);
      return { output, loss: options.loss(output, batch[target] as Tensor) };
    },
    gatherer: () => new LossAndMetrics(target, options.metrics),
    group: parallel?.group,
  });
}

/** The model's outputs for a data set's input column, batch by batch. */
async function predictWith(
  state: TrainingState,
  { columns: { input, inputs, encode }, outputOf }: Described,
  table: TableLike,
): Promise<TensorData[]> {
  const given = datasetOf("predict", table);
  const rows = withInput(encode?.(given) ?? given, inputs).data.pick(input);
  const size = Math.min(AT_ONCE, rows.length);
  const run = await state.evaluator(rows.take(size).batch(), (batch) => ({ output: outputOf(batch[input] as Tensor) }));
  const parts: TensorData[] = [];
  await forEachBatch(rows, size, run, (outputs) => void parts.push(outputs["output"] as TensorData));
  return parts;
}

/** FLOPs of a step on batches like this one. */
const flopsOf = (step: TrainingStep, batch: Batch, device: Device): number =>
  prepareGraph(step.graphFor(batch).graph, device)
    .nodes.filter((node) => node.inputs.length > 0)
    .reduce((sum, node) => sum + costOf(node).flops, 0);

/** Additions of a platform to a training. */
export interface Around {
  /** Divides a training among processes. */
  readonly divide?: (
    asked: { readonly batchSize: number; readonly accumulate: number },
    examples: number,
  ) => ParallelPlan | undefined;
  /** Random changes of images, elsewhere than on this thread. */
  readonly loader?: { readonly fetcher?: BatchFetcher | undefined };
  readonly progress?: ((columns: Columns, totalSteps: number) => Progress) | undefined;
  readonly writer?:
    | ((described: { readonly columns: Columns; readonly options: object }) => Promise<RunWriter | undefined>)
    | undefined;
}

/** Trains on columns, with what the platform adds. */
export async function trainOn(
  model: Module & Layer,
  given: Columns,
  options: Omit<TrainOptions, "data">,
  around: Around = {},
): Promise<TrainedModelRun> {
  const { seed = 0, epochs = 10, steps } = options;
  const examples = given.train.length;
  const asked = { batchSize: Math.min(options.batchSize ?? 128, examples), accumulate: options.accumulate ?? 1 };
  const parallel = around.divide?.(asked, examples);
  const { batchSize, accumulate } = parallel ?? asked;
  const described = describe(model, given, options, parallel);
  const { columns, step } = described;
  const { input, target, validation } = columns;
  const { totalSteps } = countSteps({ examples, batchSize, accumulate, epochs, steps });
  const device = await resolveDevice(await platformRuntime(), options.device ?? (parallel === undefined ? "auto" : "cpu"));
  const trainPart = columns.train.pick(input, target);
  const flopsPerStep = flopsOf(step, trainPart.take(batchSize).batch(), device);
  const writer = await around.writer?.({
    columns,
    options: { data: columns.name, batchSize, totalSteps, seed, optimizer: step.optimizer.description },
  });
  const trained = await trainRun({
    step,
    train: trainPart,
    batchSize,
    totalSteps,
    seed,
    device,
    threads: options.threads ?? parallel?.threads,
    evaluate: validation === undefined ? undefined : (state) => measureOn(state, validation, described, options, parallel),
    loader: around.loader,
    monitor: options.monitor ?? { metric: "loss", mode: "min" },
    patience: options.patience,
    signal: options.signal,
    progress: around.progress?.(columns, totalSteps),
    callbacks: options.callbacks,
    writer,
    parallel,
    weights: options.weights,
  });
  const { state } = trained;
  return {
    summary: await summaryOf(model, trained, { ...described, parallel }, options, { seed, device, flopsPerStep }),
    state,
    path: writer?.path,
    predict: (dataset) => predictWith(state, described, dataset),
    dispose: () => state.dispose(),
    [Symbol.asyncDispose]: () => state.dispose(),
  };
}

/** Measures all parts, and sums up. */
async function summaryOf(
  model: Module,
  trained: TrainedRun,
  described: Described & { readonly parallel: ParallelPlan | undefined },
  options: Omit<TrainOptions, "data">,
  about: Pick<TrainSummary, "seed" | "device" | "flopsPerStep">,
): Promise<TrainSummary> {
  const { name, train, validation, test } = described.columns;
  const measured = async (part: Dataset | undefined): Promise<Metrics | undefined> =>
    part === undefined ? undefined : (await measureOn(trained.state, part, described, options, described.parallel))();
  const parameters = model.parameterCount;
  return summarizeFit(
    trained,
    { task: "custom", model: model.constructor.name, data: name, ...about, parameters, trained: parameters },
    { train: await measured(train), validation: await measured(validation), test: await measured(test) },
  );
}

/**
 * Trains a model of one input and one output, on data in memory or in a file of the page, on the best device that there is.
 *
 * Errors: ConfigError if columns cannot be told; ShapeError if the model does not fit the data; DataError for a file that is not a table, and for a
 * label that the model has no output for; those of `fit`.
 *
 * @example
 * import { crossEntropy } from "descentjs/losses";
 * import { Linear } from "descentjs/nn";
 * import { adamW } from "descentjs/optim";
 * import { train } from "descentjs/train";
 * const points = Array.from({ length: 200 }, (_, i) => ({ x: [i / 100 - 1], label: i < 100 ? 0 : 1 }));
 * const run = await train(new Linear(1, 2), { data: points, loss: crossEntropy(), optimizer: adamW(), epochs: 2 });
 * const [logits] = await run.predict([{ x: [0.7] }]);
 * console.log(logits?.shape); // [ 1, 2 ]
 * await run.dispose();
 */
export async function train(model: Module & Layer, options: TrainOptions): Promise<TrainedModelRun> {
  const columns = await memoryColumns(options.data, options);
  return trainOn(model, columns, options);
}
