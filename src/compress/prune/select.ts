/**
 * @module The choice of units that stay: a number of each group, or those above one threshold for all groups, in widths that the machine computes efficiently.
 */
import type { Group } from "./groups.js";
import type { Kept } from "./cut.js";

/** Options of the choice of units. */
export interface Selection {
  /** Scores are compared within each group, or, divided by the group's mean, over all groups. */
  readonly scope: "layer" | "global";
  /** Numbers of units that stay are multiples of this; widths that kernels like. */
  readonly multipleOf?: number;
  /** The same for groups that are no wider than that. Left out, they stay whole: narrower, they would be no faster. */
  readonly narrow?: number;
}

/** A group with the score of each unit. */
export interface ScoredGroup {
  readonly group: Group;
  readonly scores: Float64Array;
}

/** Unit numbers from the best score to the worst; of equal ones the first is better. */
const ranked = (scores: Float64Array): number[] =>
  Array.from(scores, (_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);

/** The nearest count that fits: a multiple, at least one of them, at most all. */
function fitting(count: number, units: number, { multipleOf = 1, narrow = multipleOf }: Selection): number {
  const step = multipleOf < units ? multipleOf : narrow;
  const rounded = Math.max(step, Math.round(count / step) * step);
  return Math.min(units, rounded);
}

/**
 * Chooses units: about `fraction` of all, by score.
 *
 * Global scores are divided by their group's mean, so that no layer goes because its weights are small as a whole (Fang et al. 2023, arXiv:2301.12900).
 */
export function selectUnits(scored: readonly ScoredGroup[], fraction: number, selection: Selection): Kept {
  const counts = selection.scope === "layer" ? scored.map(({ group }) => group.units * fraction) : globalCounts(scored, fraction);
  return new Map(
    scored.map(({ group, scores }, k) => {
      const count = fitting(counts[k] as number, group.units, selection);
      return [
        group.set,
        ranked(scores)
          .slice(0, count)
          .sort((a, b) => a - b),
      ];
    }),
  );
}

function globalCounts(scored: readonly ScoredGroup[], fraction: number): number[] {
  const relative = scored.map(({ scores }) => {
    const mean = scores.reduce((sum, v) => sum + v, 0) / Math.max(1, scores.length);
    return mean === 0 ? scores : scores.map((v) => v / Math.abs(mean));
  });
  const all = Float64Array.from(relative.flatMap((scores) => [...scores]))
    .sort()
    .reverse();
  const last = all[Math.min(all.length, Math.max(1, Math.round(all.length * fraction))) - 1] ?? -Infinity;
  return relative.map((scores) => scores.reduce((count, v) => count + (v >= last ? 1 : 0), 0));
}

/** Bisections of the share of units that stay. */
const ROUNDS = 14;

/** The widest selection whose cost is at most `most`; undefined where the narrowest costs more. */
export function selectForCost(
  scored: readonly ScoredGroup[],
  selection: Selection,
  costOf: (kept: Kept) => number,
  most: number,
): Kept | undefined {
  let [low, high] = [0, 1];
  let best: Kept | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const middle = round === 0 ? 0 : (low + high) / 2;
    const kept = selectUnits(scored, middle, selection);
    if (costOf(kept) <= most) [low, best] = [middle, kept];
    else if (round === 0) return undefined;
    else high = middle;
  }
  return best;
}
