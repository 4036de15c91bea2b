/**
 * @module Linear-chain conditional random fields in the graph: the score of a path, the logarithm of the sum over all paths, and the best path. The
 * recurrences are unrolled over a known length.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, formatShape, fromNumbers, isInteger, sameShape, staticDim } from "../graph/index.js";
import { concat, split, where } from "../ops/index.js";
import { DTypeError, ShapeError } from "../util/errors.js";
import { at } from "./loss.js";

/** Scores of tags beside those of each element. */
export interface CrfScores {
  /** Of beginning with a tag: [K]. */
  readonly start: Tensor;
  /** Of a tag (row) followed by another (column): [K, K]. */
  readonly transitions: Tensor;
  /** Of ending with a tag: [K]. */
  readonly end: Tensor;
}

export interface CrfOptions {
  /** True at elements that are no padding: [N, T]. Padding comes after the text, and each text has at least one element. */
  readonly mask?: Tensor;
}

interface Chain {
  /** Emissions of each element: [N, K]. */
  readonly steps: readonly Tensor[];
  /** True where the element counts, for each but the first: [N, 1]; none without a mask. */
  readonly kept: readonly (Tensor | undefined)[];
  readonly n: Dim;
  readonly tags: number;
}

function chainOf(name: string, emissions: Tensor, { start, transitions, end }: CrfScores, { mask }: CrfOptions): Chain {
  const place = at(name);
  if (emissions.rank !== 3) throw new ShapeError(`${place}: expected emissions [N, T, K], got ${formatShape(emissions.shape)}`);
  const [n, length, k] = emissions.shape as [Dim, Dim, Dim];
  const tags = staticDim(k, place);
  const steps = staticDim(length, `${place}: length`);
  for (const [what, t, shape] of [
    ["start", start, [tags]],
    ["transitions", transitions, [tags, tags]],
    ["end", end, [tags]],
  ] as const) {
    if (!sameShape(t.shape, shape))
      throw new ShapeError(`${place}: ${what}: expected ${formatShape(shape)}, got ${formatShape(t.shape)}`);
  }
  if (mask !== undefined && !sameShape(mask.shape, [n, length]))
    throw new ShapeError(`${place}: expected a mask ${formatShape([n, length])}, got ${formatShape(mask.shape)}`);
  const ones = new Array<number>(steps).fill(1);
  // WebGPU splits numbers, not truth values.
  const kept = mask === undefined ? [] : split(mask.cast(emissions.dtype), ones, 1).map((m) => m.greater(0));
  return { steps: split(emissions, ones, 1).map((e) => e.squeeze(1)), kept: ones.map((_, t) => kept[t]), n, tags };
}

/**
 * ln Σ exp(score) over all sequences of tags: the forward algorithm.
 *
 * Shapes: emissions [N, T, K] → [N]. T is a number: bind it first.
 * Source: Rabiner 1989, section III.A, in logarithms.
 */
export function crfLogPartition(emissions: Tensor, scores: CrfScores, options: CrfOptions = {}): Tensor {
  const { steps, kept } = chainOf("crf", emissions, scores, options);
  let alpha = (steps[0] as Tensor).add(scores.start); // [N, K]
  for (const [t, emission] of steps.entries()) {
    if (t === 0) continue;
    const next = alpha.unsqueeze(2).add(scores.transitions).logSumExp(1).add(emission);
    alpha = kept[t]?.where(next, alpha) ?? next;
  }
  return alpha.add(scores.end).logSumExp(1);
}

/**
 * The score of given sequences of tags: Σ emissions + transitions, with start and end.
 *
 * Shapes: emissions [N, T, K], tags [N, T] (int32 or int64, in 0…K − 1 where the mask is true) → [N].
 */
