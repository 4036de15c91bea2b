/**
 * @module What a training will be, decided from what was asked for and the defaults of its task and model, before anything runs.
 */
import { loadData } from "../data/node.js";
import type { Module } from "../nn/index.js";
import type { DeviceChoice } from "../runtime/index.js";
import type { BatchTypes, TrainingStep } from "../train/index.js";
import { trainingStep } from "../train/index.js";
import { ConfigError } from "../util/errors.js";
import { cropsParts, parseImageSize } from "../vision/index.js";
import { makeOptimizer } from "./optimizer.js";
import { modelNamed, taskNamed } from "./table.js";
import { tokenizerFile } from "./texts-node.js";
import type { AnyTask, Buckets, Prepared, TaskContext, TaskInfo, TaskOptions, TrainingDefaults } from "./task.js";

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

/** Everything that a run is made of, decided. */
export interface Plan {
  readonly task: AnyTask;
  readonly modelName: string;
  readonly model: Module;
  readonly prepared: Prepared<TaskInfo>;
  /** What the task is told while it trains. */
  readonly training: TaskContext<TaskInfo>;
  readonly step: TrainingStep;
  /** Of rows that are sequences. */
  readonly buckets: Buckets | undefined;
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

/** A network that is trained at small rates learns sooner at a small one. */
const CHECK_RATE = 3e-3;

/** Decides on a training. Errors: DataError, ConfigError for what was given. */
export async function plan(options: TrainTaskOptions, note: (text: string) => void): Promise<Plan> {
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
  const prepared = await task.prepare(data, {
    ...own,
    ...(await tokenizerFile(own)),
    seed,
    ignore: options.ignoreColumn ?? [],
    model: modelName,
  });
  const model = choice.build(prepared.info);
  const defaults = choice.defaults(prepared.train.length);
  const batchSize = Math.min(options.batchSize ?? defaults.batchSize, prepared.train.length);
  const accumulate = options.accumulate ?? 1;
  const stepsPerEpoch = Math.max(1, Math.floor(Math.floor(prepared.train.length / batchSize) / accumulate));
  const epochs = options.epochs ?? defaults.epochs;
  const totalSteps = options.steps ?? Math.max(1, Math.round(epochs * stepsPerEpoch));
  // Whole epochs, and not more often than a person would read.
  const evaluateEvery =
    defaults.evaluations === undefined
      ? stepsPerEpoch * Math.max(1, Math.ceil(totalSteps / stepsPerEpoch / MOST_EVALUATIONS))
      : Math.ceil(totalSteps / defaults.evaluations);
  const settings = {
    optimizer: options.optimizer ?? defaults.optimizer,
    schedule: options.schedule ?? defaults.schedule,
    lr: options.lr ?? defaults.lr,
    weightDecay: options.weightDecay ?? defaults.weightDecay,
    warmupSteps: options.warmupSteps ?? defaults.warmupSteps,
    clipNorm: options.clipNorm ?? defaults.clipNorm,
    beta1: options.beta1 ?? defaults.beta1,
    beta2: options.beta2 ?? defaults.beta2,
    finalLrFraction: options.finalLrFraction ?? defaults.finalLrFraction,
  };
  const labelSmoothing = options.labelSmoothing ?? defaults.labelSmoothing;
  const asked = definedOnly({ ...own, labelSmoothing, augment: options.augment ?? defaults.augment }) as TaskOptions;
  if (options.augment !== undefined && task.settle === undefined)
    throw new ConfigError(`--augment: expected a task of images, got ${task.name}`);
  const settled = task.settle?.(asked, prepared.info, data) ?? asked;
  const buckets = task.buckets?.(prepared.info, prepared.train);
  const length = buckets?.bounds.at(-1);
  const training: TaskContext<TaskInfo> = {
    info: prepared.info,
    use: "train",
    options: settled,
    ...(length === undefined ? {} : { length }),
  };
  const step = trainingStep({
    model,
    optimizer: makeOptimizer({ ...settings, totalSteps }),
    accumulate,
    loss: (batch) => task.loss(task.outputs(model, task.features(batch, training, model), batch, training), batch, training),
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
    buckets,
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
const TASK_OPTIONS = [
  "loss",
  "holdOut",
  "falseAcceptRate",
  "features",
  "tokenizer",
  "vocabularySize",
  "maxLength",
] as const satisfies readonly (keyof TaskOptions)[];

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
export const trainingTypes = ({ task, training }: Plan, batchSize: number): BatchTypes => ({
  ...task.inputs(training, batchSize),
  ...task.targets(training, batchSize),
});

/** JSON has no undefined. */
export const definedOnly = (options: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
