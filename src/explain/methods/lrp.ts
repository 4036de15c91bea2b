/**
 * @module Layer-wise relevance propagation: the score is passed back node by node, by rules that conserve its sum.
 */
import type { NodeRule, RuleChoice } from "../../autodiff/index.js";
import type { Node, Tensor } from "../../graph/index.js";
import type { GradientMethod, RowContext, Rows } from "../method.js";
import { nodesBetween } from "../layers.js";
import type { RuleContext } from "../propagation.js";
import { dependents, Ledger, MOVING, ownGradient, ownGradientOf, propagate, UNARY } from "../propagation.js";
import { ratio, type Weights, weightRules, weightsOf } from "../relevance.js";

const NORMALIZATIONS: ReadonlySet<string> = new Set(
  "LayerNormalization RMSNormalization SimplifiedLayerNormalization GroupNormalization InstanceNormalization".split(" "),
);
const CHOOSING: ReadonlySet<string> = new Set("MaxPool GlobalMaxPool ReduceMax ReduceMin Max Min Where TopK".split(" "));
const WEIGHTED: ReadonlySet<string> = new Set("Conv ConvTranspose Gemm MatMul FusedMatMul".split(" "));

/** The first dependent operand gets everything. */
const passOn: NodeRule = ({ needs, dy }) => needs.map((needed) => (needed ? dy : null));

/** Each operand gets its share of the sum: x ⊙ ∂y/∂x · R/(y + ε), over `parts`. */
const epsilonRule =
  (epsilon: number, parts = 1): NodeRule =>
  (context) => {
    const passed = ownGradientOf(context, { dy: ratio(context.dy, context.y, epsilon).mul(1 / parts) });
    return passed.map((dx, i) => (dx === null || !context.needs[i] ? null : dx.mul(context.inputs[i] as Tensor)));
  };

/** x ⊙ (R − s·Σ R): the first-order expansion of a softmax s. AttnLRP, equation 13. */
const softmaxRule: NodeRule = ({ node, inputs, y, dy }) => {
  const axis = node.attributes["axis"] as number;
  return [(inputs[0] as Tensor).mul(dy.sub(y.mul(dy.sum([axis], true))))];
};

/** Keeps quotients finite where a rule has no ε of its own. */
const STABILIZER = 1e-6;

function unweightedRule(context: RuleContext): NodeRule {
  const { op } = context.node;
  const both = dependents(context) > 1;
  if (MOVING.has(op) || CHOOSING.has(op)) return ownGradient;
  if (UNARY.has(op) || NORMALIZATIONS.has(op))
    return ({ needs, dy }) => needs.map((needed, i) => (needed && i === 0 ? dy : null));
  if (op === "Softmax") return softmaxRule;
  // Products share alike: AttnLRP, equation 14.
  if (op === "Mul") return both ? ({ dy }) => [dy.mul(0.5), dy.mul(0.5)] : passOn;
  if (op === "Div") return ({ needs, dy }) => [needs[0] ? dy : null, null];
  return epsilonRule(STABILIZER, WEIGHTED.has(op) || op === "Einsum" ? dependents(context) : 1);
}

/** Normalizations of a batch that follow a layer with weights alone are one layer with it. */
function mergedNorms(between: readonly Node[]): ReadonlyMap<Node, Node> {
  const users = new Map<Node, Node[]>();
  for (const node of between)
    for (const t of node.inputs) if (t !== null) users.set(t.node, [...(users.get(t.node) ?? []), node]);
  const layers = between.filter((node) => WEIGHTED.has(node.op));
  return new Map(
    layers.flatMap((node): [Node, Node][] => {
      const [next, ...others] = users.get(node) ?? [];
      return next?.op === "BatchNormalization" && others.length === 0 ? [[node, next]] : [];
    }),
  );
}

function relevanceRules(context: RowContext, y: Tensor, ledger: Ledger): RuleChoice {
  const { settings, x } = context;
  const between = nodesBetween(y, x);
  const norms = mergedNorms(between);
  const merged = new Set(norms.values());
  const first = between.find((node) => WEIGHTED.has(node.op));
  return () => (given) => {
    const { node } = given;
    if (merged.has(node)) return passOn(given);
    // Where only the summand of a Gemm depends on the input, as in the first step of a recurrence, there is nothing to weigh.
    const isLayer = WEIGHTED.has(node.op) && dependents(given) === 1 && given.needs[2] !== true;
    const rule = isLayer ? weighted(weightsOf(given, norms.get(node)), node === first) : unweightedRule(given);
    return MOVING.has(node.op) ? rule(given) : ledger.audited(rule)(given);
  };

  function weighted(weights: Weights, isFirst: boolean): NodeRule {
    return (given) => {
      const relevance = weightRules(settings, weights, given.node.op === "Conv", isFirst)(given.dy);
      return given.needs.map((needed) => (needed ? relevance : null));
    };
  }
}

function lrpRows(context: RowContext): Rows {
  const y = context.score(context.x);
  const ledger = new Ledger(Number(context.x.shape[0]), (_, relevance) => relevance);
  const attribution = propagate(y, y, context.x, relevanceRules(context, y, ledger));
  return { attribution, residuals: ledger.residuals };
}

/**
 * Relevance R, from R = f(x) at the score: a layer z = w·x + b passes back x ⊙ wᵀ(R/(z + ε)), or what its rule says.
 *
 * `relevance` is one rule for all layers with weights (`epsilon`, `gamma`, `alpha-beta`, `z-plus`) or a composite for CNNs: `epsilon-plus` (z⁺ in
 * convolutions, ε elsewhere), `epsilon-gamma-box` (the box rule within the example's lowest and highest value in the first, γ in the other convolutions, ε
 * elsewhere). In transformers: softmax by its expansion, products of two operands share alike, normalizations pass on (AttnLRP).
 * Shapes: x [N, …] → [N, …], of sum f(x) less what biases and normalizations keep, which is reported by op.
 * Cost:   one forward and one backward pass, two to five in layers with other rules than ε.
 * Source: Bach et al., On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance propagation, 2015,
 * doi:10.1371/journal.pone.0130140; Montavon et al., Layer-wise relevance propagation: an overview, 2019; Achtibat et al., AttnLRP, 2024,
 * arXiv:2402.05602.
 * Differs from the source: batch normalization behind a layer is merged with it; sums of two branches share by the ε rule.
 * Checked against: zennit 0.5, of convolutions, dense layers, pooling and batch normalization; lxt 2.1, of attention, gates and RMS norms (its LayerNorm
 * has another rule: the gradient with the deviation held fixed).
 */
export const lrp: GradientMethod = {
  name: "lrp",
  kind: "gradient",
  asserts:
    "Shared out layer by layer in proportion to what each unit added, so much of the score comes from the marked features.",
  misleads:
    "Rules are chosen, not derived: another one gives another picture; z⁺ rules depend little on the class that is asked about.",
  source: "Bach et al. 2015, doi:10.1371/journal.pone.0130140; Achtibat et al. 2024, arXiv:2402.05602",
  needs: ["gradients"],
  sumsTo: "score",
  defaults: { relevance: "epsilon", epsilon: 1e-6, gamma: 0.25, alpha: 2 },
  rows: lrpRows,
};
