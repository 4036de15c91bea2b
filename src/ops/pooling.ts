/**
 * @module Pooling: the largest or the mean of what a sliding window sees, over any number of spatial axes, or of everything.
 */
import type { Tensor } from "../graph/index.js";
import { formatShape, isFloat, symbolicSize } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { AveragePool, AveragePoolGradient } from "./average-pool.js";
import { inverseOf } from "./count.js";
import { MaxPool, MaxPoolGradient, MaxPoolPick } from "./max-pool.js";
import type { Op } from "./op.js";
import { bytesMoved, elementCount, emitOne, expectDType } from "./op.js";
import type { One, PoolAttributes } from "./pool-op.js";
import { inputOf, mergeMapped } from "./pool-op.js";
import type { WindowOptions } from "./window.js";
import { perAxis, windowOf } from "./window.js";

export * from "./average-pool.js";
export * from "./max-pool.js";

const spatialAxes = (x: Tensor): number[] => x.shape.map((_, i) => i).slice(2);

function globalPool(name: string, fold: (x: Tensor, axes: number[]) => Tensor, dx: (x: Tensor, y: Tensor, dy: Tensor) => Tensor) {
  const op: Op<Record<never, never>, One> = {
    name,
    domain: "",
    attributes: {},
    infer: ([x], _attributes, where) => {
      expectDType(where, x.dtype, isFloat, "a floating-point operand");
      if (x.rank < 3) throw new ShapeError(`${where}: expected [N, C, …], got ${formatShape(x.shape)}`);
      return [{ shape: x.shape.map((d, i) => (i < 2 ? d : 1)), dtype: x.dtype }];
    },
    gradient: ({ inputs: [x], y, dy }) => [dx(x, y, dy)],
    cost: (node) => ({ flops: elementCount(inputOf(node).shape), bytes: bytesMoved(node) }),
    batch: (c) => mergeMapped(op, c),
    lower: ({ inputs: [x], target }) => (target === "onnx" ? undefined : [fold(x, spatialAxes(x))]),
  };
  return op;
}

/** The mean over all spatial axes: [N, C, …] → [N, C, 1, …]. */
export const GlobalAveragePool = globalPool(
  "GlobalAveragePool",
  (x, axes) => x.mean(axes, true),
  (x, _y, dy) => dy.mul(inverseOf(symbolicSize(x.shape.slice(2)), dy.dtype)).expand(x.shape),
);

/** The largest over all spatial axes; where several tie, they share dy equally (PyTorch's adaptive pooling takes one of them). */
export const GlobalMaxPool = globalPool(
  "GlobalMaxPool",
  (x, axes) => x.reduceMax(axes, true),
  (x, y, dy) => {
    const hit = x.equal(y).cast(x.dtype);
    return hit.mul(dy.div(hit.sum(spatialAxes(x), true)));
  },
);

/** Entries of the op table: pooling and its gradients. */
export const pooling = [
  MaxPool,
  MaxPoolGradient,
  MaxPoolPick,
  AveragePool,
  AveragePoolGradient,
  GlobalAveragePool,
  GlobalMaxPool,
] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Options of pooling; with `ceilMode` a window may hang over the end. */
export interface PoolOptions extends WindowOptions {
  /** Lets the last window hang over the end (lengths are rounded up). */
  readonly ceilMode?: boolean;
}

function poolWindow(x: Tensor, kernelSize: number | readonly number[], o: PoolOptions, where: string): PoolAttributes {
  const kernel = perAxis(kernelSize, x.rank - 2, `${where}: kernelSize`);
  // Windows lie side by side unless a stride is given, as in PyTorch.
  return { ...windowOf(x, kernel, { ...o, stride: o.stride ?? kernel }, where), ceil_mode: o.ceilMode ?? false };
}

/** The largest in each window of x [N, C, …]; the stride is the kernel's size unless given. */
export const maxPool = (x: Tensor, kernelSize: number | readonly number[], options: PoolOptions = {}): Tensor =>
  emitOne(MaxPool, [x], poolWindow(x, kernelSize, options, "MaxPool"));

/** The mean of each window of x [N, C, …]; padding counts as zeros unless `countIncludePad` is false, as in PyTorch. */
export const averagePool = (
  x: Tensor,
  kernelSize: number | readonly number[],
  options: PoolOptions & { readonly countIncludePad?: boolean } = {},
): Tensor =>
  emitOne(AveragePool, [x], {
    ...poolWindow(x, kernelSize, options, "AveragePool"),
    count_include_pad: options.countIncludePad ?? true,
  });

/** The mean over all spatial axes: [N, C, …] → [N, C, 1, …]. */
export const globalAveragePool = (x: Tensor): Tensor => emitOne(GlobalAveragePool, [x], {});
/** The largest over all spatial axes: [N, C, …] → [N, C, 1, …]. */
export const globalMaxPool = (x: Tensor): Tensor => emitOne(GlobalMaxPool, [x], {});
