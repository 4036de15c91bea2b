/**
 * @module Sets up a training: from what was asked for and the defaults of its task and model, before anything runs.
 */
import type { LoadedData } from "../../data/node.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { ARCHITECTURES, modelFromConfig } from "../../models/index.js";
import type { Lora, Module } from "../../nn/index.js";
import type { Optimizer } from "../../optim/index.js";
import { platformRuntime, resolveDevice } from "../../runtime/index.js";
import type { BatchTypes, Objective, TrainingStep } from "../../train/index.js";
import { trainingStep } from "../../train/index.js";
import { ConfigError } from "../../util/errors.js";
import { kebabCase } from "../../util/option.js";
import { defined } from "../../util/record.js";
import { TO_BE_FOUND } from "../options.js";
import { withEvidence } from "../shared/evidence.js";
import { nodeTaskNamed } from "../table-node.js";
import { builtNamed, taskNamed } from "../table.js";
import type { AnyTask, Buckets, Prepared, TaskContext, TaskInfo, TaskOptions, Tensors, TrainingDefaults } from "../task.js";
import type { ModelFile, PretrainedInfo } from "../use/model.js";
import { fineTuningDefaults, GRAPH_DEFAULTS, modelOf } from "../use/model.js";
import { adaptersFor, fineTuned, trainedNote } from "./fine-tuning.js";
import type { RangeTest } from "./lr-range-test-node.js";
import { makeOptimizer } from "./optimizer.js";
import { putNormsBack } from "./put-norms-node.js";
import type { Resumed, SetupContext, TrainingRequest } from "./read-data-node.js";
import { readData } from "./read-data-node.js";
import type { Schedule } from "./schedule-node.js";
import { scheduleFor } from "./schedule-node.js";
import type { Start } from "./start-node.js";
import { openStart, startOfRun } from "./start-node.js";
import type { TrainTaskOptions } from "./training-options.js";
import { checkOptions, SEED, taskOptions } from "./training-options.js";
import { notFeatures, weighted } from "./weighted.js";

/** Everything that a run needs, settled before it starts. */
export interface TrainingSetup extends Pick<Schedule, "batchSize" | "totalSteps" | "evaluateEvery" | "parallel" | "passSize"> {
  readonly task: AnyTask;
  readonly modelName: string;
  readonly model: Module;
  readonly prepared: Prepared<TaskInfo>;
  /** The task's context while it trains. */
  readonly training: TaskContext<TaskInfo>;
  readonly step: TrainingStep;
  /** Initial weights of the model, where its initializers do not make them all. */
  readonly weights: ReadonlyMap<string, TensorData> | undefined;
  /** An imported graph that is trained: its file, with the head. */
  readonly graph: ModelFile | undefined;
  /** Its convolutions behind which a normalization was put, by the names of their weights. */
  readonly norms?: readonly string[] | undefined;
  /** Number of trainable weights. */
  readonly trained: number;
  /** Adapters that are trained in the model's place. */
  readonly adapters: Lora | undefined;
  /** Buckets of rows that are sequences. */
  readonly buckets: Buckets | undefined;
  /** Adam's rate, for overfitting one batch. */
  readonly checkRate: number;
  readonly notes: readonly string[];
  /** Those of the notes that say which data were left out. */
  readonly leftOut: readonly string[];
  readonly dataName: string;
  /** The test that found the learning rate, where it was to be found. */
  readonly rangeTest: RangeTest | undefined;
  readonly resolved: TrainTaskOptions;
}

/** A network that is trained at small rates learns sooner at a small one. */
const CHECK_RATE = 3e-3;

/** Refuses options of a file's own graph where there is none. */
function expectNoGraphOptions(options: TrainTaskOptions): void {
  const { head, parameters, constants, preprocess, keepRounding, unfoldNorms } = options;
  const given = { head, parameters, constants, preprocess, keepRounding: keepRounding || undefined, unfoldNorms: unfoldNorms === "never" || undefined }; // prettier-ignore
  const [name] = Object.keys(defined(given));
  if (name !== undefined)
    throw new ConfigError(
      `--${kebabCase(name)}: expected --init FILE.onnx whose own graph is trained, got ${options.init ?? "none"}; leave it out`,
    );
}

/** Opens the model that the training starts from. ConfigError for two contradicting options. */
async function startFor(
  options: TrainTaskOptions,
  task: AnyTask,
  resumed: Resumed | undefined,
  note: (text: string) => void,
): Promise<Start | undefined> {
  if (options.init !== undefined && resumed !== undefined) return startOfRun(resumed, resumed.graph);
  const start = options.init === undefined ? undefined : await openStart(options.init, task, note, options);
  if (start?.graph === undefined && resumed === undefined) expectNoGraphOptions(options);
  if (start === undefined) return undefined;
  const own = start.pretrained === undefined ? undefined : ARCHITECTURES[start.pretrained.architecture].modelType;
  if (own !== undefined && options.model !== undefined && options.model !== own)
    throw new ConfigError(`--model ${options.model}: expected none beside --init ${options.init}, whose own model is trained`);
  return start;
}

