/**
 * @module Propagation by other rules than gradients, for methods that carry multipliers or relevance from a score to its input. Rules attach to
 * nodes of the graph by their op, so that residual connections, activations used twice and functional calls are right by construction; the walk is that
 * of `autodiff/`; what a rule does not pass on is written into a ledger, by op.
 */
import type { NodeRule, RuleChoice } from "../autodiff/index.js";
import { vjpOf } from "../autodiff/index.js";
import type { Node, Tensor } from "../graph/index.js";
import { isStatic, sizeOf } from "../graph/index.js";
import { opOf, sumTo } from "../ops/index.js";
import { NoGradientError } from "../util/errors.js";
import { own, setOwn } from "../util/record.js";

export type RuleContext = Parameters<NodeRule>[0];
export type Passed = ReturnType<NodeRule>;

/** Ops that only move elements: what arrives goes back on the same ways. */
export const MOVING: ReadonlySet<string> = new Set(
  "Reshape Transpose Squeeze Unsqueeze Slice Concat Split Pad Gather GatherElements GatherND Identity Cast Expand Tile Trilu Resize".split(
    " ",
  ),
);

/** Ops that are linear in their operands, each by itself: gradients pass on the whole of a difference. */
const LINEAR: ReadonlySet<string> = new Set([
  ...MOVING,
  ..."Add Sub Neg ReduceSum ReduceMean AveragePool GlobalAveragePool BatchNormalization ChannelAffine CumSum".split(" "),
]);

/** Ops that are linear in each operand, as long as the others stay as they are. */
export const BILINEAR: ReadonlySet<string> = new Set("Mul MatMul Gemm FusedMatMul Conv ConvTranspose Einsum".split(" "));

/** Functions of one operand, element by element. */
export const UNARY: ReadonlySet<string> = new Set(
  (
    "Relu LeakyRelu Elu Selu Gelu Silu Sigmoid Tanh Softplus Mish HardSigmoid HardSwish PRelu Clip Exp Log Sqrt Reciprocal Pow Abs " +
    "Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh"
  ).split(" "),
);

/** Number of operands that the rule has to pass relevance to. */
export const dependents = ({ needs }: RuleContext): number => needs.filter(Boolean).length;

/** Whether the op passes on differences without loss by its own gradient. */
export const isLinear = (node: Node, needs: readonly boolean[]): boolean =>
  LINEAR.has(node.op) || (BILINEAR.has(node.op) && needs.filter(Boolean).length === 1);

/** Applies the op's own gradient rule. Errors: NoGradientError, with the table's reason. */
export function ownGradient(context: RuleContext): Passed {
  const { gradient, name } = opOf(context.node);
  if (typeof gradient === "function") return gradient(context);
  throw new NoGradientError(
    `${name}: has no gradient, since ${gradient.none}; take a sampling method: kernel-shap, lime, rise, occlusion`,
  );
}

/** Applies the op's own gradient rule to another incoming gradient, or at other operands. */
export const ownGradientOf = (context: RuleContext, changes: Partial<RuleContext>): Passed => {
  const dy = changes.dy ?? context.dy;
  return ownGradient({ ...context, dys: [dy, ...context.dys.slice(1)], ...changes, dy });
};

/** Sums per row [R] by op of what rules did not pass on. */
export class Ledger {
  readonly residuals: Record<string, Tensor> = {};
  readonly #rows: number;
  readonly #amount: (t: Tensor, carried: Tensor) => Tensor;

  /** `amount` of what a tensor carries is what has to be kept: relevance itself, or a multiplier times a difference. */
  constructor(rows: number, amount: (t: Tensor, carried: Tensor) => Tensor) {
    this.#rows = rows;
    this.#amount = amount;
  }

  /** Wraps a rule so that its losses are recorded. */
  audited(rule: NodeRule): NodeRule {
    return (context) => {
      const passed = rule(context);
      const { node, inputs, outputs, dys, needs } = context;
      const arrived = outputs.flatMap((t, i) => this.#rowSum(t, dys[i] ?? null));
      const left = inputs.flatMap((t, i) => {
        const dx = passed[i] ?? null;
        return t === null || dx === null || !needs[i] ? [] : this.#rowSum(t, sumTo(dx, t.shape));
      });
      if (arrived.length > 0) {
        const loss = [...arrived, ...left.map((t) => t.neg())].reduce((a, b) => a.add(b));
        const before = own(this.residuals, node.op);
        setOwn(this.residuals, node.op, before === undefined ? loss : before.add(loss));
      }
      return passed;
    };
  }

  /** One sum a row; none of a tensor whose first axis is not made of rows. */
  #rowSum(t: Tensor, carried: Tensor | null): Tensor[] {
    if (carried === null || !isStatic(t.shape) || (t.shape[0] ?? 0) % this.#rows !== 0) return [];
    return [
      this.#amount(t, carried)
        .reshape([this.#rows, sizeOf(t.shape) / this.#rows])
        .sum(1),
    ];
  }
}

/** Propagates `start` from y back to x by the chosen rules. */
export const propagate = (y: Tensor, start: Tensor, x: Tensor, choose: RuleChoice): Tensor =>
  vjpOf([y], [start], [x], choose)[0] as Tensor;
