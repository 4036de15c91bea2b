/**
 * @module Relevance through a layer with weights: the ε, γ, αβ, z⁺ and box rules, as sums over copies of the layer with changed inputs and weights.
 */
import { vjpOf } from "../autodiff/index.js";
import type { Node, Tensor } from "../graph/index.js";
import { emit, opOf, where } from "../ops/index.js";
import { range } from "../util/range.js";
import type { Settings } from "./method.js";
import type { RuleContext } from "./propagation.js";

/** A layer z(x, w, b), linear in x and w. */
export interface Weights {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly b: Tensor | null;
  /** The layer on other tensors; b may be left out. */
  readonly apply: (x: Tensor, w: Tensor, b: Tensor | null) => Tensor;
}

/** R/(z + ε·sign z), where the sign of 0 is +. */
export const ratio = (relevance: Tensor, z: Tensor, epsilon: number): Tensor =>
  relevance.div(where(z.less(0), z.sub(epsilon), z.add(epsilon)));

/** The weights of a layer's node, whose one dependent operand is x; a batch normalization behind it is merged into them. */
export function weightsOf({ node, inputs, needs }: RuleContext, norm: Node | undefined): Weights {
  const place = needs.indexOf(true);
  const other = place === 0 ? 1 : 0;
  const apply = (x: Tensor, w: Tensor, b: Tensor | null): Tensor => {
    const operands = place === 0 ? [x, w] : [w, x];
    return emit(opOf(node), inputs.length > 2 || b !== null ? [...operands, b] : operands, node.attributes)[0] as Tensor;
  };
  const layer = { x: inputs[place] as Tensor, w: inputs[other] as Tensor, b: inputs[2] ?? null, apply };
  return norm === undefined || node.op !== "Conv" ? layer : mergedWith(layer, norm);
}

/** w·s/√(v + ε) and (b − μ)·s/√(v + ε) + β, of a convolution's output channels. */
function mergedWith(layer: Weights, norm: Node): Weights {
  const [, scale, shift, mean, variance] = norm.inputs as readonly Tensor[] as readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
  const factor = scale.div(variance.add(norm.attributes["epsilon"] as number).sqrt());
  const centered = layer.b === null ? mean.neg() : layer.b.sub(mean);
  const w = layer.w.mul(factor.reshape([factor.shape[0] ?? 1, ...range(1, layer.w.rank).map(() => 1)]));
  return { ...layer, w, b: centered.mul(factor).add(shift) };
}

const positive = (t: Tensor): Tensor => t.max(0);
const negative = (t: Tensor): Tensor => t.min(0);

/** One copy of the layer: its input, its output, and what it passes back of something that arrives at the output. */
interface Copy {
  readonly x: Tensor;
  readonly z: Tensor;
}

const copy = ({ apply }: Weights, x: Tensor, w: Tensor, b: Tensor | null): Copy => ({ x, z: apply(x, w, b) });

/** Σ x ⊙ ∂z/∂x · s over copies. */
function passedBack(copies: readonly Copy[], s: Tensor): Tensor {
  const parts = copies.map(({ x, z }) => x.mul(vjpOf([z], [s], [x])[0] as Tensor));
  return parts.reduce((a, b) => a.add(b));
}

const total = (copies: readonly Copy[]): Tensor => copies.map(({ z }) => z).reduce((a, b) => a.add(b));

/** Copies with positive contributions, x⁺w⁺ and x⁻w⁻, or with negative ones; the bias of the same sign goes with the first. */
function signedCopies(layer: Weights, isPositive: boolean, modify: (t: Tensor, isPositive: boolean) => Tensor): readonly Copy[] {
  const { x, w, b } = layer;
  return [
    copy(layer, positive(x), modify(w, isPositive), b === null ? null : modify(b, isPositive)),
    copy(layer, negative(x), modify(w, !isPositive), null),
  ];
}

const clamped = (t: Tensor, isPositive: boolean): Tensor => (isPositive ? positive(t) : negative(t));

function epsilonRelevance(layer: Weights, relevance: Tensor, epsilon: number): Tensor {
  const whole = copy(layer, layer.x, layer.w, layer.b);
  return passedBack([whole], ratio(relevance, whole.z, epsilon));
}

/** α·(share of positive contributions) − (α − 1)·(share of negative ones). */
function alphaBetaRelevance(layer: Weights, relevance: Tensor, alpha: number, epsilon: number): Tensor {
  const raising = signedCopies(layer, true, clamped);
  const first = passedBack(raising, ratio(relevance, total(raising), epsilon)).mul(alpha);
  if (alpha === 1) return first;
  const lowering = signedCopies(layer, false, clamped);
  return first.sub(passedBack(lowering, ratio(relevance, total(lowering), epsilon)).mul(alpha - 1));
}

/** Contributions of the output's sign count (1 + γ)-fold. Andéol et al. 2021, the rule for inputs of both signs. */
function gammaRelevance(layer: Weights, relevance: Tensor, gamma: number, epsilon: number): Tensor {
  const favoured = (t: Tensor, isPositive: boolean): Tensor => t.add(clamped(t, isPositive).mul(gamma));
  const z = layer.apply(layer.x, layer.w, layer.b);
  const [raising, lowering] = [signedCopies(layer, true, favoured), signedCopies(layer, false, favoured)];
  const zero = relevance.mul(0);
  const up = passedBack(raising, where(z.greater(0), ratio(relevance, total(raising), epsilon), zero));
  return up.add(passedBack(lowering, where(z.less(0), ratio(relevance, total(lowering), epsilon), zero)));
}

/** For inputs between a lowest and a highest value, each example's own: z = w·x − w⁺·low − w⁻·high. */
function boxRelevance(layer: Weights, relevance: Tensor, epsilon: number): Tensor {
  const { x, w, b } = layer;
  const axes = range(1, x.rank);
  const [low, high] = [x.reduceMin(axes, true).expand(x.shape), x.reduceMax(axes, true).expand(x.shape)];
  const whole = copy(layer, x, w, b);
  const below = [copy(layer, low, positive(w), b && positive(b)), copy(layer, high, negative(w), b && negative(b))];
  const s = ratio(relevance, whole.z.sub(total(below)), epsilon);
  return passedBack([whole], s).sub(passedBack(below, s));
}

/** The relevance that a layer passes back of what arrives, by the rule that the settings say for it. */
export function weightRules(
  { relevance: rule, epsilon, gamma, alpha }: Settings,
  layer: Weights,
  isConvolution: boolean,
  isFirst: boolean,
): (relevance: Tensor) => Tensor {
  return (relevance) => {
    if (rule === "epsilon" || (rule.startsWith("epsilon-") && !isConvolution)) return epsilonRelevance(layer, relevance, epsilon);
    if (rule === "gamma") return gammaRelevance(layer, relevance, gamma, epsilon);
    if (rule === "alpha-beta") return alphaBetaRelevance(layer, relevance, alpha, epsilon);
    if (rule === "epsilon-gamma-box") {
      return isFirst ? boxRelevance(layer, relevance, epsilon) : gammaRelevance(layer, relevance, gamma, epsilon);
    }
    return alphaBetaRelevance(layer, relevance, 1, epsilon);
  };
}
