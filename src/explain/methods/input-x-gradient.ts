/**
 * @module Input × gradient: what each input element adds to an output, to first order.
 */
import { grad } from "../../autodiff/index.js";
import type { Tensor } from "../../graph/index.js";
import type { GradientMethod } from "../method.js";

/**
 * Attributions x ⊙ ∂f(x)/∂x of one scalar per example.
 *
 * Shapes: x [N, …]; scores [N], each of which depends on its own example only → [N, …].
 * Errors: those of `grad`.
 * Cost:   one forward and one backward pass.
 * Source: Shrikumar et al. 2016, arXiv:1605.01713, section 2.
 * Differs from the source: no. It is complete (sums to f(x)) only where f is linear and without bias.
 * Checked against: Captum 0.9, InputXGradient.
 */
export function inputTimesGradient(scores: Tensor, x: Tensor): Tensor {
  return x.mul(grad(scores.sum(), x));
}

export const inputXGradient: GradientMethod = {
  name: "input-x-gradient",
  kind: "gradient",
  asserts: "The marked features, as large as they are, add to the score to first order.",
  misleads: "A feature that is 0 gets nothing, even where its being 0 decides; only linear models sum to the score.",
  source: "Shrikumar et al. 2016, arXiv:1605.01713, section 2",
  needs: ["gradients"],
  defaults: {},
  rows: ({ x, score }) => ({ attribution: inputTimesGradient(score(x), x) }),
};
