/**
 * @module Common parts of pooling ops: window, shape, cost, and how they take a mapped axis.
 */
import type { Attributes, Dim, Node, Tensor } from "../graph/index.js";
import { dimMul, isFloat, sizeOf } from "../graph/index.js";
import type { BatchContext, Cost, Op } from "./op.js";
import { bytesMoved, elementCount, emit, expectDType } from "./op.js";
import type { Window } from "./window.js";
import { slidShape, WINDOW_ATTRIBUTES } from "./window.js";

export type One = readonly [Tensor];
export type PoolAttributes = Window & { readonly ceil_mode: boolean };
export const POOL_ATTRIBUTES = { ...WINDOW_ATTRIBUTES, ceil_mode: "bool" } as const;

export const windowSize = (w: Window): number => sizeOf(w.kernel_shape);

/** One operation for each element that a window sees. */
export function poolCost(larger: (node: Node) => Tensor): (node: Node) => Cost {
  return (node) => ({
    flops: elementCount(larger(node).shape) * windowSize(node.attributes as Window),
    bytes: bytesMoved(node),
  });
}
export const inputOf = (node: Node): Tensor => node.inputs[0] as Tensor;
export const outputOf = (node: Node): Tensor => node.outputs[0] as Tensor;

export const pooledShape = (x: Tensor, w: PoolAttributes, where: string): Dim[] => {
  expectDType(where, x.dtype, isFloat, "a floating-point operand");
  return [...x.shape.slice(0, 2), ...slidShape(x.shape, w, where, w.ceil_mode)];
};

/** Applies an op of a tensor [N, C, …] to a mapped one [B, N, C, …] by joining B and N. */
export function mergeMapped<A extends Attributes>(
  op: Op<A, One>,
  { inputs: [x], size, attributes }: BatchContext<A, One>,
): readonly Tensor[] {
  const n = x.shape[1] as Dim;
  const merged = x.reshape([dimMul(size, n), ...x.shape.slice(2)]);
  return emit(op, [merged], attributes).map((y) => y.reshape([size, n, ...y.shape.slice(1)]));
}
