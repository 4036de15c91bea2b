/**
 * @module DeepLIFT's rules: what each node passes back of a difference from the reference.
 */
import type { NodeRule, RuleChoice } from "../autodiff/index.js";
import type { Tensor } from "../graph/index.js";
import { identity, where } from "../ops/index.js";
import { normalizationNodes } from "./normalization-nodes.js";
import type { Ledger, RuleContext } from "./propagation.js";
import { BILINEAR, dependents, isLinear, ownGradient, ownGradientOf, propagate, UNARY } from "./propagation.js";

/** Differences smaller than this have the gradient in place of a quotient, as in Captum. */
const SMALLEST = 1e-10;

/** Maps tensors to their values at the reference. */
export type Reference = (t: Tensor) => Tensor;

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

/** The rule of each node. */
export function multipliersBy(at: Reference, ledger: Ledger): RuleChoice {
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
