/**
 * @module Losses between distributions and between directions: Kullback–Leibler divergence, cosine.
 */
import type { Tensor } from "../graph/index.js";
import { l2Norm, where } from "../ops/index.js";
import type { Reduction, ReductionOptions } from "./loss.js";
import { defineLoss, expectAlike, reduce } from "./loss.js";

/** Options of the Kullback–Leibler divergence; with `logTarget` the target is a logarithm, too. */
export interface KlDivergenceOptions extends ReductionOptions {
  /** The target holds logarithms of probabilities. */
  readonly logTarget?: boolean;
}

/**
 * The divergence of the output's distribution from the target's, over the last axis.
 *
 *     Σₖ t·(ln t − x)
 *
 * Shapes: output (logarithms of probabilities) and target [.., K] → scalar.
 * Source: Kullback and Leibler 1951. As PyTorch's `kl_div`, where a target of 0 counts as 0.
 * Differs from the source: the mean is over examples (PyTorch's "batchmean"), and `none` gives one value per example.
 * Checked against: PyTorch 2.13, 1e-6, losses.test.ts.
 */
export const klDivergence = defineLoss<KlDivergenceOptions>(
  "klDivergence",
  (output, target, { logTarget = false, reduction }) => {
    expectAlike("klDivergence", output, target);
    const given = target.cast(output.dtype);
    if (logTarget) return reduce(given.exp().mul(given.sub(output)).sum(-1), reduction);
    const logarithm = where(given.greater(0), given, 1).log();
    return reduce(given.mul(logarithm.sub(output)).sum(-1), reduction);
  },
);

/**
 * The cosine of the angle between vectors: a·b / (max(‖a‖, ε)·max(‖b‖, ε)).
 *
 * Shapes: a and b alike (or broadcasting) → the shape without `axis`.
 */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  options: { readonly axis?: number; readonly epsilon?: number } = {},
): Tensor {
  const { axis = -1, epsilon = 1e-8 } = options;
  const norms = l2Norm(a, axis).max(epsilon).mul(l2Norm(b, axis).max(epsilon));
  return a.mul(b).sum(axis).div(norms);
}

/** 1 − cos of the angle between output and target. Shapes: alike, [.., D] → scalar. */
export const cosineDistance = defineLoss<ReductionOptions>("cosineDistance", (output, target, { reduction }) => {
  expectAlike("cosineDistance", output, target);
  return reduce(cosineSimilarity(output, target.cast(output.dtype)).neg().add(1), reduction);
});

/**
 * Draws vectors together or apart: 1 − cos for like pairs, max(0, cos − margin) for unlike ones.
 *
 * Shapes: a, b [.., D]; like [..], above 0 for like pairs (bool, or ±1 as PyTorch has it). Result: scalar.
 * Checked against: PyTorch 2.13, `cosine_embedding_loss`, 1e-6, losses.test.ts.
 */
export function cosineEmbedding(
  a: Tensor,
  b: Tensor,
  like: Tensor,
  options: { readonly margin?: number; readonly reduction?: Reduction } = {},
): Tensor {
  const { margin = 0, reduction } = options;
  expectAlike("cosineEmbedding", a, b);
  const cos = cosineSimilarity(a, b);
  expectAlike("cosineEmbedding: like", cos, like);
  const isLike = like.dtype === "bool" ? like : like.greater(0);
  return reduce(where(isLike, cos.neg().add(1), cos.sub(margin).relu()), reduction);
}
