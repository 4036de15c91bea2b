/**
 * @module Influence: how steps on a training example moved an answer.
 */
import { grad, jvp } from "../autodiff/index.js";
import type { Tensor } from "../graph/index.js";

/**
 * The direction in which parameters move an answer: ∂q/∂θ, one tensor for each.
 *
 * Shapes: answer, a scalar or values of which the sum counts.
 */
export const answerGradient = (answer: Tensor, parameters: readonly Tensor[]): Tensor[] =>
  parameters.map((parameter) => grad(answer.sum(), parameter));

/**
 * How much a small step of gradient descent on each example alone raises an answer, per unit of the learning rate.
 *
 *     −∇θ ℓ(zₙ) · ∇θ q
 *
 * It is the derivative of the losses along the answer's gradient: one pass in forward mode for a batch, and no gradient of single examples is ever made.
 * Summed over a run's checkpoints, each times its learning rate, it is TracInCP.
 * Shapes: losses [N]; `directions` as the parameters, from `answerGradient`. Result: [N].
 * Source: Pruthi et al., Estimating training data influence by tracing gradient descent, 2020, section 3.2, arXiv:2002.08484.
 * Differs from the source: it is of an answer (a log-probability, a quantity) in place of a test example's loss, so that inputs need no label.
 * Checked against: products of gradients taken one by one; steps of gradient descent (influence.test.ts).
 */
export const influence = (losses: Tensor, parameters: readonly Tensor[], directions: readonly Tensor[]): Tensor =>
  jvp(losses, parameters, directions).neg();
