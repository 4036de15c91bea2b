/**
 * @module The data of a training, as its task reads them.
 */
import type { LoadedData } from "../../data/node.js";
import { loadData, parseFold, tableReading } from "../../data/node.js";
import type { ProcessGroup } from "../../parallel/index.js";
import type { RunConfig } from "../../run/run-folder.js";
import type { Device } from "../../runtime/index.js";
import type { Lora } from "../../nn/index.js";
import { Random } from "../../util/random.js";
import { cropsParts, parseImageSize } from "../../vision/index.js";
import type { AnyTask, TaskInfo, TaskOptions } from "../task.js";
import { schemaReading } from "../use/examples-node.js";
import type { ModelFile } from "../use/model.js";
import type { Start } from "./start-node.js";
import type { TrainTaskOptions } from "./training-options.js";
import { SEED } from "./training-options.js";

/** A resumed run. */
export type Resumed = RunConfig & {
  readonly adapters?: Lora;
  readonly graph?: ModelFile;
  readonly norms?: readonly string[];
};

/** A request for a training, its options checked. */
export interface TrainingRequest {
  readonly options: TrainTaskOptions;
  readonly task: AnyTask;
  /** The task's own options among them. */
  readonly own: TaskOptions;
  readonly start?: Start | undefined;
  readonly resumed?: Resumed | undefined;
}

/** Receives notes, and can end the training. */
export interface SetupContext {
  readonly note: (text: string) => void;
  /** Changes the data once they are loaded: a twin of a model learns from others. */
  readonly change?: ((data: LoadedData) => Promise<LoadedData>) | undefined;
  readonly signal?: AbortSignal;
  /** The processes that train together. */
  readonly group?: ProcessGroup;
  /** The device on which settings that are to be found are tried; left out, the one that the options name. */
  readonly device?: Device;
}

/** Part of the training examples, drawn by the seed; all other parts stay. */
function portionOf(data: LoadedData, fraction: number | undefined, seed: number): LoadedData {
  if (fraction === undefined || fraction === 1) return data;
  const { length } = data.train;
  const kept = new Random(seed, "train fraction").permutation(length).subarray(0, Math.max(1, Math.round(fraction * length)));
  return { ...data, train: data.train.select(kept.sort()) };
}

/** The data that were asked for, as the task reads them. Errors: DataError, ConfigError. */
export async function readData(
  { options, task, start, resumed }: Omit<TrainingRequest, "own">,
  { note, signal }: SetupContext,
  usualAugment?: string,
): Promise<LoadedData> {
  const { imageSize, fold, trainFraction } = options;
  const seed = options.splitSeed ?? options.seed ?? SEED;
  const data = await loadData(options.data, {
    seed,
    ...task.reads,
    ...tableReading(options),
    ...(resumed === undefined ? {} : schemaReading(task, resumed["info"] as TaskInfo)),
    ...(imageSize === undefined ? {} : { imageSize: parseImageSize(imageSize, "--image-size") }),
    ...start?.graph?.loading,
    maxMegapixels: options.maxMegapixels,
    keepOriginals: (height, width) => cropsParts(options.augment ?? usualAugment ?? "none", { height, width }),
    note,
    signal,
    labelColumn: options.labelColumn,
    textColumn: options.textColumn,
    ignoreColumn: options.ignoreColumn,
    evidence: options.evidence,
    fold: fold === undefined ? undefined : parseFold(fold, "--fold"),
    skipBadRows: options.skipBadRows,
    repair: options.repair,
  });
  return portionOf(data, trainFraction, seed);
}
