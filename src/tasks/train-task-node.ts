/**
 * @module A task trained into a run folder, from a data set's name to a report: what `descent train` does.
 */
import { bytesOf, passCost, peakIntermediateBytes } from "../cost/index.js";
import type { Dataset } from "../data/node.js";
import { loadData, WorkerFetcher } from "../data/node.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { constant, isLeaf } from "../graph/index.js";
import type { Module } from "../nn/index.js";
import { adam } from "../optim/index.js";
import type { Device, DeviceChoice } from "../runtime/index.js";
import { evaluate, memoryFactor, platformRuntime, prepareGraph, resolveDevice } from "../runtime/index.js";
import { forEachBatch } from "../train/evaluate.js";
import type { BatchTypes, Callback, Metrics, TrainingState, TrainingStep } from "../train/index.js";
import { TrainingState as State, trainingStep } from "../train/index.js";
import type { Progress, ProgressOptions } from "../train/progress.js";
import { peakMemoryMiB } from "../train/progress-node.js";
import type { RunConfig, RunSummary } from "../train/run-folder.js";
import type { Checkpoint, RunWriter } from "../train/run-folder-node.js";
import { checkFree, createRun, openRun, resumeRun, splitRunPath } from "../train/run-folder-node.js";
import { trainRun } from "../train/train-node.js";
import { ConfigError, DescentError } from "../util/errors.js";
import { cropsParts, parseImageSize } from "../vision/index.js";
import { descentVersion } from "./version-node.js";
import { numbersFrom } from "./init-node.js";
import { makeOptimizer } from "./optimizer.js";
import { writeReport } from "./report-node.js";
import { nodeTaskNamed } from "./table-node.js";
import { modelNamed, taskNamed } from "./table.js";
import type { Watched } from "./task-node.js";
import type { AnyTask, Measurement, Prepared, TaskContext, TaskInfo, TaskOptions, TrainingDefaults } from "./task.js";
import { BATCH, TrainedModel } from "./trained-node.js";

/** What was asked for; what is left out has the model's own default. Names are those of the command line. */
export interface TrainTaskOptions extends Partial<Omit<TrainingDefaults, "epochs">>, TaskOptions {
  readonly task: string;
  readonly data: string;
  readonly model?: string;
  readonly labelColumn?: string;
  /** Columns of a table that are not looked at. */
  readonly ignoreColumn?: readonly string[];
  readonly skipBadRows?: boolean;
  /** Tags that break their scheme are read with patience. */
  readonly repair?: boolean;
  /** Of images: `SIDE`, or `WIDTHxHEIGHT`. */
  readonly imageSize?: string;
  /** A larger image is refused before it is decoded. */
  readonly maxMegapixels?: number;
  readonly epochs?: number;
  readonly steps?: number;
  readonly accumulate?: number;
  readonly earlyStopping?: number;
  readonly seed?: number;
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** A run whose parameters training starts from. */
  readonly init?: string;
  readonly check?: boolean;
  readonly lang?: "en" | "zh";
}

/** Where the run goes, and how it is watched. */
export interface TrainTaskContext {
  readonly out: string;
  readonly overwrite?: boolean;
  /** Goes on with this run: its own configuration counts, not the options. */
  readonly resume?: string;
  readonly command?: string;
  readonly signal?: AbortSignal;
  readonly note?: (text: string) => void;
  readonly progress?: (options: ProgressOptions) => Progress;
  readonly checkpointEvery?: number;
  readonly onStep?: Callback["onStep"];
}

export interface TrainTaskResult {
  readonly path: string;
  /** Undefined where the run was interrupted. */
  readonly summary?: RunSummary;
  readonly ended: "steps" | "early stopping" | "interrupted";
}

/** Everything that a run is made of, decided. */
interface Plan {
  readonly task: AnyTask;
  readonly modelName: string;
  readonly model: Module;
  readonly prepared: Prepared<TaskInfo>;
  /** What the task is told while it trains. */
  readonly training: TaskContext<TaskInfo>;
  readonly step: TrainingStep;
  /** Adam's rate, for learning one batch by heart. */
  readonly checkRate: number;
  readonly batchSize: number;
  readonly totalSteps: number;
  readonly evaluateEvery: number;
  readonly notes: readonly string[];
  readonly dataName: string;
  readonly resolved: TrainTaskOptions;
}

const MOST_EVALUATIONS = 20;

