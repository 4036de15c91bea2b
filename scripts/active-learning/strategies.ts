/**
 * @module Strategies of active learning: items by what a model is unsure of, what would change it most, and what is unlike the rest.
 */
import type { Matrix } from "../../src/classical/matrix.js";
import type { Random } from "../../src/util/random.js";
import { chooseDiverse, dot, uncertainty } from "../../src/label/active-learning.js";

/** Strategies by name. */
export const STRATEGIES = [
  "random",
  "uncertainty",
  "uncertainty-diversity",
  "expected-change",
  "gradient-diversity",
  "k-center",
] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** A pool to choose from: features of length 1, the candidates' rows, and their probabilities [candidates, K] by the model so far. */
export interface Pool {
  readonly x: Matrix;
  readonly candidates: readonly number[];
  readonly probabilities: Float64Array;
  readonly classes: number;
  /** Rows that are labelled already. */
  readonly labelled: readonly number[];
  readonly random: Random;
}

const row = ({ probabilities, classes }: Pool, i: number): Float64Array => probabilities.subarray(i * classes, (i + 1) * classes);

/**
 * The expected length of the loss's gradient with respect to a linear head, over the classes that the item may have:
 *
 *     Σₖ pₖ · |p − eₖ| · |x|     (|x| = 1)
 *
 * Source: Settles, Craven, Ray 2008, Multiple-Instance Active Learning (expected gradient length).
 */
export function expectedChange(p: ArrayLike<number>): number {
  let squares = 0;
  for (let k = 0; k < p.length; k++) squares += (p[k] as number) ** 2;
  let sum = 0;
  for (let k = 0; k < p.length; k++) sum += (p[k] as number) * Math.sqrt(Math.max(0, squares - 2 * (p[k] as number) + 1));
  return sum;
}

/** The rows of the greatest worth, ties by row. */
function top(candidates: readonly number[], worth: Float64Array, count: number): number[] {
  return Array.from(candidates.keys())
    .sort((a, b) => (worth[b] as number) - (worth[a] as number) || (candidates[a] as number) - (candidates[b] as number))
    .slice(0, count)
    .map((i) => candidates[i] as number);
}

/**
 * Chooses rows far from those labelled and from each other: each next one is the furthest from its nearest (k-center, greedily).
 *
 * Source: Sener and Savarese 2018, Active Learning for Convolutional Neural Networks: A Core-Set Approach, algorithm 1.
 */
export function kCenter({ x, candidates, labelled }: Pick<Pool, "x" | "candidates" | "labelled">, count: number): number[] {
  const nearest = new Float64Array(candidates.length).fill(-1);
  const near = (center: number): void => {
    for (const [i, candidate] of candidates.entries()) nearest[i] = Math.max(nearest[i] as number, dot(x, center, candidate));
  };
  for (const center of labelled) near(center);
  const chosen: number[] = [];
  while (chosen.length < Math.min(count, candidates.length)) {
    let best = 0;
    for (let i = 1; i < candidates.length; i++) if ((nearest[i] as number) < (nearest[best] as number)) best = i;
    chosen.push(candidates[best] as number);
    nearest[best] = Infinity;
    near(candidates[best] as number);
  }
  return chosen;
}

/**
 * Chooses rows whose gradients, if their likeliest class were true, are long and unlike each other: k-means++ seeding on g = (p − eₖ) ⊗ x, whose products are
 * those of p − eₖ times those of x.
 *
 * Source: Ash et al. 2020, Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds (BADGE), arXiv:1906.03671.
 */
export function gradientDiversity(pool: Pool, count: number): number[] {
  const { x, candidates, classes, random } = pool;
  const errors = candidates.map((_, i) => {
    const own = Float64Array.from(row(pool, i));
    let best = 0;
    for (let k = 1; k < classes; k++) if ((own[k] as number) > (own[best] as number)) best = k;
    own[best] = (own[best] as number) - 1;
    return own;
  });
  const product = (a: number, b: number): number => {
    const [p, q] = [errors[a] as Float64Array, errors[b] as Float64Array];
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += (p[k] as number) * (q[k] as number);
    return sum === 0 ? 0 : sum * dot(x, candidates[a] as number, candidates[b] as number);
  };
  const norms = Float64Array.from(candidates, (_, i) => product(i, i));
  // Squared distances to the nearest that is chosen; at first those to 0.
  const distances = Float64Array.from(norms);
  const chosen: number[] = [];
  while (chosen.length < Math.min(count, candidates.length)) {
    const total = distances.reduce((a, b) => a + b, 0);
    let next = distances.findIndex((d) => d > 0);
    if (total > 0) {
      let left = random.uniform(0, total);
      for (let i = 0; i < distances.length && left >= 0; i++) {
        left -= distances[i] as number;
        if ((distances[i] as number) > 0) next = i;
      }
    } else next = candidates.findIndex((candidate) => !chosen.includes(candidate));
    chosen.push(candidates[next] as number);
    for (const i of distances.keys())
      distances[i] = Math.min(
        distances[i] as number,
        Math.max(0, (norms[i] as number) + (norms[next] as number) - 2 * product(i, next)),
      );
    distances[next] = 0;
  }
  return chosen;
}

/** Chooses the rows of the next batch. */
export function chooseBatch(strategy: Strategy, pool: Pool, count: number): number[] {
  const { x, candidates, random } = pool;
  const scored = (score: (p: Float64Array) => number): Float64Array =>
    Float64Array.from(candidates, (_, i) => score(row(pool, i)));
  switch (strategy) {
    case "random":
      return Array.from(random.permutation(candidates.length).subarray(0, count), (i) => candidates[i] as number);
    case "uncertainty":
      return top(
        candidates,
        scored((p) => uncertainty(p, false)),
        count,
      );
    case "uncertainty-diversity":
      return chooseDiverse(
        x,
        candidates,
        scored((p) => uncertainty(p, false)),
        count,
      );
    case "expected-change":
      return top(candidates, scored(expectedChange), count);
    case "gradient-diversity":
      return gradientDiversity(pool, count);
    case "k-center":
      return kCenter(pool, count);
  }
}
