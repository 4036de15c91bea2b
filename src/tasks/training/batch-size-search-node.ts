/**
 * @module The search for a batch size (`--batch-size auto`): the largest that fits the memory and still gains speed.
 */
import { DataLoader } from "../../data/node.js";
import type { Device } from "../../runtime/index.js";
import { TrainingState } from "../../train/index.js";
import type { BatchData } from "../../train/index.js";
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

/** Options of trying steps. */
export interface TrialOptions {
  readonly device: Device;
  readonly signal?: AbortSignal | undefined;
  readonly note: (text: string) => void;
}

/** Batches of the training part, as a training gets them. */
export async function withBatches<R>(setup: TrialSetup, batchSize: number, use: (loader: DataLoader) => Promise<R>): Promise<R> {
  const { task, training, prepared, buckets, resolved } = setup;
  using fetcher = fetcherFor(task, training, prepared.train);
  const columns = Object.keys(trainingTypes(setup as TrainingSetup, 1));
  const rows = fetcher === undefined ? prepared.train.pick(...columns) : prepared.train;
  return await use(
    new DataLoader(rows, { fetcher, buckets, shuffle: true, dropLast: true, batchSize, seed: resolved.seed ?? 1 }),
  );
}

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
