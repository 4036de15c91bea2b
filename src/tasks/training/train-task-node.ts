/**
 * @module A task trained into a run folder, from a data set's name to a report: what `descent train` does.
 */
import type { SetupContext } from "./read-data-node.js";
import { join } from "node:path";
import type { WorkerFetcher } from "../../data/node.js";
import { constant, symbol } from "../../graph/index.js";
import type { Lora, Module } from "../../nn/index.js";
import type { ProcessGroup } from "../../parallel/index.js";
import { broadcastJson, soleProcess } from "../../parallel/index.js";
import type { Device } from "../../runtime/index.js";
import { evaluate, platformRuntime, resolveDevice } from "../../runtime/index.js";
import { saveAdapters } from "../../train/adapters-node.js";
import { measurer } from "../../train/measure.js";
import { summarize } from "../../train/summary-node.js";
import type { Callback, TrainingState } from "../../train/index.js";
import type { Metrics } from "../../metrics/index.js";
import type { Progress, ProgressOptions } from "../../run/progress.js";
import { peakMemoryMiB } from "../../run/progress-node.js";
import type { RunConfig, RunSummary } from "../../run/run-folder.js";
import type { Checkpoint, RunWriter } from "../../run/run-folder-node.js";
import { checkPlace, createRun, openRun } from "../../run/run-folder-node.js";
import type { ParallelPlan } from "../../train/parallel.js";
import type { TrainedRun, TrainRunOptions } from "../../train/train-node.js";
import { CHECKPOINT_FILES, checkpointParameters, trainRun } from "../../train/train-node.js";
import type { Opened } from "./open-run-node.js";
import { longerTraining, openFolder } from "./open-run-node.js";
import { checkSameData } from "./same-data.js";
import { checkMemory, measureStep, stepFlops } from "./memory-node.js";
import type { Predicted } from "./predicted-node.js";
import { predictTraining } from "./predicted-node.js";
import { checkOneBatch } from "./one-batch-node.js";
import type { TrainingSetup } from "./setup-node.js";
import type { TrainTaskOptions } from "./training-options.js";
import { withinMemory } from "./within-memory-node.js";
import { setUpTraining, trainingTypes } from "./setup-node.js";
import { completeRun } from "./complete-node.js";
import { checkSameOnRanks, noteUnshared, openTogether, parallelDevice } from "./ranks-node.js";
import { fitTask, fittedChoice } from "./fit-task-node.js";
import { byLength, fetcherFor } from "../shared/rows-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { ReportSources, Watched } from "../task-node.js";
import { rangeChart } from "../../report/lr-range.js";
import { card, chartStyle } from "../../report/page.js";
import type { TaskContext, TaskInfo } from "../task.js";
import { rowsAtOnce } from "../use/traced-graph.js";
import { bestOrLast, GRAPH_FILE, openTrained } from "../use/trained-node.js";
import { descentVersion } from "../../util/version-node.js";
import { textByText, textCount } from "../shared/windows.js";
import { checkProfiled } from "../../cost/profile.js";
import { ConfigError } from "../../util/errors.js";
import { defined } from "../../util/record.js";

/** The run's folder, progress and signals. */
export interface TrainTaskContext extends Pick<SetupContext, "change" | "signal" | "group"> {
  readonly out: string;
  readonly overwrite?: boolean;
  /** Goes on with this run: its own configuration counts, not the options. */
  readonly resume?: string;
  readonly command?: string;
  /** Held while an interrupt is answered with a checkpoint. */
  readonly hold?: () => Disposable;
  /** `always`: even with --quiet. */
  readonly note?: (text: string, always?: boolean) => void;
  readonly progress?: (options: ProgressOptions) => Progress;
  readonly checkpointEvery?: number;
  readonly onStep?: Callback["onStep"];
  /** Leave the model alone behind: nothing is measured or explained, there is no summary and no report. */
  readonly onlyModel?: boolean;
}

/** End of a training: its folder, figures, and why it ended. */
export interface TrainTaskResult {
  readonly path: string;
  /** Undefined where the run was interrupted, or leaves its model alone behind. */
  readonly summary?: RunSummary;
  readonly ended: "steps" | "early stopping" | "interrupted" | "fitted";
}

/** Makes the context of a graph that measures: sequences of any length. */
const inUse = (training: TaskContext<TaskInfo>): TaskContext<TaskInfo> => ({
  ...training,
  use: "eval",
  length: training.length && symbol("T"),
});