export function crfScore(emissions: Tensor, tags: Tensor, scores: CrfScores, options: CrfOptions = {}): Tensor {
  const { n, tags: count } = chainOf("crf", emissions, scores, options);
  const place = at("crf");
  if (!isInteger(tags.dtype)) throw new DTypeError(`${place}: expected integer tags, got ${tags.dtype}`);
  if (!sameShape(tags.shape, emissions.shape.slice(0, 2)))
    throw new ShapeError(`${place}: expected tags ${formatShape(emissions.shape.slice(0, 2))}, got ${formatShape(tags.shape)}`);
  const length = emissions.shape[1] as number;
  const mask = options.mask?.cast(emissions.dtype); // [N, T]
  const all = tags.cast("int32");
  // What padding holds need not be a tag.
  const path = mask === undefined ? all : where(mask.greater(0), all, 0);
  const emitted = emissions.gatherElements(path.unsqueeze(-1), 2).squeeze(-1); // [N, T]
  let score = (mask === undefined ? emitted : emitted.mul(mask)).sum(1).add(scores.start.gather(path.slice(1, 0, 1).squeeze(1)));
  if (length > 1) {
    const pairs = path.slice(1, 0, -1).mul(count).add(path.slice(1, 1)); // [N, T − 1]
    const moves = scores.transitions.reshape([count * count]).gather(pairs);
    score = score.add((mask === undefined ? moves : moves.mul(mask.slice(1, 1))).sum(1));
  }
  const last = mask === undefined ? path.slice(1, -1) : path.gatherElements(mask.sum(1, true).sub(1).cast("int32"), 1); // [N, 1]
  return score.add(scores.end.gather(last.reshape([n])));
}

/**
 * How unlikely the given tags are, as a mean over texts.
 *
 *     ln Σ exp(score of any path) − score of the given path
 *
 * Shapes: emissions [N, T, K], tags [N, T] → scalar.
 * Gradient: with respect to emissions and all three kinds of scores.
 * Errors: ShapeError if shapes do not fit or T is free; DTypeError for tags that are no integers.
 * Source: Lafferty, McCallum and Pereira 2001.
 * Differs from pytorch-crf: the batch comes first, and the mean is over texts (there `reduction="mean"` of the negative).
 * Checked against: pytorch-crf 0.7.2, values and gradients, and the sum over all paths in float64, crf.test.ts.
 */
export const crfNegativeLogLikelihood = (emissions: Tensor, tags: Tensor, scores: CrfScores, options: CrfOptions = {}): Tensor =>
  crfLogPartition(emissions, scores, options)
    .sub(crfScore(emissions, tags, scores, options))
    .mean();

/** The best sequence of tags of each text, and its score. */
export interface BestPath {
  /** int32 [N, T]; 0 at padding. */
  readonly tags: Tensor;
  /** [N] */
  readonly score: Tensor;
}

/**
 * The sequence of tags with the largest score. Of equal ones, that with the smaller last differing tag.
 *
 * Shapes: emissions [N, T, K] → tags [N, T], score [N]. T is a number: bind it first, or use `viterbiPath` on numbers.
 * Source: Viterbi 1967. Checked against: pytorch-crf 0.7.2, and all paths, crf.test.ts.
 */
export function viterbi(emissions: Tensor, scores: CrfScores, options: CrfOptions = {}): BestPath {
  const { steps, kept, n, tags: count } = chainOf("viterbi", emissions, scores, options);
  const stay = constant(
    fromNumbers(
      "int32",
      [1, count],
      Array.from({ length: count }, (_, i) => i),
    ),
  );
  let best = (steps[0] as Tensor).add(scores.start); // [N, K]
  const from: Tensor[] = [];
  for (const [t, emission] of steps.entries()) {
    if (t === 0) continue;
    const candidates = best.unsqueeze(2).add(scores.transitions); // [N, K, K]
    const next = candidates.reduceMax(1).add(emission);
    const pointers = candidates.argMax(1).cast("int32"); // [N, K]
    const on = kept[t];
    best = on?.where(next, best) ?? next;
    // Through padding the path stays on its last tag.
    from.push(on?.where(pointers, stay) ?? pointers);
  }
  const final = best.add(scores.end);
  let tag = final.argMax(1).cast("int32").reshape([n, 1]);
  const path = [tag];
  for (const pointers of from.reverse()) {
    tag = pointers.gatherElements(tag, 1);
    path.unshift(tag);
  }
  const tags = concat(path, 1);
  const { mask } = options;
  return { tags: mask === undefined ? tags : where(mask.cast("float32").greater(0), tags, 0), score: final.reduceMax(1) };
}

/** Numbers of a CRF for `viterbiPath`. */
export interface CrfNumbers {
  readonly start: ArrayLike<number>;
  readonly transitions: ArrayLike<number>;
  readonly end: ArrayLike<number>;
}

/**
 * The same on numbers, for one text of any length: emissions row-major [T, K].
 *
 * Errors: ShapeError if emissions are not whole rows of K.
 */
export function viterbiPath(emissions: ArrayLike<number>, scores: CrfNumbers): { tags: Int32Array; score: number } {
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
