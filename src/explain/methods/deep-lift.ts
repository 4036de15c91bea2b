/**
 * @module DeepLIFT: differences from a reference, passed back through every node; and DeepSHAP, its mean over a background.
 */
import type { NodeRule, RuleChoice } from "../../autodiff/index.js";
import type { Tensor } from "../../graph/index.js";
import { identity, onesLike, where } from "../../ops/index.js";
import type { GradientMethod, RowContext, Rows } from "../method.js";
import { normalizationNodes } from "../normalization-nodes.js";
import type { RuleContext } from "../propagation.js";
import { BILINEAR, dependents, isLinear, Ledger, ownGradient, ownGradientOf, propagate, UNARY } from "../propagation.js";
import { substitution } from "../substitution.js";
import { backgroundSamples } from "./expected-gradients.js";

/** Differences smaller than this have the gradient in place of a quotient, as in Captum. */
const SMALLEST = 1e-10;

/** Maps tensors to their values at the reference. */
type Reference = (t: Tensor) => Tensor;

/** Δy/Δx in place of the derivative. */
const rescale =
  (at: Reference): NodeRule =>
  (context) => {
    const x = context.inputs[0] as Tensor;
    const dx = x.sub(at(x));
    const isSmall = dx.abs().less(SMALLEST);
    const [own = null] = ownGradient(context);
    const quotient = context.y.sub(at(context.y)).div(where(isSmall, 1, dx));
    return [where(isSmall, own ?? 0, context.dy.mul(quotient))];
  };

/** Δ(a·b) = ā·Δb + b̄·Δa with the means of both points, which is exact. */
const bilinear =
  (at: Reference): NodeRule =>
  (context) =>
    ownGradientOf(context, { inputs: context.inputs.map((t) => (t === null ? null : t.add(at(t)).mul(0.5))) });

/** Δ(a/b) = Δa·mean(1/b) − ā·Δb/(b·b₀), which is exact as well. */
const quotient =
  (at: Reference): NodeRule =>
  ({ inputs, dy, needs }) => {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    const [a0, b0] = [at(a), at(b)];
    return [
      needs[0] ? dy.mul(b.reciprocal().add(b0.reciprocal()).mul(0.5)) : null,
      needs[1] ? dy.mul(a.add(a0).mul(-0.5)).div(b.mul(b0)) : null,
    ];
  };

/** The largest of each window may be another one at the reference: what both gain over the smaller of the two, shared out by Δx. */
const largest =
  (at: Reference): NodeRule =>
  (context) => {
    const x = context.inputs[0] as Tensor;
    const { y, dy } = context;
    const [x0, y0] = [at(x), at(y)];
    const top = y.max(y0);
    const [here = null] = ownGradientOf(context, { dy: dy.mul(top.sub(y0)) });
    const outputs = context.outputs.map(at);
    const [there = null] = ownGradientOf(context, { node: y0.node, inputs: [x0], outputs, y: y0, dy: dy.mul(y.sub(top)) });
    const dx = x.sub(x0);
    const isSmall = dx.abs().less(SMALLEST);
    const [own = null] = ownGradient(context);
    if (here === null || there === null || own === null) return [own];
    return [where(isSmall, own, here.add(there).div(where(isSmall, 1, dx)))];
  };

/** A normalization in ops with rules of their own. */
const spelledOut =
  (choose: RuleChoice): NodeRule =>
  (context) => {
    const x = identity(context.inputs[0] as Tensor);
    const y = normalizationNodes(context.node, x);
    return [y === undefined ? (ownGradient(context)[0] ?? null) : propagate(y, context.dy, x, choose)];
  };

function multipliersBy(at: Reference, ledger: Ledger): RuleChoice {
  const rescaled = rescale(at);
  const [both, ratio, pooled] = [bilinear(at), quotient(at), largest(at)];
  const choose: RuleChoice = (node) => {
    const rule: NodeRule = (context: RuleContext) => {
      const { op } = node;
      if (isLinear(node, context.needs)) return ownGradient(context);
      const chosen = UNARY.has(op) || op === "Softmax" ? (dependents(context) === 1 ? rescaled : ownGradient) : ruleNamed(op);
      return ledger.audited(chosen)(context);
    };
    const ruleNamed = (op: string): NodeRule => {
      if (BILINEAR.has(op)) return both;
      if (op === "Div") return ratio;
      if (op === "MaxPool" || op === "GlobalMaxPool") return pooled;
      return normalizationNodes.ops.has(op) ? spelledOut(choose) : ownGradient;
    };
    return rule;
  };
  return choose;
}

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
