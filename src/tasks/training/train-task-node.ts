/**
 * @module A task trained into a run folder, from a data set's name to a report: what `descent train` does.
 */
import { join } from "node:path";
import type { Dataset, WorkerFetcher } from "../../data/node.js";
import { checkRepeated } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import { constant, symbol } from "../../graph/index.js";
import type { Lora, Module } from "../../nn/index.js";
import { evaluate, platformRuntime, resolveDevice } from "../../runtime/index.js";
import { saveAdapters } from "../../train/adapters-node.js";
import { forEachBatch } from "../../train/evaluate.js";
import type { Callback, TrainingState } from "../../train/index.js";
import type { Metrics } from "../../metrics/index.js";
import type { Progress, ProgressOptions } from "../../run/progress.js";
import { peakMemoryMiB } from "../../run/progress-node.js";
import type { RunConfig, RunSummary } from "../../run/run-folder.js";
import type { Checkpoint, RunWriter } from "../../run/run-folder-node.js";
import { checkPlace, createRun, openRun, resumeRun, splitRunPath } from "../../run/run-folder-node.js";
import { checkpointParameters, trainRun } from "../../train/train-node.js";
import { ConfigError } from "../../util/errors.js";
import { checkSameData } from "./same-data.js";
import { checkMemory, measureStep } from "./memory-node.js";
import { checkOneBatch } from "./one-batch-node.js";
import type { TrainingSetup, TrainTaskOptions } from "./setup-node.js";
import type { Resumed } from "./setup-node.js";
import { graphInfo } from "../graph-use.js";
import { definedOnly, setUpTraining, trainingTypes } from "./setup-node.js";
import { writeReport } from "./report-node.js";
import { byLength, evenly, fetcherFor } from "../shared/rows-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { Watched } from "../task-node.js";
import type { Measurement, TaskContext, TaskInfo } from "../task.js";
import { BATCH, bestOrLast, GRAPH_FILE, graphFile, openTrained } from "../use/trained-node.js";
import { descentVersion } from "../../util/version-node.js";
import { textByText, textCount } from "../shared/windows.js";

