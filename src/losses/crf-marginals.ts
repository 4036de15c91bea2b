/**
 * @module How probable stretches of a sequence are under a linear-chain CRF, on numbers: forward and backward sums, and the paths that agree with given
 * tags over the stretch.
 */
import type { CrfNumbers } from "./crf.js";

/** Elements `start` … `end` − 1. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** ln Σ exp of a few numbers. */
function logSum(values: Float64Array): number {
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  if (most === -Infinity) return most;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - most);
  return most + Math.log(sum);
}

/** ln Σ exp(score) over all beginnings (or, backwards, all rests) of a path, by the tag at each element: row-major [T, K]. */
function sums(emissions: ArrayLike<number>, { start, transitions, end }: CrfNumbers, backward: boolean): Float64Array {
  const count = start.length;
  const length = emissions.length / count;
  const table = new Float64Array(length * count);
  const terms = new Float64Array(count);
  for (let i = 0; i < length; i++) {
    const t = backward ? length - 1 - i : i;
    for (let tag = 0; tag < count; tag++) {
      const at = t * count + tag;
      if (i === 0) {
        table[at] = backward ? (end[tag] as number) : (start[tag] as number) + (emissions[at] as number);
        continue;
      }
      for (let other = 0; other < count; other++) {
        const from = (backward ? t + 1 : t - 1) * count + other;
        const move = transitions[backward ? tag * count + other : other * count + tag] as number;
        terms[other] = (table[from] as number) + move + (backward ? (emissions[from] as number) : 0);
      }
      table[at] = logSum(terms) + (backward ? 0 : (emissions[at] as number));
    }
  }
  return table;
}

/**
 * The probability that a path has the given tags at all elements of a stretch, whatever it has elsewhere.
 *
 * Shapes: emissions row-major [T, K], tags [T] → one number in 0…1 for each stretch.
 * Source: Rabiner 1989, section III.A, forward and backward variables, in logarithms.
 * Checked against: the sum over all paths, crf-marginals.test.ts.
 */
export function stretchProbabilities(
  emissions: ArrayLike<number>,
  scores: CrfNumbers,
  tags: ArrayLike<number>,
  stretches: readonly Stretch[],
): number[] {
  if (stretches.length === 0) return [];
  const count = scores.start.length;
  const forward = sums(emissions, scores, false);
  const backward = sums(emissions, scores, true);
  const ends = forward.slice(-count).map((value, tag) => value + (scores.end[tag] as number));
  const total = logSum(ends);
  return stretches.map(({ start, end }) => {
    let score = forward[start * count + (tags[start] as number)] as number;
    for (let t = start + 1; t < end; t++) {
      const [from, to] = [tags[t - 1] as number, tags[t] as number];
      score += (scores.transitions[from * count + to] as number) + (emissions[t * count + to] as number);
    }
    return Math.min(1, Math.exp(score + (backward[(end - 1) * count + (tags[end - 1] as number)] as number) - total));
  });
}
