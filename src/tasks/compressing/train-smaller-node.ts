/**
 * @module The training of a smaller model: on the data and with the settings of its original run, unless others are given.
 */
import type { BatchFetcher, Dataset } from "../../data/node.js";
import { KNOWN_DATASETS } from "../../data/node.js";
import type { Parameter, Tensor, TensorData } from "../../graph/index.js";
import type { ParameterGroup, Part } from "../../optim/index.js";
import { chain, withGroups } from "../../optim/index.js";
import type { Progress, ProgressOptions } from "../../run/progress.js";
import { peakMemoryMiB } from "../../run/progress-node.js";
import type { RunConfig } from "../../run/run-folder.js";
import type { Callback, Objective, TrainingState } from "../../train/index.js";
import { trainingStep } from "../../train/index.js";
import { countSteps } from "../../train/step-count.js";
import { trainRun } from "../../train/train-node.js";
import { ConfigError, DescentError } from "../../util/errors.js";
import { fetcherFor } from "../shared/rows-node.js";
import type { AnyTask, ColumnTypes, TaskContext, TaskInfo, Tensors } from "../task.js";
import { makeOptimizer } from "../training/optimizer.js";
import { currentOptions } from "../training/training-options.js";
import { taskNamed } from "../table.js";
import type { SmallerModel } from "./smaller-model.js";
import type { SmallTraining } from "./options.js";
import { PartsModule } from "./smaller-model.js";

/** Progress and interruption of a training. */
export interface TrainingControl {
  readonly signal?: AbortSignal;
  readonly progress?: (options: ProgressOptions) => Progress;
  readonly label?: string;
}

/** Additions to minimizing the task's loss. */
export interface TrainingExtensions {
  /** Additional parts of the optimizer: before it, and after it. */
  readonly before?: readonly Part[];
  readonly behind?: readonly Part[];
  readonly groups?: readonly ParameterGroup[];
  /** Replaces the task's loss; gets the model's outputs, and the batch with the columns of `columns`. */
  readonly loss?: (outputs: Tensors, batch: Tensors, context: TaskContext<TaskInfo>) => Tensor | Objective;
  /** Further parameters to train and then discard: projections. */
  readonly parameters?: ReadonlyMap<string, Parameter>;
  /** Whether rows have targets; true if left out. */
  readonly targets?: boolean;
  /** Further columns, row by row. */
  readonly columns?: Dataset;
  readonly watch?: (state: TrainingState, totalSteps: number) => Callback | Promise<Callback>;
  /** Initial weights, in place of the model's. */
  readonly weights?: ReadonlyMap<string, TensorData>;
}

/** A training that has ended. */
export interface SmallTrained {
  readonly weights: ReadonlyMap<string, TensorData>;
  /** All entries of the training state, including the optimizer's. */
  readonly state: ReadonlyMap<string, TensorData>;
  readonly steps: number;
  readonly seconds: number;
}

/** The part of a smaller model that training needs. */
export type Trainable = Pick<SmallerModel, "base" | "module" | "outputs" | "trainingContext" | "weights">;

/**
 * The context in which a model of a run was trained, for these rows; `augment` replaces the run's own.
 *
 * Errors: ConfigError for `augment` where the task changes no images.
 */
export function trainingContextOf(
  task: AnyTask,
  info: TaskInfo,
  config: RunConfig,
  rows: Dataset,
  { augment }: Pick<SmallTraining, "augment"> = {},
): TaskContext<TaskInfo> {
  if (augment !== undefined && !("augment" in task.options))
    throw new ConfigError(`--augment ${augment}: expected a task that augments training images, got ${task.name}`);
  const all = currentOptions(taskNamed(task.name), config.options);
  const names = ["labelSmoothing", "augment", ...Object.keys(task.options)];
  const options = Object.fromEntries(Object.entries(all).filter(([name, value]) => names.includes(name) && value !== undefined));
  const length = task.buckets?.(info, rows).bounds.at(-1);
  const known = KNOWN_DATASETS.find(({ name }) => name === config.options["data"]);
  const settled = augment === undefined ? options : (task.settle?.({ ...options, augment }, info, { known }) ?? options);
  return { info, use: "train", options: settled, length };
}

/** Columns of the rows of each batch beside it. */
class WithColumns implements BatchFetcher {
  readonly #inner: BatchFetcher;
  readonly #columns: Dataset;

  constructor(inner: BatchFetcher, columns: Dataset) {
    this.#inner = inner;
    this.#columns = columns;
  }

