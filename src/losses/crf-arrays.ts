/**
 * @module Linear-chain conditional random fields on plain arrays: the best path of one text, and how probable spans of it are: forward and backward sums,
 * and the paths that agree with given tags over the span.
 */
import { ShapeError } from "../util/errors.js";

/** Scores of tags beside those of each element, as plain arrays: those of `CrfScores`, row-major. */
export interface CrfArrays {
  readonly start: ArrayLike<number>;
  readonly transitions: ArrayLike<number>;
  readonly end: ArrayLike<number>;
}

/**
 * The best path of one text, as `viterbi` has it of a batch in the graph, for emissions that were put together outside: row-major [T, K].
 *
 * Errors: ShapeError if emissions are not whole rows of K. Source: Viterbi 1967.
 */
export function viterbiPath(emissions: ArrayLike<number>, scores: CrfArrays): { tags: Int32Array; score: number } {
  const count = scores.start.length;
  if (emissions.length === 0 || emissions.length % count !== 0)
    throw new ShapeError(`viterbiPath: expected rows of ${count} emissions, got ${emissions.length} numbers`);
  const length = emissions.length / count;
  const pointers = new Int32Array(length * count);
  let best = Float64Array.from({ length: count }, (_, k) => (emissions[k] as number) + (scores.start[k] as number));
  for (let t = 1; t < length; t++) {
    const next = new Float64Array(count).fill(-Infinity);
    for (let to = 0; to < count; to++) {
      for (let tag = 0; tag < count; tag++) {
        const score = (best[tag] as number) + (scores.transitions[tag * count + to] as number);
        if (score <= (next[to] as number)) continue;
        next[to] = score;
        pointers[t * count + to] = tag;
      }
      next[to] = (next[to] as number) + (emissions[t * count + to] as number);
    }
    best = next;
  }
  let last = 0;
  const total = best.map((score, k) => score + (scores.end[k] as number));
  for (let k = 1; k < count; k++) if ((total[k] as number) > (total[last] as number)) last = k;
  const tags = new Int32Array(length);
  for (let t = length - 1, tag = last; t >= 0; t--) {
    tags[t] = tag;
    tag = pointers[t * count + tag] as number;
  }
  return { tags, score: total[last] as number };
}

/** Elements `start` … `end` − 1. */
export interface Span {
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
function sums(emissions: ArrayLike<number>, { start, transitions, end }: CrfArrays, backward: boolean): Float64Array {
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
 * The probability that a path has the given tags at all elements of a span, whatever it has elsewhere.
 *
 * Shapes: emissions row-major [T, K], tags [T] → one number in 0…1 for each span.
 * Source: Rabiner 1989, section III.A, forward and backward variables, in logarithms.
 * Checked against: the sum over all paths, crf-arrays.test.ts.
 */
export function spanProbabilities(
  emissions: ArrayLike<number>,
  scores: CrfArrays,
  tags: ArrayLike<number>,
  spans: readonly Span[],
): number[] {
  if (spans.length === 0) return [];
  const count = scores.start.length;
  const forward = sums(emissions, scores, false);
  const backward = sums(emissions, scores, true);
  const ends = forward.slice(-count).map((value, tag) => value + (scores.end[tag] as number));
  const total = logSum(ends);
  return spans.map(({ start, end }) => {
    let score = forward[start * count + (tags[start] as number)] as number;
    for (let t = start + 1; t < end; t++) {
      const [from, to] = [tags[t - 1] as number, tags[t] as number];
      score += (scores.transitions[from * count + to] as number) + (emissions[t * count + to] as number);
    }
    return Math.min(1, Math.exp(score + (backward[(end - 1) * count + (tags[end - 1] as number)] as number) - total));
  });
}
