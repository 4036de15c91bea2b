/**
 * @module Times of things that are compared: they take turns, so that what else the machine does falls on all of them.
 */
import { median } from "../util/median.js";

/** How long to measure. */
export interface TimingOptions {
  /** Milliseconds for all of them together, about. */
  readonly budgetMs?: number;
  /** Rounds at least. */
  readonly rounds?: number;
}

/** Runs in a row of each turn: the first one finds other data in the caches, and does not count. */
const IN_A_ROW = 4;

/** Returns the median milliseconds of each of several things that take turns. */
export async function timeInTurns(
  runs: readonly (() => Promise<unknown>)[],
  { budgetMs = 1000, rounds = 3 }: TimingOptions = {},
): Promise<number[]> {
  const times = runs.map((): number[] => []);
  for (const run of runs) await run();
  const begun = performance.now();
  for (let round = 0; round < rounds || performance.now() - begun < budgetMs; round++) {
    for (const [i, run] of runs.entries()) {
      await run();
      for (let n = 1; n < IN_A_ROW; n++) {
        const start = performance.now();
        await run();
        times[i]?.push(performance.now() - start);
      }
    }
  }
  return times.map(median);
}
