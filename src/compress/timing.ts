/**
 * @module Times of things that are compared: they take turns, so that other load on the machine affects all of them alike.
 */
import { median } from "../util/median.js";

/** The duration of a measurement. */
export interface TimingOptions {
  /** Approximate milliseconds for all of them together. */
  readonly budgetMs?: number;
  /** The smallest number of rounds. */
  readonly rounds?: number;
}

/** Consecutive runs in each turn: the first one finds other data in the caches, and does not count. */
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