async function plan(options: TrainTaskOptions, note: (text: string) => void): Promise<Plan> {
  const task = taskNamed(options.task);
  const modelName = options.model ?? task.defaultModel;
  const choice = modelNamed(task, modelName);
  const seed = options.seed ?? 1;
  const usual = choice.defaults(0).augment;
  const data = await loadData(options.data, {
    seed,
    ...(options.imageSize === undefined ? {} : { imageSize: parseImageSize(options.imageSize, "--image-size") }),
    ...(options.maxMegapixels === undefined ? {} : { maxMegapixels: options.maxMegapixels }),
    keepOriginals: (height, width) => cropsParts(options.augment ?? usual ?? "none", { height, width }),
    note,
    ...(options.labelColumn === undefined ? {} : { labelColumn: options.labelColumn }),
    ...(options.skipBadRows === undefined ? {} : { skipBadRows: options.skipBadRows }),
    ...(options.repair === undefined ? {} : { repair: options.repair }),
  });
  const own = taskOptions(task, options);
  const prepared = task.prepare(data, { ...own, seed, ignore: options.ignoreColumn ?? [] });
  const model = choice.build(prepared.info);
  const defaults = choice.defaults(prepared.train.length);
  const batchSize = Math.min(options.batchSize ?? defaults.batchSize, prepared.train.length);
  const accumulate = options.accumulate ?? 1;
  const stepsPerEpoch = Math.max(1, Math.floor(Math.floor(prepared.train.length / batchSize) / accumulate));
  const epochs = options.epochs ?? defaults.epochs;
  const totalSteps = options.steps ?? Math.max(1, Math.round(epochs * stepsPerEpoch));
  // Whole epochs, and not more often than a person would read.
  const evaluateEvery = stepsPerEpoch * Math.max(1, Math.ceil(totalSteps / stepsPerEpoch / MOST_EVALUATIONS));
  const settings = {
    optimizer: options.optimizer ?? defaults.optimizer,
    schedule: options.schedule ?? defaults.schedule,
    lr: options.lr ?? defaults.lr,
    weightDecay: options.weightDecay ?? defaults.weightDecay,
    warmupSteps: options.warmupSteps ?? defaults.warmupSteps,
    clipNorm: options.clipNorm ?? defaults.clipNorm,
    beta1: options.beta1 ?? defaults.beta1,
  };
  const labelSmoothing = options.labelSmoothing ?? defaults.labelSmoothing;
  const asked = definedOnly({ ...own, labelSmoothing, augment: options.augment ?? defaults.augment }) as TaskOptions;
  if (options.augment !== undefined && task.settle === undefined)
    throw new ConfigError(`--augment: expected a task of images, got ${task.name}`);
  const settled = task.settle?.(asked, prepared.info, data) ?? asked;
  const training: TaskContext<TaskInfo> = { info: prepared.info, use: "train", options: settled };
  const step = trainingStep({
    model,
    optimizer: makeOptimizer({ ...settings, totalSteps }),
    accumulate,
    loss: (batch) => task.loss(task.outputs(model, task.features(batch, training), batch, training), batch, training),
  });
  const resolved: TrainTaskOptions = {
    ...options,
    ...settings,
    ...settled,
    model: modelName,
    batchSize,
    accumulate,
    seed,
    ...(options.steps === undefined ? { epochs } : { steps: totalSteps }),
  };
  return {
    task,
    modelName,
    model,
    prepared,
    training,
    step,
    // A network that is trained at small rates learns sooner at a small one.
    checkRate: defaults.optimizer.startsWith("adam") ? Math.min(CHECK_RATE, 2 * defaults.lr) : CHECK_RATE,
    batchSize,
    totalSteps,
    evaluateEvery,
    notes: [...data.notes, ...prepared.notes],
    dataName: data.name,
    resolved,
  };
}

/** Options that only some tasks have, as the command line names them. */
const TASK_OPTIONS = ["loss", "holdOut", "falseAcceptRate", "features"] as const satisfies readonly (keyof TaskOptions)[];

/** The options of its own that a task is given. ConfigError for one that it does not take. */
function taskOptions(task: AnyTask, options: TrainTaskOptions): TaskOptions {
  const given = TASK_OPTIONS.filter(
    (name) => options[name] !== undefined && !(Array.isArray(options[name]) && options[name].length === 0),
  );
  const wrong = given.find((name) => task.takes?.includes(name) !== true);
  if (wrong !== undefined) {
    const flag = wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new ConfigError(`--${flag}: expected a task that takes it, got ${task.name}`);
  }
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}

