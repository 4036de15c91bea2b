/**
 * @module The range test of the learning rate (`--lr find`).
 */
import type { DataLoader } from "../../data/node.js";
import type { Optimizer } from "../../optim/index.js";
import { TrainingState, trainingStep } from "../../train/index.js";
import { ConfigError } from "../../util/errors.js";
import type { TrialOptions, TrialSetup } from "./batch-size-search-node.js";
import { withBatches } from "./batch-size-search-node.js";

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
