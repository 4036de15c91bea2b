/**
 * @module A test whether the best setting of a sweep is better than chance would have it.
 */
import { pairedBootstrap } from "../metrics/index.js";
import { Random } from "../util/random.js";
import { mean } from "../util/vectors.js";

/** The best setting as several seeds show it. */
export interface NoiseTest {
  /** The chance of a best mean so good, if settings made no difference. */
  readonly p: number;
  /** The smallest p that so many settings and seeds can come to: at 0.05 and above, more seeds are needed whatever the scores. */
  readonly smallest: number;
  /** The lead of the best one's mean over the second best, with the interval of 95 %; above 0 is better, for a loss too. */
  readonly ahead: { readonly difference: number; readonly low: number; readonly high: number };
  readonly isBetter: boolean;
}

const PERMUTATIONS = 5000;

/**
 * Permutes the settings' scores within each seed, which changes nothing if settings make no difference, and counts how often the best mean is at
 * least as good as it was. The best of many is so compared with the best of many, and not with one.
 *
 * Shapes: scores [settings][seeds], all of them there. `undefined` for a single seed or a single setting.
 * Source: a permutation test of the maximum, as in Westfall and Young 1993, with seeds as blocks.
 */
export function testBest(scores: readonly (readonly number[])[], mode: "min" | "max", seed = 1): NoiseTest | undefined {
  const seeds = scores[0]?.length ?? 0;
  if (seeds < 2 || scores.length < 2) return undefined;
  const sign = mode === "max" ? 1 : -1;
  const table = scores.map((row) => row.map((score) => sign * score));
  const ranked = [...table].sort((a, b) => mean(b) - mean(a));
  const [first, second] = ranked as [number[], number[]];
  const observed = mean(first);
  const random = new Random(seed, "noise");
  const sums = new Float64Array(table.length);
  let asGood = 0;
  for (let i = 0; i < PERMUTATIONS; i++) {
    sums.fill(0);
    for (let s = 0; s < seeds; s++) {
      const order = random.permutation(table.length);
      order.forEach((from, to) => (sums[to] = (sums[to] as number) + (table[from]?.[s] as number)));
    }
    // Means of equal numbers in another order may differ in the last bit.
    if (Math.max(...sums) / seeds >= observed - 1e-12 * Math.abs(observed)) asGood++;
  }
  const p = (asGood + 1) / (PERMUTATIONS + 1);
  const { difference, low, high } = pairedBootstrap(first, second);
  return { p, smallest: table.length ** (1 - seeds), ahead: { difference, low, high }, isBetter: p < 0.05 };
}