/** Types of a training batch: the inputs and the targets. */
const trainingTypes = ({ task, training }: Plan, batchSize: number): BatchTypes => ({
  ...task.inputs(training, batchSize),
  ...task.targets(training, batchSize),
});

/** Who makes batches of rows, where the columns as they lie are not one. Owned: dispose it. */
function fetcherFor(task: AnyTask, context: TaskContext<TaskInfo>, rows: Dataset): WorkerFetcher | undefined {
  const collate = task.collate?.(context, rows);
  return collate === undefined ? undefined : new WorkerFetcher(rows, collate);
}

/** What one step costs, and the memory that training takes: two copies of the state, the batch, and the live values. */
function measureStep(step: TrainingStep, batch: BatchTypes, device: Device): { flops: number; bytes: number } {
  const traced = step.graphFor(batch).graph;
  const graph = prepareGraph(traced, device);
  const leafBytes = graph.nodes.filter(isLeaf).reduce((sum, node) => sum + bytesOf(node.outputs[0] as Tensor), 0);
  return {
    flops: passCost(graph.nodes).flops,
    bytes: (2 * leafBytes + peakIntermediateBytes(graph)) * memoryFactor(traced, device),
  };
}

/** Refuses a training that there is no memory for, with a batch size that would fit: memory is a line over the batch size, or below one. */
export function checkMemory(bytesFor: (batchSize: number) => number, batchSize: number, free: number): void {
  const bytes = bytesFor(batchSize);
  if (bytes <= free) return;
  const mib = (n: number): number => Math.ceil(n / 2 ** 20);
  const one = bytesFor(1);
  const perExample = (bytes - one) / Math.max(1, batchSize - 1);
  const fitting = perExample === 0 ? 0 : Math.floor(1 + (free * 0.9 - one) / perExample);
  const remedy = fitting >= 1 ? `--batch-size ${fitting} would fit` : "use a smaller model";
  throw new DescentError(`memory: expected ${mib(bytes)} MiB for training, got ${mib(free)} MiB free; ${remedy}`);
}

/** Names what differs where a run goes on with data that are no longer those it began with. */
function checkSameData(config: RunConfig, info: TaskInfo, run: string): void {
  const began = config["info"] as TaskInfo;
  const changed = Object.keys(info).filter((name) => JSON.stringify(info[name]) !== JSON.stringify(began[name]));
  if (changed.length > 0)
    throw new ConfigError(
      `--resume ${run}: expected the data that the run began with, got other ${changed.join(", ")}; put the data back, or start anew with --init ${run}`,
    );
}

const CHECK_STEPS = 200;
const CHECK_RATE = 3e-3;
/** Of the loss at the start: what counts as learned by heart. */
const CHECK_FRACTION = 0.2;

/** Learns one batch by heart, which any sound model can; an unsound label, loss or model shows here and not after an hour. */
async function checkOneBatch(planned: Plan, device: DeviceChoice, signal: AbortSignal | undefined): Promise<void> {
  const { prepared, step, checkRate, task, training, batchSize, resolved } = planned;
  const rows = prepared.train.take(Math.min(batchSize, 32));
  const indices = Uint32Array.from({ length: rows.length }, (_, i) => i);
  // As they are: what is learned by heart must be the same each time, and of one class each.
  using fetcher = fetcherFor(task, { ...training, options: { ...training.options, augment: undefined } }, rows);
  const columns = Object.keys(trainingTypes(planned, 1));
  const batch =
    (await fetcher?.fetch({ indices, seed: resolved.seed ?? 1, epoch: 0, offset: 0 })) ?? rows.pick(...columns).batch();
  const quick = trainingStep({ ...step, accumulate: 1, optimizer: adam({ learningRate: checkRate }) });
  const state = await State.create(quick, { seed: resolved.seed, device, threads: resolved.threads });
  try {
    const first = (await state.run(batch)).loss;
    let best = first;
    for (let i = 0; i < CHECK_STEPS && best > CHECK_FRACTION * first; i++) {
      if (signal?.aborted === true) return;
      best = Math.min(best, (await state.run(batch)).loss);
    }
    // Contradictory copies of one example cannot be learned: only a loss that hardly moves is a fault.
    if (!(best < 0.7 * first)) {
      throw new DescentError(
        `check: expected one batch of ${rows.length} examples to be learned by heart, got a loss of ${best.toPrecision(3)} after ${CHECK_STEPS} steps from ${first.toPrecision(3)}; look at the labels, or go on with --no-check`,
      );
    }
  } finally {
    await state.dispose();
  }
}

