/**
 * @module Settings that are found by trying: the batch size (`--batch-size auto`) and the learning rate (`--lr find`).
 */
import { DataLoader } from "../../data/node.js";
import type { Device } from "../../runtime/index.js";
import { TrainingState, trainingStep } from "../../train/index.js";
import type { BatchData } from "../../train/index.js";
import type { Optimizer } from "../../optim/index.js";
import { ConfigError } from "../../util/errors.js";
import { formatNumber } from "../../util/text.js";
import { fetcherFor } from "../shared/rows-node.js";
import { measureStep } from "./memory-node.js";
import type { TrainingSetup } from "./setup-node.js";
import { trainingTypes } from "./setup-node.js";

/** As much of a setup as steps can be tried with. */
export type TrialSetup = Pick<
  TrainingSetup,
  "task" | "model" | "prepared" | "training" | "step" | "weights" | "buckets" | "resolved"
>;

interface TrialOptions {
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
  readonly note: (text: string) => void;
}

/** Batches of the training part, as a training gets them. */
async function withBatches<R>(setup: TrialSetup, batchSize: number, use: (loader: DataLoader) => Promise<R>): Promise<R> {
  const { task, training, prepared, buckets, resolved } = setup;
  using fetcher = fetcherFor(task, training, prepared.train);
  const columns = Object.keys(trainingTypes(setup as TrainingSetup, 1));
  const rows = fetcher === undefined ? prepared.train.pick(...columns) : prepared.train;
  return await use(
    new DataLoader(rows, { fetcher, buckets, shuffle: true, dropLast: true, batchSize, seed: resolved.seed ?? 1 }),
  );
}

// --- the batch size -----------------------------------------------------------------------------------------------------

/** Sizes that are tried, and the share that a doubling must gain to be worth it. */
const [LEAST_SIZE, MOST_SIZE, WORTH] = [8, 4096, 0.1];
/** Steps that are timed, of which the fastest counts, and the share of the free memory that a step may take. */
const [TIMED_STEPS, TIMED_MS, MEMORY_SHARE] = [4, 300, 0.9];
/** Sizes in a row that gain nothing before the search ends: other work on the machine slows a single one. */
const PATIENCE = 2;

/** Examples a second at a batch size: by the fastest of a few steps. */
async function speedAt(setup: TrialSetup, batchSize: number, { device }: TrialOptions): Promise<number> {
  await using state = await TrainingState.create(setup.step, {
    device,
    threads: setup.resolved.threads,
    weights: setup.weights,
  });
  return await withBatches(setup, batchSize, async (loader) => {
    let least = Infinity;
    let first: BatchData | undefined;
    for await (const batch of loader) {
      first = batch;
      break;
    }
    if (first === undefined) return 0;
    const end = performance.now() + TIMED_MS;
    for (let i = 0; i < TIMED_STEPS || performance.now() < end; i++) {
      const start = performance.now();
      await state.run(first);
      if (i > 0) least = Math.min(least, performance.now() - start);
    }
    return (1000 * batchSize) / least;
  });
}

/** The largest batch size that fits the free memory and still is a tenth faster than half of it. Says which, and why no larger one. */
export async function findBatchSize(setup: TrialSetup, options: TrialOptions): Promise<number> {
  const { device, signal, note } = options;
  const most = Math.min(MOST_SIZE, setup.prepared.train.length);
  let [best, speed] = [Math.min(LEAST_SIZE, most), 0];
  let reason = `there are ${setup.prepared.train.length} examples`;
  let without = 0;
  for (let size = best; size <= most; size *= 2) {
    signal?.throwIfAborted();
    const { bytes } = measureStep(setup.step, trainingTypes(setup as TrainingSetup, size), device);
    if (bytes > MEMORY_SHARE * process.availableMemory()) {
      reason = `${size} would take ${Math.round(bytes / 2 ** 20)} MiB`;
      break;
    }
    const found = await speedAt(setup, size, options);
    if (found >= speed * (1 + WORTH)) [best, speed, without] = [size, found, 0];
    else {
      reason = `${size} gains ${formatNumber(Math.max(0, 100 * (found / speed - 1)))} %`;
      if (++without === PATIENCE) break;
    }
  }
  note(`--batch-size auto: ${best}, ${formatNumber(speed)} examples/s; ${reason}`);
  return best;
}

