/**
 * @module `train(model, { data, loss, optimizer, … })` in Node: as `train-model.ts`, with names, files, folders and queries, a run folder, threads that
 * load images, and progress on standard error.
 */
import type { Dataset, LoadedData } from "../data/node.js";
import { classesOf, imageCollate, loadData, WorkerFetcher } from "../data/node.js";
import type { Layer } from "../graph/index.js";
import type { Module } from "../nn/index.js";
import type { Progress } from "../run/progress.js";
import { peakMemoryMiB, progressOnStderr } from "../run/progress-node.js";
import type { RunSummary } from "../run/run-folder.js";
import type { RunWriter } from "../run/run-folder-node.js";
import { createRun } from "../run/run-folder-node.js";
import { ConfigError } from "../util/errors.js";
import { printableLine } from "../util/terminal.js";
import { formatAugment, parseAugment } from "../vision/index.js";
import { tableColumns } from "./file-columns.js";
import type { ParallelOptions } from "./parallel-node.js";
import { planParallel } from "./parallel-node.js";
import type { Columns, MemoryData, TrainedModelRun as MemoryRun, TrainOptions as MemoryOptions } from "./train-model.js";
import { memoryColumns, trainOn } from "./train-model.js";

export type { MemoryData };

/** Options of `train` in Node: data by name, path or query besides rows, a run folder, several processes. */
export interface TrainOptions extends Omit<MemoryOptions, "data"> {
  /** A known name, a file, a folder, a query; or what lies in memory: rows, columns or a `Dataset`, as a whole or in parts; a CSV file as a `Blob`, or as `fetch` answered it. */
  readonly data: string | MemoryData;
  /** Random changes of training images, as `parseAugment` reads them (`auto`, `crop:4,flip`, …); the columns are `image` and `label`. */
  readonly augment?: string;
  /**
   * Trains in the processes of a group, as in `{ group: await joinGroup() }` in each of those that `mpirun` starts: each takes its share of every
   * batch, and rank 0 writes `out`. With `exact` any number of processes gives the same bits. On the cpu device.
   */
  readonly parallel?: ParallelOptions;
  /** A run folder; left out, nothing is written. */
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
}

/** A finished training. Owned: dispose it. */
export type TrainedModelRun = MemoryRun<RunSummary>;

async function columnsOf(options: TrainOptions): Promise<Columns> {
  if (typeof options.data !== "string") return memoryColumns(options.data, options);
  const data = await loadData(options.data, {
    seed: options.seed ?? 0,
    signal: options.signal,
    targetColumn: options.target,
  });
  return data.roles.image === undefined ? tableColumns(data) : imageColumns(data, data.roles.image);
}

function imageColumns(data: LoadedData, input: string): Columns {
  const { name, train, validation, test, maximum = 255 } = data;
  return { name, train, validation, test, input, inputs: [input], target: data.roles.target ?? "label", maximum };
}

/** The fetcher of batches of augmented images. ConfigError if the data have none. */
function changing(rows: Dataset, list: string): WorkerFetcher {
  const image = rows.has("image") ? rows.tensor("image") : undefined;
  const [, channels, height = 0, width = 0] = image?.shape ?? [];
  if (channels === undefined || image?.dtype !== "uint8" || !rows.has("label"))
    throw new ConfigError(`train: augment: expected columns image (uint8 [N, C, H, W]) and label, got ${rows.names.join(", ")}`);
  const augment = formatAugment(parseAugment(list, { height, width }, "train: augment"));
  const classes = classesOf(rows.column("label"), "label").length;
  return new WorkerFetcher(rows, imageCollate({ shape: [channels, height, width], classes, augment }));
}

/** The progress on standard error, which begins with what was decided about the columns. */
function progressOf({ inputs, target, classes }: Columns, total: number, quiet = false): Progress {
  const progress = progressOnStderr({ label: "train", total, unit: "examples", peakMemoryMiB, quiet });
  if (inputs.length > 1) progress.log(`features are ${inputs.map((name) => printableLine(name)).join(", ")}, in this order`);
  if (classes !== undefined) {
    const shown = classes.slice(0, 10).map((name, k) => `${k} is ${printableLine(name)}`);
    progress.log(`${printableLine(target)}: ${shown.join(", ")}${classes.length > shown.length ? ", …" : ""}`);
  }
  return progress;
}

/**
 * Trains a model of one input and one output.
 *
 * Errors: ConfigError if columns cannot be told or `out` holds a run; ShapeError if the model does not fit the data; DataError for a
 * label that the model has no output for; those of `fit`.
 *
 * @example
 * import { crossEntropy } from "descentjs/losses";
 * import { accuracy } from "descentjs/metrics";
 * import { Flatten, Linear, Sequential } from "descentjs/nn";
 * import { adamW } from "descentjs/optim";
 * import { train } from "descentjs/train";
 * const model = new Sequential(new Flatten(), new Linear(64, 10));
 * const run = await train(model, { data: "digits", loss: crossEntropy(), optimizer: adamW({ learningRate: 0.01 }), metrics: { accuracy }, epochs: 3 });
 * console.log(run.summary.metrics.test); // { accuracy: 0.9…, loss: … }
 * await run.dispose();
 */
export async function train(model: Module & Layer, options: TrainOptions): Promise<TrainedModelRun> {
  const columns = await columnsOf(options);
  using fetcher =
    options.augment === undefined ? undefined : changing(columns.train.pick(columns.input, columns.target), options.augment);
  const { parallel } = options;
  const isWriter = parallel === undefined || parallel.group.rank === 0;
  let writer: RunWriter | undefined;
  try {
    const run = await trainOn(model, columns, options, {
      divide: (asked, examples) => parallel && planParallel(parallel, asked, examples),
      loader: { fetcher },
      progress: (described, total) => progressOf(described, total, options.quiet === true || !isWriter),
      writer: async ({ options: kept }) => {
        if (!isWriter) return undefined;
        const config = { descent: "library", task: "custom", options: { ...kept } };
        writer = options.out === undefined ? undefined : await createRun(options.out, { config, overwrite: options.overwrite });
        return writer;
      },
    });
    const summary = { ...run.summary, peakMemoryMiB: peakMemoryMiB() };
    await writer?.writeSummary(summary);
    return { ...run, summary };
  } finally {
    writer?.[Symbol.dispose]();
  }
}