/** A closure that measures a state on a part of the data, with one compiled graph. */
async function measurer(
  state: TrainingState,
  { task, prepared, training }: Plan,
  part: Dataset,
  fetcher: WorkerFetcher | undefined,
): Promise<() => Promise<Readonly<Record<string, number>>>> {
  const size = Math.min(task.mostAtOnce ?? BATCH, part.length);
  const context: TaskContext<TaskInfo> = { ...training, use: "eval" };
  const types = task.inputs(context, size);
  const run = await state.evaluator(types, (batch) =>
    task.outputs(state.step.model, task.features(batch, context), batch, context),
  );
  const columns = Object.keys(types);
  return async () => {
    const measurement = task.measurement?.(prepared.info);
    await forEachBatch(
      part,
      size,
      (batch) => run(Object.fromEntries(columns.map((name) => [name, batch[name] as TensorData]))),
      (outputs, batch) => measurement?.update(outputs, batch),
      fetcher,
    );
    return measurement?.result() ?? {};
  };
}

/** Opens the run folder: a new one, or one to go on with, whose own configuration then counts. */
async function openFolder(
  options: TrainTaskOptions,
  context: TrainTaskContext,
): Promise<{ options: TrainTaskOptions; writer?: RunWriter; checkpoint?: Checkpoint; config?: RunConfig }> {
  if (context.resume === undefined) return { options };
  const config = await (await openRun(splitRunPath(context.resume).run)).config();
  const { task } = config;
  if (options.task !== "" && options.task !== task)
    throw new ConfigError(`--resume ${context.resume}: expected ${task}, got ${options.task}`);
  const { writer, checkpoint } = await resumeRun(context.resume);
  return {
    options: { ...(config.options as unknown as TrainTaskOptions), task, threads: options.threads },
    writer,
    checkpoint,
    config,
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * Trains a task, or goes on training it, and leaves a whole run folder behind.
 *
 * Errors: DataError, ConfigError for what was given; DescentError for a loss that is not finite, for a batch that cannot be
 * learned by heart, and for too little memory.
 */
export async function trainTask(asked: TrainTaskOptions, context: TrainTaskContext): Promise<TrainTaskResult> {
  const { note = () => undefined, signal } = context;
  const opened = await openFolder(asked, context);
  let { writer } = opened;
  try {
    // What cannot be had is said before data are read.
    if (context.resume === undefined) checkFree(context.out, context.overwrite === true);
    const device = await resolveDevice(await platformRuntime(), opened.options.device ?? "auto");
    await evaluate({ one: constant(1) }, {}, { device });
    const planned = await plan(opened.options, note);
    const { task, prepared, step, resolved, batchSize, totalSteps, model, modelName, dataName } = planned;
    if (opened.config !== undefined) checkSameData(opened.config, prepared.info, context.resume as string);
    // A run that goes on has its numbers in the checkpoint.
    const init = opened.checkpoint === undefined ? resolved.init : undefined;
    const numbers = init === undefined ? undefined : await numbersFrom(init, step.types.parameters, note);
    using fetcher = fetcherFor(task, planned.training, prepared.train);
    using measuring = fetcherFor(task, { ...planned.training, use: "eval" }, prepared.validation);
    // Batches that are made elsewhere may need columns that no model reads.
    const train = fetcher === undefined ? prepared.train.pick(...Object.keys(trainingTypes(planned, 1))) : prepared.train;
    const cost = measureStep(step, trainingTypes(planned, batchSize), device);
    checkMemory((size) => measureStep(step, trainingTypes(planned, size), device).bytes, batchSize, process.availableMemory());
    const counts = `${prepared.train.length} training, ${prepared.validation.length} validation, ${prepared.test.length} test examples`;
    note(
      `${task.name}: ${dataName}, ${counts}; ${modelName}, ${model.parameterCount} parameters; ${totalSteps} steps of ${batchSize} on ${device}`,
    );
    for (const text of planned.notes) note(text);
    if (context.resume === undefined && resolved.check !== false && task.checksOneBatch)
      await checkOneBatch(planned, device, signal);
    const config: RunConfig = opened.config ?? {
      descent: await descentVersion(),
      task: task.name,
      ...(context.command === undefined ? {} : { command: context.command }),
      options: definedOnly({ ...resolved, task: undefined }),
      model: modelName,
      info: prepared.info,
      notes: planned.notes,
    };
    writer ??= await createRun(context.out, { config, overwrite: context.overwrite });
    const opening = writer;
    const side = nodeTaskNamed(task.name);
    const { watch } = side;
    const watched = (state: TrainingState): Watched => ({
      state,
      writer: opening,
      prepared,
      modelName,
      options: planned.training.options,
      seed: resolved.seed ?? 1,
      note,
      ...(context.progress === undefined ? {} : { progress: context.progress }),
    });
    const measureState = (state: TrainingState): Promise<() => Promise<Metrics>> =>
      side.evaluate?.(watched(state)) ?? measurer(state, planned, prepared.validation, measuring);
    const trained = await trainRun({
      step,
      train,
      batchSize,
      totalSteps,
      seed: resolved.seed ?? 1,
      device,
      threads: resolved.threads,
      ...(task.measurement === undefined && side.evaluate === undefined ? {} : { evaluate: measureState }),
      ...(fetcher === undefined ? {} : { loader: { fetcher } }),
      monitor: task.monitor,
      evaluateEvery: planned.evaluateEvery,
      patience: resolved.earlyStopping,
      checkpointEvery: context.checkpointEvery ?? checkpointInterval(totalSteps),
      signal,
      progress: context.progress?.({
        label: "train",
        total: totalSteps,
        unit: "examples",
        start: opened.checkpoint?.step ?? 0,
        peakMemoryMiB,
      }),
      writer,
      callbacks: context.onStep === undefined ? [] : [{ onStep: context.onStep }],
      ...(watch === undefined ? {} : { watch: (state: TrainingState) => watch(watched(state)) }),
      checkpoint: opened.checkpoint,
      numbers,
    });
    await trained.state.dispose();
    const { ended, progress, stepMs } = trained;
    if (ended === "interrupted") return { path: writer.path, ended };
    const { model: best } = await TrainedModel.open(writer.path, { device, threads: resolved.threads });
    await using used = best;
    await side.finish?.({ used, writer, prepared, options: planned.training.options });
    const run = writer.path;
    const wholly = async (examples: Dataset, measurement: Measurement | undefined): Promise<Metrics> => ({
      ...measurement?.result(),
      ...(await side.measure?.({ model: used, run, examples, measurement, train: prepared.train })),
    });
    const test = await used.measure(prepared.test);
    const measured = {
      train: (await used.measure(evenly(prepared.train, MOST_MEASURED)))?.result() ?? {},
      validation: await wholly(prepared.validation, await used.measure(prepared.validation)),
      test: await wholly(prepared.test, test),
    };
    const summary: RunSummary = {
      task: task.name,
      model: modelName,
      data: dataName,
      seed: resolved.seed ?? 1,
      device,
      parameters: model.parameterCount,
      flopsPerStep: cost.flops,
      steps: progress.step,
      stepMs: median(stepMs),
      trainSeconds: progress.seconds,
      peakMemoryMiB: peakMemoryMiB(),
      metrics: measured,
    };
    await writer.writeSummary(summary);
    await writer.write("model.onnx", used.toOnnx());
    await writeReport({
      writer,
      used,
      summary,
      measurement: test,
      train: prepared.train,
      test: prepared.test,
      testRows: prepared.testRows,
      config,
      language: resolved.lang ?? "en",
      notes: planned.notes,
    });
    return { path: writer.path, summary, ended };
  } finally {
    writer?.[Symbol.dispose]();
  }
}

/** Of the training part; more would only cost time. */
const MOST_MEASURED = 10_000;

/** At most so many rows, from all over a data set: files are often sorted. */
function evenly(data: Dataset, most: number): Dataset {
  if (data.length <= most) return data;
  return data.select(Uint32Array.from({ length: most }, (_, i) => Math.floor((i * data.length) / most)));
}

/** Often enough that a kill costs little; evaluations write checkpoints besides. */
const checkpointInterval = (totalSteps: number): number => Math.max(200, Math.ceil(totalSteps / 20));

/** JSON has no undefined. */
const definedOnly = (options: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
