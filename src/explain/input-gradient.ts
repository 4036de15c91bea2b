/**
 * @module Input × gradient: what each input element adds to an output, to first order.
 */
import { grad } from "../autodiff/index.js";
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers, staticDim } from "../graph/index.js";

/**
 * Attributions x ⊙ ∂f(x)/∂x of one scalar per example.
 *
 * Shapes: x [N, …]; scores [N], each of which depends on its own example only → [N, …].
 * Errors: those of `grad`.
 * Cost:   one forward and one backward pass.
 * Source: Shrikumar et al. 2016, arXiv:1605.01713, section 2.
 * Differs from the source: no. It is complete (sums to f(x)) only where f is linear and without bias.
 */
export function inputTimesGradient(scores: Tensor, x: Tensor): Tensor {
  return x.mul(grad(scores.sum(), x));
}

/** The score that an explanation is about: of each row of logits [N, K], the one of its target class [N]. */
export function targetScores(logits: Tensor, target: Tensor): Tensor {
  const classes = staticDim(logits.shape[1], "targetScores");
  const range = constant(
    fromNumbers(
      "int32",
      [classes],
      Int32Array.from({ length: classes }, (_, k) => k),
    ),
  );
  return logits.mul(target.cast("int32").unsqueeze(1).equal(range).cast(logits.dtype)).sum(1);
}
