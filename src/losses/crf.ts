/**
 * @module Linear-chain conditional random fields in the graph: the score of a path, the logarithm of the sum over all paths, and the best path. The
 * recurrences are scans: nodes of their own in use, over any length, and unrolled in training.
 */
import type { Body, Dim, Tensor } from "../graph/index.js";
import { formatShape, isInteger, sameShape, staticDim } from "../graph/index.js";
import { ones, scan, where } from "../ops/index.js";
import { DTypeError, ShapeError } from "../util/errors.js";
import { at } from "./loss.js";

/** Scores of tags beside those of each element. */
export interface CrfScores {
  /** Scores of beginning with a tag: [K]. */
  readonly start: Tensor;
  /** Scores of a tag (row) followed by another (column): [K, K]. */
  readonly transitions: Tensor;
  /** Scores of ending with a tag: [K]. */
  readonly end: Tensor;
}

/** Options of a conditional random field: which steps are real, bool [N, T]. */
export interface CrfOptions {
  /** True at elements that are not padding: [N, T]. Padding comes after the text, and each text has at least one element. */
  readonly mask?: Tensor;
}

function expectChain(
  place: string,
  emissions: Tensor,
  { start, transitions, end }: CrfScores,
  { mask }: CrfOptions,
): { readonly n: Dim; readonly length: Dim; readonly tags: number } {
  if (emissions.rank !== 3) throw new ShapeError(`${place}: expected emissions [N, T, K], got ${formatShape(emissions.shape)}`);
  const [n, length, k] = emissions.shape as [Dim, Dim, Dim];
  const tags = staticDim(k, place);
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
  return { n, length, tags };
}

/**
 * Prepares the scan: scores of tags at the first element [N, K], emissions [N, S, K], and the position of each element in its text, from 1, and 0
 * at padding, [N, S, 1]. A step at the first element changes nothing; it is left out where `differentiated` and T is more than one.
 */
function stepsOf(
  name: string,
  emissions: Tensor,
  scores: CrfScores,
  { mask }: CrfOptions,
  differentiated: boolean,
): { readonly first: Tensor; readonly scanned: readonly [Tensor, Tensor] } {
  const { n, length } = expectChain(at(name), emissions, scores, { mask });
  const counted = mask?.cast("float32") ?? ones([n, length]);
  const positions = counted.cumSum(1).mul(counted).unsqueeze(-1);
  const isCut = differentiated && typeof length === "number" && length > 1;
  const parts = (t: Tensor): readonly Tensor[] => (isCut ? t.split([1, length - 1], 1) : [t.slice(1, 0, 1), t]);
  const [head, rest] = parts(emissions) as [Tensor, Tensor];
  return { first: head.squeeze(1).add(scores.start), scanned: [rest, parts(positions)[1] as Tensor] };
}

/** Tells whether a path goes on to an element, rather than beginning there or having ended: [N, 1]. */
const goesOn = (place: Tensor): Tensor => place.greater(1);

/** ln Σ exp(score) of all beginnings of a path, by the tag [N, K] at the element. */
const sumStep: Body = (given) => {
  const [sums, transitions, emission, place] = given as [Tensor, Tensor, Tensor, Tensor];
  const next = sums.unsqueeze(2).add(transitions).logSumExp(1).add(emission);
  return [goesOn(place).where(next, sums), transitions];
};

/** The largest score of all beginnings of a path, by the tag [N, K] at the element, and the tag before it in that path. */
const bestStep: Body = (given) => {
  const [best, transitions, emission, place] = given as [Tensor, Tensor, Tensor, Tensor];
  const candidates = best.unsqueeze(2).add(transitions); // [N, K, K]
  const next = candidates.reduceMax(1).add(emission);
  return [goesOn(place).where(next, best), transitions, candidates.argMax(1).cast("int32")];
};

/** From the tag [N, 1] at an element to that before it; through padding the path stays on its last tag. */
const backStep: Body = (given) => {
  const [tag, before, place] = given as [Tensor, Tensor, Tensor];
  return [goesOn(place).where(before.gatherElements(tag, 1), tag), tag];
};