/** A closure that measures a state on the validation part. */
function measurerOf(
  state: TrainingState,
  { task, prepared, training, parallel }: TrainingSetup,
  fetcher: WorkerFetcher | undefined,
): Promise<() => Promise<Metrics>> {
  const { info, validation: part } = prepared;
  const context = inUse(training);
  const batchSize = Math.min(rowsAtOnce(task, info), part.length);
  const { model } = state.step;
  return measurer(state, {
    part,
    batchSize,
    columns: task.inputs(context, batchSize),
    forward: (batch) => task.outputs(model, task.features(batch, context, model), batch, context),
    gatherer: () => task.measurement?.(info),
    fetcher,
    order: byLength(task, info, part),
    group: parallel?.group,
    joined: (each) => textByText(task, info, part, each),
  });
}

/** The adapters of the checkpoint that is used, in PEFT's layout. */
async function keepAdapters(run: string, model: Module, adapters: Lora, base: string | undefined): Promise<void> {
  const folder = await openRun(run);
  const weights = checkpointParameters(await folder.readCheckpoint(await bestOrLast(folder), [CHECKPOINT_FILES.model]));
  await saveAdapters(join(run, "adapter"), model, weights, adapters, base === undefined ? {} : { base });
}

/** A training that is set up, where it runs, and the run that it goes into. */
interface Begun {
  readonly setup: TrainingSetup;
  readonly device: Device;
  readonly config: RunConfig;
  readonly flopsPerStep: number;
  readonly predicted: Predicted;
}

/** Says what will be trained, and makes sure that it can be: enough memory, one batch that can be overfit. */
async function announce(
  { setup, device }: Pick<Begun, "setup" | "device">,
  { note = () => undefined, resume, signal }: TrainTaskContext,
): Promise<Pick<Begun, "flopsPerStep" | "predicted">> {
  const { task, prepared, step, batchSize, passSize, totalSteps, model, modelName, dataName, resolved, parallel } = setup;
  const predicted = await predictTraining(setup, device, note);
  const flops = stepFlops(step, trainingTypes(setup, passSize), device);
  checkMemory((size) => measureStep(step, trainingTypes(setup, size), device).bytes, passSize, process.availableMemory());
  const counts = `${prepared.train.length} training, ${textCount(prepared.validation)} validation, ${textCount(prepared.test)} test examples`;
  note(
    `${task.name}: ${dataName}, ${counts}; ${modelName}, ${model.parameterCount} parameters; ${totalSteps} steps of ${batchSize} on ${device}${parallel === undefined ? "" : dividedNote(parallel)}`,
  );
  for (const text of setup.notes) note(text, setup.leftOut.includes(text));
  const isFirst = (parallel?.group.rank ?? 0) === 0;
  if (isFirst && resume === undefined && resolved.check !== false && task.checksOneBatch)
    await checkOneBatch(setup, device, signal);
  return { flopsPerStep: (flops * batchSize) / passSize, predicted };
}

/** Says how a training is divided. */
function dividedNote({ group, exact, microBatch }: ParallelPlan): string {
  const hosts = new Set(group.hosts).size;
  const ranks = group.size === 1 ? "" : `, ${group.size} ranks${hosts === 1 ? "" : ` on ${hosts} hosts`} (${group.library})`;
  return `${ranks}${exact ? `, exact: micro-batches of ${microBatch}` : ""}`;
}

/** Makes the configuration that repeats a run. */
const configOf = async (setup: TrainingSetup, command: string | undefined): Promise<RunConfig> => ({
  descent: await descentVersion(),
  task: setup.task.name,
  command,
  options: defined({ ...setup.resolved, task: undefined }),
  model: setup.modelName,
  info: setup.prepared.info,
  adapters: setup.adapters,
  norms: setup.norms,
  notes: setup.notes,
});

/** Refuses a training that is to be no longer than it is already. ConfigError. */
function checkLonger(asked: TrainTaskOptions, totalSteps: number, done: number): void {
  const { epochs, steps } = longerTraining(asked);
  if (epochs === undefined && steps === undefined) return;
  if (totalSteps <= done)
    throw new ConfigError(
      `--resume: expected a longer training than the ${done} steps of the run, got ${steps === undefined ? `${epochs} epochs, which are ${totalSteps}` : totalSteps}`,
    );
}

/** The configuration of a run: its own where it is resumed, with the length of the training where that is asked for anew. */
async function configFor(
  setup: TrainingSetup,
  own: RunConfig | undefined,
  asked: TrainTaskOptions,
  command: string | undefined,
): Promise<RunConfig> {
  if (own === undefined) return configOf(setup, command);
  const length = longerTraining(asked);
  return Object.keys(length).length === 0 ? own : { ...own, options: defined({ ...own.options, ...length }) };
}

