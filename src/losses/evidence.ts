/**
 * @module The evidence penalty: a model that is right for the right reasons looks at what was marked, and nowhere else.
 */
import { grad } from "../autodiff/index.js";
import type { Tensor } from "../graph/index.js";
import { formatShape } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";

/** Options of the penalty on what lies outside of the evidence. */
export interface EvidencePenaltyOptions {
  /**
   * Penalizes, for features [N, T, D], the gradient to the presence of each of the T vectors, Σ_d xₙₜ_d · ∂/∂xₙₜ_d, in place of those to their numbers: a
   * vector that grows while its gradient shrinks evades the latter.
   */
  readonly presence?: boolean;
}

/**
 * A penalty on how much the answer depends on features outside the marked evidence.
 *
 *     mean over examples of  Σ_d (aₙ_d · ∂/∂xₙ_d Σ_k ln softmax(logits)ₙ_k)²
 *
 * Add it to the loss, times a weight; its gradient is a gradient of gradients.
 * Shapes: logits [N, K], computed from features [N, ..]; `outside` broadcasts to the features (with `presence` it is [N, T]), 1 where a gradient is penalized
 * (outside the evidence) and 0 elsewhere. Result: scalar.
 * Errors: ShapeError for logits of another rank, NoGradientError where no gradient leads from the logits to the features.
 * Source: Ross, Hughes, Doshi-Velez, Right for the right reasons, 2017, equation 1, arXiv:1703.03717.
 * Differs from the source: a mean over examples, as losses are here, not a sum. The source counts words, and so penalizes gradients to their presence.
 * Checked against: the closed form for a linear model; difference quotients.
 */
export function evidencePenalty(
  logits: Tensor,
  features: Tensor,
  outside: Tensor,
  { presence = false }: EvidencePenaltyOptions = {},
): Tensor {
  if (logits.rank !== 2) throw new ShapeError(`evidencePenalty: expected logits [N, K], got ${formatShape(logits.shape)}`);
  const toNumbers = grad(logits.logSoftmax().sum(), features);
  const gradient = presence ? toNumbers.mul(features).sum(2) : toNumbers;
  const axes = gradient.shape.slice(1).map((_, i) => i + 1);
  return gradient.mul(outside).square().sum(axes).mean();
}
