/**
 * @module Coalitions for estimating Shapley values: all of a size where they are affordable, random pairs where not.
 */
import type { Random } from "../util/random.js";
import { binomial, eachSubset } from "./subsets.js";

/** Coalitions [S, F] with the weights of their rows. */
export interface Coalitions {
  readonly count: number;
  readonly masks: Uint8Array;
  readonly weights: Float64Array;
}

/**
 * Coalitions for a fit, each with its complement: whole sizes, the smallest and largest first, as long as they are affordable; then draws from the sizes
 * that are left, by the kernel's weight (n − 1)/(s·(n − s)) of a size. Drawn ones share the weight that is left.
 *
 * Source: Lundberg and Lee 2017, arXiv:1705.07874, theorem 2; Covert and Lee, Improving KernelSHAP, 2021, section 4, arXiv:2012.01536 (paired draws).
 */
export function drawCoalitions(players: number, samples: number, random: Random): Coalitions {
  const masks = new Uint8Array((samples + 2) * players);
  const weights = new Float64Array(samples + 2);
  const sizes = Math.floor(players / 2);
  const kernel = Float64Array.from(
    { length: sizes },
    (_, i) => ((players - 1) / ((i + 1) * (players - i - 1))) * (2 * (i + 1) === players ? 1 : 2),
  );
  const total = kernel.reduce((a, b) => a + b, 0);
  let count = 0;
  let size = 1;
  for (; size <= sizes; size++) {
    const isHalf = 2 * size === players;
    const subsets = binomial(players, size);
    const needed = isHalf ? subsets : 2 * subsets;
    if (count + needed > samples) break;
    const weight = (kernel[size - 1] as number) / total / needed;
    eachSubset(players, size, (chosen) => {
      count = addPair(masks, weights, count, chosen, weight, players, isHalf);
    });
  }
  const rest = kernel.subarray(size - 1);
  const left = rest.reduce((a, b) => a + b, 0);
  const drawn = samples - count - ((samples - count) % 2);
  if (left > 0 && drawn > 0) {
    const order = Uint32Array.from({ length: players }, (_, i) => i);
    for (let i = 0; i < drawn; i += 2) {
      count = addPair(
        masks,
        weights,
        count,
        drawSubset(order, size + pick(rest, left, random), random),
        left / total / drawn,
        players,
        false,
      );
    }
  }
  return { count, masks: masks.subarray(0, count * players), weights: weights.subarray(0, count) };
}

/** Adds a coalition, and its complement unless the subsets of half the size hold that already. */
function addPair(
  masks: Uint8Array,
  weights: Float64Array,
  at: number,
  chosen: Uint32Array,
  weight: number,
  players: number,
  alone: boolean,
): number {
  const start = at * players;
  for (const i of chosen) masks[start + i] = 1;
  weights[at] = weight;
  if (alone) return at + 1;
  for (let i = 0; i < players; i++) masks[start + players + i] = 1 - (masks[start + i] as number);
  weights[at + 1] = weight;
  return at + 2;
}

/** Draws an index with the given probabilities. */
function pick(chances: Float64Array, total: number, random: Random): number {
  let u = random.uniform() * total;
  let i = 0;
  for (; i < chances.length - 1 && u >= (chances[i] as number); i++) u -= chances[i] as number;
  return i;
}

/** The first `size` elements of a random order (partial Fisher–Yates shuffle). */
function drawSubset(order: Uint32Array, size: number, random: Random): Uint32Array {
  for (let i = 0; i < size; i++) {
    const j = i + random.integer(order.length - i);
    const swapped = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swapped;
  }
  return order.subarray(0, size);
}