/** Trains into the run folder, until the end or an interruption. */
async function trainInto(
  writer: RunWriter | undefined,
  { setup, device }: Begun,
  checkpoint: Checkpoint | undefined,
  context: TrainTaskContext & { readonly afterFit?: AfterFit | undefined },
): Promise<TrainedRun> {
  const { task, prepared, training, totalSteps, buckets, resolved } = setup;
  const { note = () => undefined, progress, onStep, signal } = context;
  const seed = resolved.seed ?? 1;
  using fetcher = fetcherFor(task, training, prepared.train);
  using measuring = fetcherFor(task, inUse(training), prepared.validation);
  const side = nodeTaskNamed(task.name);
  const group = setup.parallel?.group ?? soleProcess();
  const watched = (state: TrainingState): Watched => ({
    state,
    writer: writer as RunWriter,
    prepared,
    modelName: setup.modelName,
    options: training.options,
    seed,
    open: openTrained,
    note,
    progress,
  });
  // What a task measures by itself, or shows on the way, is the writer's to do; all are told the figures.
  const measureState = async (state: TrainingState): Promise<() => Promise<Metrics>> => {
    if (side.evaluate === undefined) return measurerOf(state, setup, measuring);
    const measure = writer === undefined ? undefined : await side.evaluate(watched(state));
    return () => broadcastJson(group, () => (measure as () => Promise<Metrics>)());
  };
  const watch = writer === undefined ? undefined : side.watch;
  using _ = context.hold?.();
  return await trainRun({
    step: setup.step,
    // Batches that are made elsewhere may need columns that no model reads.
    train: fetcher === undefined ? prepared.train.pick(...Object.keys(trainingTypes(setup, 1))) : prepared.train,
    batchSize: setup.batchSize,
    totalSteps,
    seed,
    device,
    threads: resolved.threads ?? setup.parallel?.threads,
    parallel: setup.parallel,
    evaluate: task.measurement === undefined && side.evaluate === undefined ? undefined : measureState,
    loader: { fetcher, buckets },
    monitor: task.monitor,
    evaluateEvery: setup.evaluateEvery,
    patience: resolved.earlyStopping,
    checkpointEvery: context.checkpointEvery ?? checkpointsApart(setup) ?? checkpointInterval(totalSteps),
    signal,
    progress: progress?.({ label: "train", total: totalSteps, unit: "examples", start: checkpoint?.step ?? 0, peakMemoryMiB }),
    writer,
    callbacks: onStep === undefined ? [] : [{ onStep }],
    watch: watch === undefined ? undefined : (state) => watch(watched(state)),
    checkpoint,
    weights: setup.weights,
    // The state has its own: else the numbers lie in memory twice.
    onWeightsTaken: () => (setup.weights as Map<string, unknown> | undefined)?.clear(),
    baseApart: setup.step.codedBase !== undefined,
    afterFit: context.afterFit,
  });
}

type AfterFit = NonNullable<TrainRunOptions["afterFit"]>;
type Section = NonNullable<ReportSources["sections"]>[number];

/** ConfigError for what cannot be profiled. */
function checkProfile(device: Device, group: ProcessGroup): void {
  checkProfiled(device);
  if (group.size > 1) throw new ConfigError(`--profile: expected one process, got ${group.size} ranks; profile one`);
}

/** Profiles a training that has ended, into its run; gives the section of its report. */
async function profiled(run: string, { resolved }: TrainingSetup, ...fit: Parameters<AfterFit>): Promise<Section> {
  const { profileTraining } = await import("../../train/profile-node.js");
  const { profileSection } = await import("../../report/profile.js");
  const [state, loader, result] = fit;
  return profileSection(await profileTraining(state, loader, result, run), resolved.lang);
}

/** The picture of the test that found the learning rate. */
function rangeSection({ rangeTest, resolved }: TrainingSetup): Section[] {
  if (rangeTest === undefined) return [];
  const chart = rangeChart(rangeTest.points, rangeTest.suggestion, chartStyle(resolved.lang));
  return [{ title: { en: "How the learning rate was found", zh: "学习率是怎样找到的" }, html: card(chart) }];
}

/** Opens the checkpoint that is used, and completes the run. */
async function finish(
  writer: RunWriter,
  { setup, device, config, flopsPerStep, predicted }: Begun,
  trained: TrainedRun,
  sections: readonly Section[],
): Promise<RunSummary> {
  const { task, prepared, model, resolved, dataName } = setup;
  const { model: best } = await openTrained(writer.path, {
    device,
    threads: resolved.threads,
    // As for those that measure on the way (`TrainingState.evaluator`).
    arena: task.buckets && true,
  });
  await using used = best;
  // PEFT knows no graph.
  if (setup.adapters !== undefined && setup.graph === undefined)
    await keepAdapters(writer.path, model, setup.adapters, resolved.init);
  const about = {
    task: task.name,
    model: setup.modelName,
    data: dataName,
    seed: resolved.seed ?? 1,
    device,
    parameters: model.parameterCount,
    trained: setup.trained,
    flopsPerStep,
    predicted,
  };
  return await completeRun(writer, {
    used,
    prepared,
    options: setup.training.options,
    config,
    language: resolved.lang ?? "en",
    notes: setup.notes,
    sections: [...rangeSection(setup), ...sections],
    seenExamples: trained.progress.step * setup.batchSize,
    summarize: (metrics) => summarize(trained, about, metrics),
  });
}

