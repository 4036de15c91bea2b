/**
 * @module Ops that rearrange, together, and as methods of tensors: reshape, transpose, join, cut, repeat, pad. They move data and
 * compute nothing.
 */
import type { Dim, Shape } from "../graph/index.js";
import { Tensor } from "../graph/index.js";
import { Concat, concat, Split, split } from "./concat.js";
import type { TensorLike } from "./op.js";
import { Pad, pad, type PadMode, spread } from "./pad.js";
import {
  Expand,
  expand,
  flatten,
  Reshape,
  reshape,
  Squeeze,
  squeeze,
  swapAxes,
  Transpose,
  transpose,
  Unsqueeze,
  unsqueeze,
} from "./reshape.js";
import { flip, Slice, slice, sliceAxes, type SliceRange } from "./slice.js";
import { Tile, Trilu } from "./tile.js";

export * from "./concat.js";
export * from "./pad.js";
export * from "./reshape.js";
export * from "./slice.js";
export * from "./tile.js";

/** Entries of the op table: ops that change shapes. */
export const shaping = [Reshape, Transpose, Expand, Squeeze, Unsqueeze, Concat, Split, Slice, Pad, Tile, Trilu] as const;

declare module "../graph/tensor.js" {
  interface Tensor {
    /** One dimension may be −1: it takes what is left. */
    reshape(shape: Shape): Tensor;
    /** Axes in the given order; without one, all reversed. */
    transpose(perm?: readonly number[]): Tensor;
    swapAxes(a: number, b: number): Tensor;
    expand(shape: Shape): Tensor;
    squeeze(...axes: readonly number[]): Tensor;
    unsqueeze(...axes: readonly number[]): Tensor;
    slice(axis: number, start: Dim, end?: Dim, step?: number): Tensor;
    sliceAxes(ranges: readonly SliceRange[]): Tensor;
    flip(axis: number): Tensor;
    /** Widths before and after each axis; negative widths cut. */
    pad(before: Shape, after: Shape, mode?: PadMode, value?: TensorLike): Tensor;
    /** `step` − 1 zeros between neighbours along an axis. */
    spread(axis: number, step: number): Tensor;
    flatten(fromAxis?: number): Tensor;
    /** This tensor and others, one after another along an axis. */
    concat(others: readonly Tensor[], axis?: number): Tensor;
    /** Consecutive pieces of the given lengths along an axis. */
    split(sizes: Shape, axis?: number): readonly Tensor[];
  }
}
Tensor.prototype.concat = function (others, axis) {
  return concat([this, ...others], axis);
};
Tensor.prototype.reshape = function (shape) {
  return reshape(this, shape);
};
Tensor.prototype.transpose = function (perm) {
  return transpose(this, perm);
};
Tensor.prototype.swapAxes = function (a, b) {
  return swapAxes(this, a, b);
};
Tensor.prototype.expand = function (shape) {
  return expand(this, shape);
};
Tensor.prototype.squeeze = function (...axes) {
  return squeeze(this, ...axes);
};
Tensor.prototype.unsqueeze = function (...axes) {
  return unsqueeze(this, ...axes);
};
Tensor.prototype.slice = function (axis, start, end, step) {
  return slice(this, axis, start, end, step);
};
Tensor.prototype.sliceAxes = function (ranges) {
  return sliceAxes(this, ranges);
};
Tensor.prototype.pad = function (before, after, mode, value) {
  return pad(this, before, after, mode, value);
};
Tensor.prototype.spread = function (axis, step) {
  return spread(this, axis, step);
};
Tensor.prototype.flip = function (axis) {
  return flip(this, axis);
};
Tensor.prototype.flatten = function (fromAxis) {
  return flatten(this, fromAxis);
};
Tensor.prototype.split = function (sizes, axis) {
  return split(this, sizes, axis);
};