// --- the learning rate --------------------------------------------------------------------------------------------------

/** Measurements of a range test. */
export interface RangeTest {
  /** Learning rates and the smoothed loss at each. */
  readonly points: readonly { readonly learningRate: number; readonly loss: number }[];
  /** Where the loss falls fastest. */
  readonly suggestion: number;
}

/** Steps of the test, and the rates between which it goes. */
const [TEST_STEPS, LOWEST, HIGHEST] = [100, 1e-6, 10];
/** Weight of the past in the smoothed loss, and how many times the least loss ends the test. */
const [SMOOTHING, DIVERGED] = [0.9, 3];
/** Points left out at both ends, where the smoothed loss has not settled, or no longer means anything. */
const ENDS = 5;

const rateAt = (step: number): number => LOWEST * (HIGHEST / LOWEST) ** (step / (TEST_STEPS - 1));

/** The rate at which the loss falls fastest over the logarithm of the rate. */
export function steepest(points: RangeTest["points"]): number | undefined {
  const least = points.reduce((best, { loss }, i) => (loss < (points[best]?.loss ?? Infinity) ? i : best), 0);
  let [best, slope] = [-1, 0];
  for (let i = ENDS; i <= Math.min(least, points.length - 2); i++) {
    const fall = (points[i - 1]?.loss ?? NaN) - (points[i + 1]?.loss ?? NaN);
    if (fall > slope) [best, slope] = [i, fall];
  }
  return points[best]?.learningRate;
}

/**
 * Trains a throw-away state while the learning rate rises from 1e-6 to 10 over a hundred steps, and finds the rate at which the loss falls fastest.
 *
 * Errors: ConfigError where the loss never falls.
 * Source: Smith 2017, Cyclical learning rates for training neural networks, §3.3, arXiv:1506.01186 (the range test); the steepest point and smoothing with a corrected
 * exponential mean as in fastai's `lr_find`.
 */
export async function findLearningRate(
  setup: TrialSetup,
  optimizer: Optimizer,
  batchSize: number,
  options: TrialOptions,
): Promise<RangeTest> {
  const { device, signal, note } = options;
  const rising: Optimizer = { ...optimizer, schedule: { description: { name: "rangeTest" }, at: rateAt } };
  const step = trainingStep({ ...setup.step, optimizer: rising, accumulate: 1, passes: undefined });
  const { seed, threads } = setup.resolved;
  await using state = await TrainingState.create(step, { device, threads, seed, weights: setup.weights });
  const points = await withBatches(setup, batchSize, (loader) => lossesOf(state, loader, signal));
  const suggestion = steepest(points);
  if (suggestion === undefined)
    throw new ConfigError(
      `--lr find: expected a loss that falls at some learning rate from ${LOWEST} to ${HIGHEST}, got none; give --lr`,
    );
  note(
    `--lr find: ${suggestion.toPrecision(2)}, where the loss fell fastest over ${points.length} steps from ${LOWEST} up (lr-range.svg)`,
  );
  return { points, suggestion: Number(suggestion.toPrecision(2)) };
}

async function lossesOf(state: TrainingState, loader: DataLoader, signal: AbortSignal | undefined): Promise<RangeTest["points"]> {
  const points: { learningRate: number; loss: number }[] = [];
  let [mean, least] = [0, Infinity];
  while (points.length < TEST_STEPS) {
    const before = points.length;
    for await (const batch of loader) {
      if (signal?.aborted === true || points.length >= TEST_STEPS) return points;
      const learningRate = rateAt(points.length);
      const { loss } = await state.run(batch);
      if (!Number.isFinite(loss)) return points;
      mean = SMOOTHING * mean + (1 - SMOOTHING) * loss;
      const smoothed = mean / (1 - SMOOTHING ** (points.length + 1));
      points.push({ learningRate, loss: smoothed });
      least = Math.min(least, smoothed);
      if (smoothed > DIVERGED * least && points.length > 2 * ENDS) return points;
    }
    if (points.length === before) return points;
  }
  return points;
}