/**
 * ln Σ exp(score) over all sequences of tags: the forward algorithm.
 *
 * Shapes: emissions [N, T, K] → [N].
 * Gradient: where T is a number; a free one is bound first.
 * Source: Rabiner 1989, section III.A, in logarithms.
 */
export function crfLogPartition(emissions: Tensor, scores: CrfScores, options: CrfOptions = {}): Tensor {
  const { first, scanned } = stepsOf("crf", emissions, scores, options, true);
  const { states } = scan(sumStep, [first, scores.transitions], scanned, { axis: 1 });
  return (states[0] as Tensor).add(scores.end).logSumExp(1);
}

/**
 * The score of given sequences of tags: Σ emissions + transitions, with start and end.
 *
 * Shapes: emissions [N, T, K], tags [N, T] (int32 or int64, in 0…K − 1 where the mask is true) → [N].
 * DTypeError and ShapeError as of `crf`.
 */
export function crfScore(emissions: Tensor, tags: Tensor, scores: CrfScores, options: CrfOptions = {}): Tensor {
  const place = at("crf");
  const { n, length, tags: count } = expectChain(place, emissions, scores, options);
  if (!isInteger(tags.dtype)) throw new DTypeError(`${place}: expected integer tags, got ${tags.dtype}`);
  if (!sameShape(tags.shape, emissions.shape.slice(0, 2)))
    throw new ShapeError(`${place}: expected tags ${formatShape(emissions.shape.slice(0, 2))}, got ${formatShape(tags.shape)}`);
  const mask = options.mask?.cast(emissions.dtype); // [N, T]
  const all = tags.cast("int32");
  // What padding holds need not be a tag.
  const path = mask === undefined ? all : where(mask.greater(0), all, 0);
  const emitted = emissions.gatherElements(path.unsqueeze(-1), 2).squeeze(-1); // [N, T]
  let score = (mask === undefined ? emitted : emitted.mul(mask)).sum(1).add(scores.start.gather(path.slice(1, 0, 1).squeeze(1)));
  if (staticDim(length, `${place}: length`) > 1) {
    const pairs = path.slice(1, 0, -1).mul(count).add(path.slice(1, 1)); // [N, T − 1]
    const moves = scores.transitions.reshape([count * count]).gather(pairs);
    score = score.add((mask === undefined ? moves : moves.mul(mask.slice(1, 1))).sum(1));
  }
  const last = mask === undefined ? path.slice(1, -1) : path.gatherElements(mask.sum(1, true).sub(1).cast("int32"), 1); // [N, 1]
  return score.add(scores.end.gather(last.reshape([n])));
}

/**
 * The negative log-likelihood of the given tags, as a mean over texts.
 *
 *     ln Σ exp(score of any path) − score of the given path
 *
 * Shapes: emissions [N, T, K], tags [N, T] → scalar.
 * Gradient: with respect to emissions and all three kinds of scores.
 * Errors: ShapeError if shapes do not fit or T is free, which training binds; DTypeError for tags that are not integers.
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
 * Shapes: emissions [N, T, K] → tags [N, T], score [N].
 * Source: Viterbi 1967. Checked against: pytorch-crf 0.7.2, and all paths, crf.test.ts.
 */
export function viterbi(emissions: Tensor, scores: CrfScores, options: CrfOptions = {}): BestPath {
  const { first, scanned } = stepsOf("viterbi", emissions, scores, options, false);
  const { states, outputs } = scan(bestStep, [first, scores.transitions], scanned, { axis: 1 });
  const positions = scanned[1];
  const final = (states[0] as Tensor).add(scores.end);
  const last = final.argMax(1, true).cast("int32"); // [N, 1]
  const path = scan(backStep, [last], [outputs[0] as Tensor, positions], { axis: 1, reverse: true }).outputs[0] as Tensor; // [N, T, 1]
  return { tags: positions.greater(0).where(path, 0).squeeze(-1), score: final.reduceMax(1) };
}
