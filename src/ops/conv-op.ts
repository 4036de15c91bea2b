/**
 * @module Common parts of convolutions: attributes, cost, checks of weights and bias, and how they take a mapped axis.
 */
import type { Attributes, Dim, Node, Shape, Tensor, TensorType } from "../graph/index.js";
import { dimEquals, dimMul, formatShape, staticDim } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { BatchContext, Cost, EmptyContext, Op, OptionalTensor } from "./op.js";
import { bytesMoved, elementCount, emitOne, expectSameDType, filled } from "./op.js";
import type { Window } from "./window.js";
import { WINDOW_ATTRIBUTES } from "./window.js";

export type ConvAttributes = Window & { readonly group: number };
export const CONV_ATTRIBUTES = { ...WINDOW_ATTRIBUTES, group: "int" } as const;
/** The attributes of Conv among those of an op that has more. */
export const convOnly = ({ kernel_shape, strides, pads, dilations, group }: ConvAttributes): ConvAttributes => ({
  kernel_shape,
  strides,
  pads,
  dilations,
  group,
});

/** The axes that a gradient to the bias sums over. */
export const allButChannels = (x: Tensor): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);

/** 2·(elements of y)·(multiply-adds for one of them): the same for a convolution and both its gradients. */
export function convCost(y: (node: Node) => Shape, w: (node: Node) => Shape): (node: Node) => Cost {
  return (node) => ({ flops: 2 * elementCount(y(node)) * elementCount(w(node).slice(1)), bytes: bytesMoved(node) });
}
export const shapeOfInput =
  (i: number) =>
  (node: Node): Shape =>
    (node.inputs[i] as Tensor).shape;
export const shapeOfOutput = (node: Node): Shape => (node.outputs[0] as Tensor).shape;

/** Checks weights [M, C/group, …kernel] against the C channels of x. */
export function checkWeights(channels: Dim, w: Shape, kernel_shape: readonly number[], group: number, where: string): void {
  const [m, c] = w as [Dim, Dim];
  const fits =
    w.length === kernel_shape.length + 2 &&
    kernel_shape.every((k, i) => w[i + 2] === k) &&
    typeof m === "number" &&
    m % group === 0 &&
    dimEquals(channels, dimMul(c, group));
  if (!fits) {
    const expected = `[M, ${typeof channels === "number" ? channels / group : channels}, ${kernel_shape.join(", ")}]`;
    const groups = group === 1 ? "" : ` with M a multiple of ${group} groups`;
    throw new ShapeError(`${where}: expected weights ${expected}${groups} for ${channels} channels, got ${formatShape(w)}`);
  }
}

export function checkBias(bias: OptionalTensor, x: Tensor, channels: Dim, where: string): void {
  if (bias === null) return;
  expectSameDType(where, x, bias);
  if (bias.rank !== 1 || !dimEquals(bias.shape[0] as Dim, channels))
    throw new ShapeError(`${where}: expected a bias [${channels}], got ${formatShape(bias.shape)}`);
}

/** An `empty` rule: without channels only the bias is left. */
export const biasAlone = ({ inputs: [, , bias], outputs: [type] }: EmptyContext<Attributes, Weighted>): Tensor[] => {
  const y = type as TensorType;
  return [bias === null ? filled(y, 0) : bias.reshape([1, -1, ...y.shape.slice(2).map(() => 1)]).expand(y.shape)];
};

// --- batching: a mapped axis joins N, or, where the weights are mapped too, becomes groups ------------------------------

/** [B, N, …] → [B·N, …]. */
export const mergeBatch = (x: Tensor): Tensor => x.reshape([dimMul(x.shape[0] as Dim, x.shape[1] as Dim), ...x.shape.slice(2)]);
export const splitBatch = (x: Tensor, size: Dim, n: Dim): Tensor => x.reshape([size, n, ...x.shape.slice(1)]);
/** [B, N, C, …] → [N, B·C, …]; without a mapped axis it is repeated. */
export function batchToGroups(x: Tensor, mapped: boolean | undefined, size: Dim): Tensor {
  const t = mapped ? x : x.unsqueeze(0).expand([size, ...x.shape]);
  const [n, c] = [t.shape[1] as Dim, t.shape[2] as Dim];
  return t.swapAxes(0, 1).reshape([n, dimMul(size, c), ...t.shape.slice(3)]);
}
/** [N, B·C, …] → [B, N, C, …]. */
export const groupsToBatch = (y: Tensor, size: number): Tensor =>
  y.reshape([y.shape[0] as Dim, size, staticDim(y.shape[1], "vmap of Conv") / size, ...y.shape.slice(2)]).swapAxes(0, 1);
/** [B, M, …] → [B·M, …]; without a mapped axis it is repeated. */
export const leadToGroups = (w: Tensor, mapped: boolean | undefined, size: Dim): Tensor =>
  mergeBatch(mapped ? w : w.unsqueeze(0).expand([size, ...w.shape]));

export type Weighted = readonly [x: Tensor, weights: Tensor, bias: Tensor | null];

/** The batching rule of an op of x, weights and a bias. */
export function batchWeighted<A extends ConvAttributes>(
  op: Op<A, Weighted>,
  { inputs: [x, w, b], mapped, size, attributes }: BatchContext<A, Weighted>,
): readonly Tensor[] {
  if (!mapped[1] && !mapped[2]) return [splitBatch(emitOne(op, [mergeBatch(x), w, b], attributes), size, x.shape[1] as Dim)];
  const count = staticDim(size, `vmap of ${op.name}`);
  const grouped = [
    batchToGroups(x, mapped[0], size),
    leadToGroups(w, mapped[1], size),
    b === null ? null : leadToGroups(b, mapped[2], size),
  ] as const;
  return [groupsToBatch(emitOne(op, grouped, { ...attributes, group: attributes.group * count }), count)];
}