/** The model's name and what it is trained with where nothing else is said. */
function choiceFor(
  task: AnyTask,
  options: TrainTaskOptions,
  start: Start | undefined,
): { readonly modelName: string; readonly defaults: (examples: number, info?: TaskInfo) => TrainingDefaults } {
  const pretrained = start?.pretrained;
  if (start?.graph !== undefined)
    return { modelName: start.modelName ?? "onnx", defaults: task.graphs?.defaults ?? (() => GRAPH_DEFAULTS) };
  if (pretrained === undefined) {
    const modelName = options.model ?? start?.modelName ?? task.defaultModel;
    return { modelName, defaults: builtNamed(task, modelName).defaults };
  }
  const { hiddenSize } = modelFromConfig(pretrained.architecture, pretrained.config).config;
  const defaults = fineTuningDefaults(hiddenSize, options.lora !== undefined);
  return { modelName: ARCHITECTURES[pretrained.architecture].modelType, defaults: () => defaults };
}

/** A model with what it begins with. */
export interface MadeModel extends Pick<TrainingSetup, "model" | "prepared" | "weights" | "adapters" | "graph" | "norms"> {
  readonly notes: readonly string[];
}

/** Prepares the data for a model, and makes it: the task's own, or the one that training starts from. */
async function makeModel(
  { options, task, own, start, resumed }: TrainingRequest,
  modelName: string,
  data: LoadedData,
): Promise<MadeModel> {
  const side = nodeTaskNamed(task.name);
  const seed = options.seed ?? SEED;
  const read = await side.readOptions?.(own, { init: options.init, tokenizer: start?.tokenizer, inherited: start?.inherited });
  const learned = withPretrained(
    weighted(
      await task.prepare(data, { ...own, ...read, seed, ignore: notFeatures(options.ignoreColumn, own), model: modelName }),
      data,
      own,
    ),
    start?.pretrained,
  );
  const graph = start?.graph?.made(learned.info);
  const prepared = graph === undefined ? learned : { ...learned, info: graph.info };
  const model = modelOf(task, modelName, prepared.info, graph?.file);
  const labels = task.pretrained?.labels?.(prepared.info);
  const starting = start?.weightsFor(model, labels, { info: prepared.info, modelName, seed });
  const initial = await side.initialWeights?.(own, model, prepared.info, seed);
  const adapters =
    resumed === undefined
      ? adaptersFor(options, model, starting && { fresh: starting.fresh, hasLabels: labels !== undefined })
      : resumed.adapters;
  return {
    model,
    prepared,
    graph: graph?.file,
    weights: starting?.weights ?? initial?.weights,
    adapters,
    notes: [
      ...(start?.graph?.notes ?? []),
      ...(start?.pretrained === undefined ? [] : startNotes(options.init ?? "", start.pretrained, starting?.fresh ?? [])),
      ...(initial?.notes ?? []),
    ],
  };
}

/** Makes the task's context while it trains: its options spelled out, and the length of sequences. */
function trainingContext(
  { options, task, own }: TrainingRequest,
  defaults: TrainingDefaults,
  info: TaskInfo,
  data: LoadedData,
  buckets: Buckets | undefined,
): TaskContext<TaskInfo> {
  const labelSmoothing = options.labelSmoothing ?? defaults.labelSmoothing;
  const asked = defined({ ...own, labelSmoothing, augment: options.augment ?? defaults.augment }) as TaskOptions;
  const length = buckets?.bounds.at(-1);
  return { info, use: "train", options: task.settle?.(asked, info, data) ?? asked, length };
}

/** The training step of a task's model. */
function makeStep(
  { task, model, training }: Pick<TrainingSetup, "task" | "model" | "training">,
  optimizer: Optimizer,
  {
    accumulate,
    parallel,
    recompute = 0,
    base,
  }: Pick<Schedule, "accumulate" | "parallel"> & Pick<TrainTaskOptions, "recompute" | "base">,
): TrainingStep {
  const loss = (batch: Tensors): Tensor | Objective => {
    const features = task.features(batch, training, model);
    const own = task.loss(task.outputs(model, features, batch, training), batch, training);
    return withEvidence(own, task, model, features, batch, training);
  };
  const again = recompute === 0 ? {} : { recompute: { parts: recompute } };
  return trainingStep({ model, optimizer, accumulate, passes: parallel?.allPasses, loss, base, ...again });
}

/**
 * Finds the batch size and the learning rate, where they are to be found, with steps of the model as it will be trained. ConfigError for several
 * processes.
 */
