/**
 * @module Known truth: how well an attribution finds evidence that was planted, and how well a measure of faithfulness ranks methods by it.
 */
import { spearman } from "./measure.js";

/** How well one attribution finds the evidence. */
export interface Found {
  /** 1 where the unit with the highest value is evidence, 0 where it is not; of several that share it, the share that is. */
  readonly first: number;
  /** The evidence's share of the attributions' sizes. */
  readonly mass: number;
}

/** Tells if the evidence comes first in an attribution: values [U] of units, `evidence` [U] 1 for a unit that is evidence. */
export function foundEvidence(values: ArrayLike<number>, evidence: ArrayLike<number>): Found {
  let highest = -Infinity;
  let [inside, total] = [0, 0];
  for (let u = 0; u < values.length; u++) {
    const size = Math.abs(values[u] as number);
    total += size;
    if (evidence[u] === 1) inside += size;
    highest = Math.max(highest, size);
  }
  let [tied, hit] = [0, 0];
  for (let u = 0; u < values.length; u++) {
    if (Math.abs(values[u] as number) !== highest) continue;
    tied++;
    hit += evidence[u] === 1 ? 1 : 0;
  }
  // An attribution of nothing found nothing.
  return total === 0 ? { first: 0, mass: 0 } : { first: hit / tied, mass: inside / total };
}

/** A measure's agreement from here on is shown as evidence. */
export const LEAST_AGREEMENT = 0.5;

/** How far a measure's ranking of methods agrees with the truth's, from −1 to 1: Spearman's correlation, `scores` turned so that more is better. */
export const agreementOf = (truth: readonly number[], scores: readonly number[], better: "low" | "high"): number =>
  spearman(
    truth,
    scores.map((score) => (better === "high" ? score : -score)),
  );

/** How far rankings of the same methods agree with each other: the mean correlation over all pairs; 1 of a single one. */
export function reproducibility(rankings: readonly (readonly number[])[]): number {
  const pairs = rankings.flatMap((a, i) => rankings.slice(0, i).map((b) => spearman(a, b)));
  return pairs.length === 0 ? 1 : pairs.reduce((sum, r) => sum + r, 0) / pairs.length;
}
