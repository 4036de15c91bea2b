/**
 * @module Ops that pick and place by index, together, and as methods of tensors: gather, scatter, one-hot, the place of an extreme,
 * running sums. Indices are int32 or int64 and may count from the end; only data has gradients.
 */
import type { DType } from "../graph/index.js";
import { Tensor } from "../graph/index.js";
import { CumSum, cumSum, Range } from "./cum-sum.js";
import { ArgMax, argMax, ArgMin, argMin, TopK } from "./extremes.js";
import { EmbeddingGradient, Gather, gather } from "./gather.js";
import { GatherElements, gatherElements, ScatterElements, scatterElements, type ScatterReduction } from "./gather-elements.js";
import { GatherND, ScatterND } from "./gather-nd.js";
import { NonZero } from "./non-zero.js";
import { OneHot, oneHot } from "./one-hot.js";

export * from "./cum-sum.js";
export * from "./extremes.js";
export * from "./gather.js";
export * from "./gather-elements.js";
export * from "./gather-nd.js";
export * from "./non-zero.js";
export * from "./one-hot.js";

/** Entries of the op table: ops that read or write by index. */
export const indexing = [
  Gather,
  EmbeddingGradient,
  GatherElements,
  ScatterElements,
  GatherND,
  ScatterND,
  OneHot,
  NonZero,
  ArgMax,
  ArgMin,
  TopK,
  CumSum,
  Range,
] as const;

declare module "../graph/tensor.js" {
  interface Tensor {
    /** Slices along an axis, by number. */
    gather(indices: Tensor, axis?: number): Tensor;
    /** One element along an axis for each position of `indices`. */
    gatherElements(indices: Tensor, axis?: number): Tensor;
    /** A copy with `updates` put, or added, at the positions of `indices` along an axis. */
    scatterElements(indices: Tensor, updates: Tensor, options?: { axis?: number; reduction?: ScatterReduction }): Tensor;
    argMax(axis?: number, keepdims?: boolean): Tensor;
    argMin(axis?: number, keepdims?: boolean): Tensor;
    cumSum(axis?: number, options?: { exclusive?: boolean; reverse?: boolean }): Tensor;
    /** One-hot encoding of indices. */
    oneHot(depth: number, options?: { axis?: number; dtype?: DType; on?: number; off?: number }): Tensor;
  }
}
Tensor.prototype.gather = function (indices, axis) {
  return gather(this, indices, axis);
};
Tensor.prototype.gatherElements = function (indices, axis) {
  return gatherElements(this, indices, axis);
};
Tensor.prototype.scatterElements = function (indices, updates, options) {
  return scatterElements(this, indices, updates, options);
};
Tensor.prototype.argMax = function (axis, keepdims) {
  return argMax(this, axis, keepdims);
};
Tensor.prototype.argMin = function (axis, keepdims) {
  return argMin(this, axis, keepdims);
};
Tensor.prototype.cumSum = function (axis, options) {
  return cumSum(this, axis, options);
};
Tensor.prototype.oneHot = function (depth, options) {
  return oneHot(this, depth, options);
};