  async fetch(request: Parameters<BatchFetcher["fetch"]>[0]): Promise<Awaited<ReturnType<BatchFetcher["fetch"]>>> {
    return { ...(await this.#inner.fetch(request)), ...this.#columns.gather(request.indices) };
  }
}

const numberIn = (config: RunConfig, name: string): number | undefined => {
  const value = config.options[name];
  return typeof value === "number" ? value : undefined;
};

const textIn = (config: RunConfig, name: string): string | undefined => {
  const value = config.options[name];
  return typeof value === "string" ? value : undefined;
};

/** The settings of a run, overridden by the given ones. */
function settingsOf(config: RunConfig, choice: SmallTraining) {
  const optional = { weightDecay: 0, clipNorm: undefined, beta1: undefined, beta2: undefined, finalLrFraction: undefined };
  const rest = Object.fromEntries(
    Object.entries(optional).map(([name, usual]) => [
      name,
      (choice as Record<string, unknown>)[name] ?? numberIn(config, name) ?? usual,
    ]),
  ) as { readonly weightDecay: number; readonly clipNorm?: number };
  return {
    optimizer: choice.optimizer ?? textIn(config, "optimizer") ?? "adamw",
    schedule: choice.schedule ?? "cosine",
    lr: choice.lr ?? (numberIn(config, "lr") ?? 1e-3) / 2,
    clipWeights: choice.clipWeights ?? textIn(config, "clipWeights"),
    ...rest,
  };
}

/** Default epochs: a third of the run's. */
const epochsOf = (config: RunConfig, { epochs }: SmallTraining): number =>
  epochs ?? Math.max(1, Math.round((numberIn(config, "epochs") ?? 3) / 3));

/**
 * Trains a smaller model on encoded rows with targets.
 *
 * Errors: those of `trainRun`; DescentError where it was interrupted.
 */
export async function trainSmaller(
  smaller: Trainable,
  config: RunConfig,
  rows: Dataset,
  choice: SmallTraining,
  control: TrainingControl,
  extensions: TrainingExtensions = {},
): Promise<SmallTrained> {
  const { base, module, trainingContext: training } = smaller;
  const { task, info } = base;
  const loss = extensions.loss ?? ((outputs, batch, context) => task.loss(outputs, batch, context));
  const batchSize = Math.min(choice.batchSize ?? numberIn(config, "batchSize") ?? 64, rows.length);
  const { totalSteps } = countSteps({
    examples: rows.length,
    batchSize,
    accumulate: 1,
    epochs: epochsOf(config, choice),
    steps: choice.steps,
  });
  const optimizer = makeOptimizer({ ...settingsOf(config, choice), totalSteps });
  const helpers = extensions.parameters ?? new Map<string, Parameter>();
  const step = trainingStep({
    model: helpers.size === 0 ? module : new PartsModule(new Map([...module.state(), ...helpers])),
    optimizer: withGroups(chain(...(extensions.before ?? []), optimizer, ...(extensions.behind ?? [])), extensions.groups ?? []),
    loss: (batch) => loss(smaller.outputs(batch, training), batch, training),
  });
  const columns = Object.keys({
    ...task.inputs(training, 1),
    ...(extensions.targets === false ? {} : task.targets(training, 1)),
  } satisfies ColumnTypes);
  using made = fetcherFor(task, training, rows);
  const plain = made === undefined ? rows.pick(...columns) : rows;
  const extra = extensions.columns;
  const fetcher = made === undefined || extra === undefined ? made : new WithColumns(made, extra);
  const { watch } = extensions;
  const run = await trainRun({
    step,
    train: made === undefined && extra !== undefined ? plain.with(extra.columns) : plain,
    batchSize,
    totalSteps,
    seed: choice.seed ?? 1,
    device: choice.device ?? "cpu",
    threads: choice.threads,
    loader: { fetcher, buckets: task.buckets?.(info, rows) },
    signal: control.signal,
    progress: control.progress?.({ label: control.label ?? "train", total: totalSteps, unit: "examples", peakMemoryMiB }),
    weights: extensions.weights ?? smaller.weights,
    watch: watch === undefined ? undefined : (state) => watch(state, totalSteps),
  });
  await using state = run.state;
  if (run.ended === "interrupted")
    throw new DescentError("interrupted before the smaller model was trained; nothing was written");
  const all = await state.snapshot();
  const weights = new Map([...module.state().keys()].map((path) => [path, all.get(path) as TensorData]));
  return { weights, state: all, steps: run.progress.step, seconds: run.progress.seconds };
}