/** Where the run goes, and how it is watched. */
export interface TrainTaskContext {
  readonly out: string;
  readonly overwrite?: boolean;
  /** Goes on with this run: its own configuration counts, not the options. */
  readonly resume?: string;
  readonly command?: string;
  readonly signal?: AbortSignal;
  /** Held while an interrupt is answered with a checkpoint. */
  readonly hold?: () => Disposable;
  /** `always`: also where remarks are not wanted. */
  readonly note?: (text: string, always?: boolean) => void;
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

/** What is told of a graph that measures: sequences of any length. */
const inUse = (training: TaskContext<TaskInfo>): TaskContext<TaskInfo> => ({
  ...training,
  use: "eval",
  ...(training.length === undefined ? {} : { length: symbol("T") }),
});

/** A closure that measures a state on a part of the data, with one compiled graph. */
async function measurer(
  state: TrainingState,
  { task, prepared, training }: TrainingSetup,
  part: Dataset,
  fetcher: WorkerFetcher | undefined,
): Promise<() => Promise<Readonly<Record<string, number>>>> {
  const size = Math.min(task.mostAtOnce ?? BATCH, part.length);
  const context = inUse(training);
  const types = task.inputs(context, size);
  const run = await state.evaluator(types, (batch) =>
    task.outputs(state.step.model, task.features(batch, context, state.step.model), batch, context),
  );
  const columns = Object.keys(types);
  const order = byLength(task, prepared.info, part);
  return async () => {
    const measurement = task.measurement?.(prepared.info);
    await forEachBatch(
      part,
      size,
      (batch) => run(Object.fromEntries(columns.map((name) => [name, batch[name] as TensorData]))),
      textByText(task, prepared.info, part, (outputs, batch) => measurement?.update(outputs, batch)),
      fetcher,
      order,
    );
    return measurement?.result() ?? {};
  };
}

/** Opens the run folder: a new one, or one to go on with, whose own configuration then counts. */
async function openFolder(
  options: TrainTaskOptions,
  context: TrainTaskContext,
): Promise<{ options: TrainTaskOptions; writer?: RunWriter; checkpoint?: Checkpoint; config?: RunConfig; resumed?: Resumed }> {
  if (context.resume === undefined) return { options };
  const config = await (await openRun(splitRunPath(context.resume).run)).config();
  const { task } = config;
  if (options.task !== "" && options.task !== task)
    throw new ConfigError(`--resume ${context.resume}: expected ${task}, got ${options.task}`);
  const { data } = config.options;
  if (options.data !== "" && options.data !== data)
    throw new ConfigError(
      `--resume ${context.resume}: expected the run's own data, got --data as well; with other data start from its weights: --init ${context.resume}`,
    );
  const place = join(splitRunPath(context.resume).run, "config.json");
  checkRepeated(data, options.data, place, `descent train --resume ${context.resume} --data`);
  const { writer, checkpoint } = await resumeRun(context.resume);
  const resumed: Resumed =
    graphInfo(config["info"] as TaskInfo) === undefined ? config : { ...config, graph: await graphFile(writer.folder) };
  return {
    // What this command wrote itself when the run began.
    options: { ...(config.options as unknown as TrainTaskOptions), task, threads: options.threads },
    writer,
    checkpoint,
    config,
    resumed,
  };
}

/** The adapters of the checkpoint that is used, in PEFT's layout. */
async function keepAdapters(run: string, model: Module, adapters: Lora, base: string | undefined): Promise<void> {
  const folder = await openRun(run);
  const numbers = checkpointParameters(await folder.readCheckpoint(await bestOrLast(folder)));
  await saveAdapters(join(run, "adapter"), model, numbers, adapters, base === undefined ? {} : { base });
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
    if (context.resume === undefined) checkPlace(context.out, context.overwrite === true);
    const device = await resolveDevice(await platformRuntime(), opened.options.device ?? "auto");
    await evaluate({ one: constant(1) }, {}, { device });
    const setup = await setUpTraining(opened.options, note, opened.checkpoint === undefined ? undefined : opened.resumed, signal);
    const { task, prepared, step, resolved, batchSize, totalSteps, buckets, model, modelName, dataName } = setup;
    if (opened.config !== undefined) checkSameData(opened.config, prepared.info, context.resume as string);
    using fetcher = fetcherFor(task, setup.training, prepared.train);
    using measuring = fetcherFor(task, inUse(setup.training), prepared.validation);
    // Batches that are made elsewhere may need columns that no model reads.
    const train = fetcher === undefined ? prepared.train.pick(...Object.keys(trainingTypes(setup, 1))) : prepared.train;
    const cost = measureStep(step, trainingTypes(setup, batchSize), device);
    checkMemory((size) => measureStep(step, trainingTypes(setup, size), device).bytes, batchSize, process.availableMemory());
    const counts = `${prepared.train.length} training, ${textCount(prepared.validation)} validation, ${textCount(prepared.test)} test examples`;
    note(
      `${task.name}: ${dataName}, ${counts}; ${modelName}, ${model.parameterCount} parameters; ${totalSteps} steps of ${batchSize} on ${device}`,
    );
    for (const text of setup.notes) note(text, setup.leftOut.includes(text));
    if (context.resume === undefined && resolved.check !== false && task.checksOneBatch)
      await checkOneBatch(setup, device, signal);
    const config: RunConfig = opened.config ?? {
      descent: await descentVersion(),
      task: task.name,
      ...(context.command === undefined ? {} : { command: context.command }),
      options: definedOnly({ ...resolved, task: undefined }),
      model: modelName,
      info: prepared.info,
      ...(setup.adapters === undefined ? {} : { adapters: setup.adapters }),
      notes: setup.notes,
    };
    writer ??= await createRun(context.out, { config, overwrite: context.overwrite });
    if (opened.config === undefined && setup.graph !== undefined) await writer.write(GRAPH_FILE, setup.graph.bytes);
    const opening = writer;
    const side = nodeTaskNamed(task.name);
    const { watch } = side;
    const watched = (state: TrainingState): Watched => ({
      state,
      writer: opening,
      prepared,
      modelName,
      options: setup.training.options,
      seed: resolved.seed ?? 1,
      open: openTrained,
      note,
      ...(context.progress === undefined ? {} : { progress: context.progress }),
    });
    const measureState = (state: TrainingState): Promise<() => Promise<Metrics>> =>
      side.evaluate?.(watched(state)) ?? measurer(state, setup, prepared.validation, measuring);
    const held = context.hold?.();
    const trained = await trainRun({
      step,
      train,
      batchSize,
      totalSteps,
      seed: resolved.seed ?? 1,
      device,
      threads: resolved.threads,
      ...(task.measurement === undefined && side.evaluate === undefined ? {} : { evaluate: measureState }),
      loader: { ...(fetcher === undefined ? {} : { fetcher }), ...(buckets === undefined ? {} : { buckets }) },
      monitor: task.monitor,
      evaluateEvery: setup.evaluateEvery,
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
      numbers: setup.numbers,
    }).finally(() => held?.[Symbol.dispose]());
    await trained.state.dispose();
    const { ended, progress, stepMs } = trained;
    if (ended === "interrupted") return { path: writer.path, ended };
    const { model: best } = await openTrained(writer.path, { device, threads: resolved.threads });
    await using used = best;
    if (setup.adapters !== undefined) await keepAdapters(writer.path, model, setup.adapters, resolved.init);
    await side.finish?.({ used, writer, prepared, options: setup.training.options });
    const run = writer.path;
    const wholly = async (examples: Dataset, measurement: Measurement | undefined): Promise<Metrics> => ({
      ...measurement?.result(),
      ...(await side.measure?.({ model: used, run, open: openTrained, examples, measurement, train: prepared.train })),
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
      ...(setup.trained < model.parameterCount ? { trainedParameters: setup.trained } : {}),
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
      notes: setup.notes,
      open: openTrained,
    });
    return { path: writer.path, summary, ended };
  } finally {
    writer?.[Symbol.dispose]();
  }
}

/** Of the training part; more would only cost time. */
const MOST_MEASURED = 10_000;

/** Often enough that a kill costs little; evaluations write checkpoints besides. */
const checkpointInterval = (totalSteps: number): number => Math.max(200, Math.ceil(totalSteps / 20));