async function findSettings(
  request: TrainingRequest,
  made: MadeModel,
  data: LoadedData,
  defaults: TrainingDefaults,
  context: SetupContext,
): Promise<{ readonly options: TrainTaskOptions; readonly rangeTest?: RangeTest }> {
  const { options, task } = request;
  const [findsSize, findsRate] = [options.batchSize === TO_BE_FOUND, options.lr === TO_BE_FOUND];
  if (!findsSize && !findsRate) return { options };
  if ((context.group?.size ?? 1) > 1)
    throw new ConfigError(
      `${findsSize ? "--batch-size auto" : "--lr find"}: expected one process, got ${context.group?.size} ranks; give a number`,
    );
  const { findBatchSize } = await import("./batch-size-search-node.js");
  const { findLearningRate } = await import("./lr-range-test-node.js");
  const { model, prepared, weights } = made;
  const buckets = task.buckets?.(prepared.info, prepared.train);
  const training = trainingContext(request, defaults, prepared.info, data, buckets);
  const withNumbers = {
    ...options,
    batchSize: findsSize ? undefined : options.batchSize,
    lr: findsRate ? undefined : options.lr,
  };
  const { settings, batchSize: usual } = scheduleFor(withNumbers, defaults, prepared.train.length);
  const optimizer = makeOptimizer({ ...settings, schedule: "constant", totalSteps: 1 });
  const step = makeStep({ task, model, training }, optimizer, { accumulate: 1, parallel: undefined });
  const trial = { task, model, prepared, training, step, weights, buckets, resolved: options };
  const device = context.device ?? (await resolveDevice(await platformRuntime(), options.device ?? "auto"));
  const tried = { device, signal: context.signal, note: context.note };
  const batchSize = findsSize ? await findBatchSize(trial, tried) : usual;
  const rangeTest = findsRate ? await findLearningRate(trial, optimizer, batchSize, tried) : undefined;
  return {
    options: { ...options, batchSize: findsSize ? batchSize : options.batchSize, lr: rangeTest?.suggestion ?? options.lr },
    rangeTest,
  };
}

/** Sets up a training, or a resumed one: data → model → schedule → step. Errors: DataError, ConfigError for what was given. */
export async function setUpTraining(given: TrainTaskOptions, context: SetupContext, resumed?: Resumed): Promise<TrainingSetup> {
  const task = taskNamed(given.task);
  checkOptions(task, given, resumed === undefined ? "" : "config.json: ");
  const own = taskOptions(task, given);
  const start = await startFor(given, task, resumed, context.note);
  const { modelName, defaults: defaultsFor } = choiceFor(task, given, start);
  const request: TrainingRequest = { options: given, task, own, start, resumed };

  const loaded = await readData(request, context, defaultsFor(0).augment);
  const data = (await context.change?.(loaded)) ?? loaded;
  const plain = await makeModel(request, modelName, data);
  const { model, prepared, adapters } = plain;

  const defaults = defaultsFor(prepared.train.length, prepared.info);
  const { passSize } = scheduleFor(given, defaults, prepared.train.length, context.group);
  const made = await putNormsBack(request, plain, passSize, context);
  const found = await findSettings(request, made, data, defaults, context);
  const options = found.options;
  const planned = scheduleFor(options, defaults, prepared.train.length, context.group);
  const { accumulate, asked, epochs, settings, ...schedule } = planned;
  const { totalSteps, parallel } = schedule;

  const buckets = task.buckets?.(prepared.info, prepared.train);
  const training = trainingContext(request, defaults, prepared.info, data, buckets);
  const { optimizer, trained } = fineTuned(model, makeOptimizer({ ...settings, totalSteps }), options, adapters);
  return {
    ...made,
    ...schedule,
    task,
    modelName,
    training,
    step: makeStep({ task, model, training }, optimizer, {
      accumulate,
      parallel,
      recompute: options.recompute,
      base: options.base,
    }),
    trained,
    buckets,
    checkRate: defaults.optimizer.startsWith("adam") ? Math.min(CHECK_RATE, 2 * (options.lr ?? defaults.lr)) : CHECK_RATE,
    notes: [...data.notes, ...prepared.notes, ...made.notes, ...trainedNote(model, trained)],
    leftOut: data.leftOut,
    dataName: data.name,
    rangeTest: found.rangeTest,
    resolved: {
      ...options,
      ...settings,
      ...training.options,
      model: modelName,
      ...asked,
      ...(parallel?.exact === true ? { microBatch: parallel.microBatch } : {}),
      seed: options.seed ?? SEED,
      ...(options.steps === undefined ? { epochs } : { steps: totalSteps }),
    },
  };
}

/** Adds the checkpoint's configuration, from which the model is made again, to what a task prepared. */
const withPretrained = (prepared: Prepared<TaskInfo>, pretrained: Start["pretrained"]): Prepared<TaskInfo> =>
  pretrained === undefined ? prepared : { ...prepared, info: { ...prepared.info, pretrained } };

const startNotes = (path: string, { architecture }: PretrainedInfo, fresh: readonly string[]): readonly string[] => [
  `--init ${path}: ${architecture}${fresh.length === 0 ? "" : `; these start anew: ${fresh.join(", ")}`}`,
];

/** Types of a training batch: the inputs and the targets. */
export const trainingTypes = ({ task, training }: TrainingSetup, batchSize: number): BatchTypes => ({
  ...task.inputs(training, batchSize),
  ...task.targets(training, batchSize),
});