/**
 * Trains a task, or resumes its training, and leaves a complete run folder behind.
 *
 * Errors: DataError, ConfigError for what was given; DescentError for a loss that is not finite, for a batch that cannot be
 * overfit, and for too little memory.
 *
 * @example
 * import { trainTask } from "descentjs/tasks/node";
 * const asked = { task: "tabular-classification", data: "customers.csv", labelColumn: "churned", epochs: 5 } as const;
 * const { path } = await trainTask(asked, { out: "runs/churn" });
 * console.log(path); // runs/churn
 */
export async function trainTask(asked: TrainTaskOptions, context: TrainTaskContext): Promise<TrainTaskResult> {
  const { note = () => undefined, signal, resume, group = soleProcess() } = context;
  const opened = await openTogether(group, asked, resume, () => openFolder(asked, context));
  let { writer } = opened;
  try {
    // What cannot be had is said before data are read.
    if (resume === undefined && group.rank === 0) checkPlace(context.out, context.overwrite === true);
    const device = await deviceFor(opened.options, group);
    if (asked.profile === true) checkProfile(device, group);
    await evaluate({ one: constant(1) }, {}, { device });
    const fitted = resume === undefined ? fittedChoice(opened.options) : undefined;
    if (fitted !== undefined && group.size === 1) return await fitTask(fitted, opened.options, device, context);
    if (fitted !== undefined)
      throw new ConfigError(
        `--model ${fitted.name}: expected one process for a model that is fitted at once, got ${group.size} ranks`,
      );
    const whole = await setUpTraining(opened.options, { note, signal, group, device, change: context.change }, opened.resumed);
    const setup = withinMemory(whole, device, note);
    await checkSameOnRanks(setup, group);
    if (opened.config !== undefined) checkSameData(opened.config, setup.prepared.info, resume as string);
    if (opened.checkpoint !== undefined) checkLonger(asked, setup.totalSteps, opened.checkpoint.step);
    const announced = await announce({ setup, device }, context);
    const config = await configFor(setup, opened.config, asked, context.command);
    const begun: Begun = { setup, device, config, ...announced };
    if (group.rank === 0) {
      writer ??= await createRun(context.out, { config, overwrite: context.overwrite });
      await begin(writer, begun, opened);
      if (setup.rangeTest !== undefined)
        await writer.write("lr-range.svg", rangeChart(setup.rangeTest.points, setup.rangeTest.suggestion));
    }
    const path = writer?.path ?? opened.path ?? context.out;
    group.follow(path, group.size > 1 && (await noteUnshared(path, group, note)));
    const sections: Section[] = [];
    const profile = asked.profile === true && writer !== undefined ? writer.path : undefined;
    const afterFit: AfterFit | undefined =
      profile === undefined ? undefined : async (...fit) => void sections.push(await profiled(profile, setup, ...fit));
    const trained = await trainInto(writer, begun, opened.checkpoint, { ...context, afterFit });
    await trained.state.dispose();
    const { ended } = trained;
    if (writer === undefined || ended === "interrupted") return { path: writer?.path ?? context.out, ended };
    return { path: writer.path, summary: await finish(writer, begun, trained, sections), ended };
  } finally {
    writer?.[Symbol.dispose]();
  }
}

/** The device of a training; several processes, and an exact training, compute on the processor. */
async function deviceFor({ device = "auto", exact }: TrainTaskOptions, group: ProcessGroup): Promise<Device> {
  if (group.size > 1) return parallelDevice(device, `for ${group.size} ranks`);
  if (exact === true) return parallelDevice(device, "with --exact");
  return resolveDevice(await platformRuntime(), device);
}

/** Writes what a run has from its first step on. */
async function begin(writer: RunWriter, { setup, config }: Begun, opened: Opened): Promise<void> {
  if (opened.config !== config && opened.config !== undefined) await writer.writeConfig(config);
  const apart = checkpointsApart(setup);
  if (apart !== undefined) writer.keepEvery(apart);
  if (opened.config === undefined && setup.graph !== undefined) await writer.write(GRAPH_FILE, setup.graph.bytes);
}

/** Steps between the checkpoints that `--keep-checkpoints` keeps; undefined without it. */
const checkpointsApart = ({ resolved: { keepCheckpoints }, totalSteps }: TrainingSetup): number | undefined =>
  keepCheckpoints === undefined ? undefined : Math.max(1, Math.floor(totalSteps / keepCheckpoints));

/** Often enough that a kill costs little; evaluations write checkpoints besides. */
const checkpointInterval = (totalSteps: number): number => Math.max(200, Math.ceil(totalSteps / 20));
