/**
 * @module DeepLIFT: differences from a reference, passed back through every node; and DeepSHAP, its mean over a background.
 */
import { onesLike } from "../../ops/index.js";
import { multipliersBy } from "../deep-lift-rules.js";
import type { GradientMethod, RowContext, Rows } from "../method.js";
import { Ledger, propagate } from "../propagation.js";
import { substitution } from "../substitution.js";
import { backgroundSamples } from "./expected-gradients.js";

/** Multipliers from the score to the features, times the differences of the features. */
function deepLiftRows({ x, baseline, score }: RowContext): Rows {
  const y = score(x);
  const at = substitution(new Map([[x, baseline]]));
  const ledger = new Ledger(Number(x.shape[0]), (t, multiplier) => t.sub(at(t)).mul(multiplier));
  const multipliers = propagate(y, onesLike(y), x, multipliersBy(at, ledger));
  return { attribution: x.sub(baseline).mul(multipliers), residuals: ledger.residuals };
}

/**
 * DeepLIFT with the rescale rule: each node passes back Δy/Δx, its change from the reference over that of its input.
 *
 * Shapes: x, baseline [N, …] → [N, …], of sum f(x) − f(baseline), but for the residuals, which are reported by op.
 * Cost:   two forward passes, one backward.
 * Source: Shrikumar et al., Learning important features through propagating activation differences, 2017, section 3.5.2, arXiv:1704.02685.
 * Differs from the source: products and quotients of two changing operands, and with them layer normalization, have exact rules of their own (Captum and
 * shap take gradients there, or refuse); a softmax inside the model is rescaled element by element.
 * Checked against: Captum 0.9, DeepLift, of networks of linear, convolution, relu, tanh and max-pool layers.
 */
export const deepLift: GradientMethod = {
  name: "deep-lift",
  kind: "gradient",
  asserts:
    "Against the baseline, the marked features changed the score by so much, each unit's change being shared out among its inputs' changes.",
  misleads:
    "Everything is relative to the baseline, and depends on how the network is built: equal functions may get different attributions.",
  source: "Shrikumar et al. 2017, arXiv:1704.02685",
  needs: ["gradients", "baseline"],
  sumsTo: "difference",
  defaults: {},
  rows: deepLiftRows,
};

/**
 * DeepLIFT's mean over a background: an estimate of Shapley values.
 *
 * Shapes: x [N, …], background [M, …] → [N, …], of sum f(x) − E f.
 * Cost:   M times that of DeepLIFT.
 * Source: Lundberg and Lee 2017, section 4.2, arXiv:1705.07874.
 * Differs from the source: as DeepLIFT.
 * Checked against: Captum 0.9, DeepLiftShap.
 */
export const deepShap: GradientMethod = {
  ...deepLift,
  name: "deep-shap",
  asserts: "Against examples of the background, the marked features changed the score by so much on average.",
  misleads: "It is DeepLIFT's answer for each example of the background: an estimate of Shapley values, not more.",
  source: "Lundberg and Lee 2017, arXiv:1705.07874, section 4.2",
  needs: ["gradients", "background"],
  samples: backgroundSamples,
};
