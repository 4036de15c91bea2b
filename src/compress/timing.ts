/**
 * @module Times of things that are compared: they take turns, so that other load on the machine affects all of them alike.
 */
import { median } from "../util/median.js";

/**
 * How sessions that are timed get memory. Without the engine's arena the C library gives it back after a run or keeps it, by what the process did before: one
 * image of MobileNetV3 took 5 page faults in one session and 470 in the next (1.6 ms of 5.2), 32 images in int8 22,700 (57 ms of 180), with the arena fewer than
 * 10. Plain onnxruntime has the arena unless it is told otherwise.
 */
export const TIMED = { arena: true } as const;

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

/** The speedup of one of two things: the median over pairs of turns, and bounds of it that hold with 99 % each. */
export interface Speedup {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Median milliseconds of both. */
  readonly ms: readonly [number, number];
}

/** The chance that a bound is wrong. */
const DOUBT = 0.01;

/** Counts the values from one end of n that may lie beyond the median: their number's bound is wrong with less than `DOUBT`. 0 where n is too small. */
function beyondMedian(n: number): number {
  let [sum, term] = [0, 2 ** -n];
  for (let k = 0; k < n; k++) {
    sum += term;
    if (sum > DOUBT) return k;
    term *= (n - k) / (k + 1);
  }
  return n;
}

/** The median of ratios and its bounds, by order statistics: whatever their distribution. Too few ratios bound nothing. */
export function speedupOf(ratios: readonly number[]): Omit<Speedup, "ms"> {
  const sorted = [...ratios].sort((a, b) => a - b);
  const k = beyondMedian(sorted.length);
  if (k === 0) return { median: median(sorted), low: 0, high: Infinity };
  return { median: median(sorted), low: sorted[k - 1] ?? 0, high: sorted.at(-k) ?? Infinity };
}

/** The rounds before the first look at the ratios; each further look comes after twice as many, since every one may err. */
const FIRST_LOOK = 8;

/** Tells whether something is faster for certain, and by enough. */
export const isFaster = ({ median: usual, low }: Pick<Speedup, "median" | "low">, least: number): boolean =>
  usual >= least && low > 1;

/**
 * Tells how many times faster `after` is than `before`. They take turns, each first as often as second, until it is certain on which side of `least` the
 * ratio is, or the budget is spent.
 */
export async function speedupInTurns(
  before: () => Promise<unknown>,
  after: () => Promise<unknown>,
  { budgetMs = 1000, least = 1 }: { readonly budgetMs?: number; readonly least?: number } = {},
): Promise<Speedup> {
  const times: [number[], number[]] = [[], []];
  const turn = async (which: 0 | 1): Promise<void> => {
    const run = which === 0 ? before : after;
    const own: number[] = [];
    await run();
    for (let n = 1; n < IN_A_ROW; n++) {
      const start = performance.now();
      await run();
      own.push(performance.now() - start);
    }
    // The quickest: other work on the machine only ever adds.
    times[which].push(Math.min(...own));
  };
  const begun = performance.now();
  for (let [round, look] = [1, FIRST_LOOK]; ; round++) {
    for (const which of round % 2 === 0 ? ([1, 0] as const) : ([0, 1] as const)) await turn(which);
    if (round < look) continue;
    look *= 2;
    const found = speedupOf(times[0].map((ms, i) => ms / (times[1][i] as number)));
    const isCertain = found.low >= least || found.high < least;
    if (isCertain || performance.now() - begun > budgetMs) return { ...found, ms: [median(times[0]), median(times[1])] };
  }
}
