/**
 * @module Pooling layers. All take x [N, C, ..] and keep N and C.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers, staticDim } from "../graph/index.js";
import type { PoolOptions } from "../ops/index.js";
import { averagePool, globalAveragePool, maxPool, perAxis } from "../ops/index.js";
import { expectSizes, layerName } from "./check.js";
import { Module } from "./module.js";

/** Pooling over windows of a size. */
abstract class WindowPool<O extends PoolOptions> extends Module {
  readonly kernelSize: number | readonly number[];
  readonly options: O | PoolOptions;

  constructor(kernelSize: number | readonly number[], options: O | PoolOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }
}

/**
 * The largest of each window; its gradient goes to the first of equal ones.
 *
 * Shapes: x [N, C, H, W] → [N, C, H', W']. The stride is the kernel's size unless given.
 */
export class MaxPool2d extends WindowPool<PoolOptions> {
  override forward(x: Tensor): Tensor {
    return maxPool(x, this.kernelSize, this.options);
  }
}

/** Options of average pooling; `countIncludePad` counts the padding as zeros. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros in the mean; PyTorch's default is yes. */
  readonly countIncludePad?: boolean;
}

/** The mean of each window. Shapes: x [N, C, H, W] → [N, C, H', W']. The stride is the kernel's size unless given. */
export class AvgPool2d extends WindowPool<AvgPoolOptions> {
  override forward(x: Tensor): Tensor {
    return averagePool(x, this.kernelSize, this.options);
  }
}

/** The mean over all positions: x [N, C, ..] → [N, C, 1, ..]. */
export class GlobalAvgPool2d extends Module {
  override forward(x: Tensor): Tensor {
    return globalAveragePool(x);
  }
}

/**
 * Means over as many windows as asked for, whatever the size of the input: window i of n covers ⌊i·L/n⌋ … ⌈(i + 1)·L/n⌉ − 1.
 *
 * Shapes: x [N, C, H, W] → [N, C, h, w]; H and W are numbers unless the result is 1 × 1.
 * Checked against: PyTorch 2.13, `nn.AdaptiveAvgPool2d`, 1e-6, layers.test.ts.
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: readonly [number, number];

  constructor(outputSize: number | readonly [number, number]) {
    super();
    const [height, width] = typeof outputSize === "number" ? [outputSize, outputSize] : outputSize;
    expectSizes("AdaptiveAvgPool2d", { height, width });
    this.outputSize = [height, width];
  }

  override forward(x: Tensor): Tensor {
    const [height, width] = this.outputSize;
    if (height === 1 && width === 1) return globalAveragePool(x);
    const [h, w] = [2, 3].map((axis) => staticDim(x.shape[axis], layerName(this))) as [number, number];
    if (h % height === 0 && w % width === 0) return averagePool(x, perAxis([h / height, w / width], 2, layerName(this)));
    // A mean over a rectangle is one over its rows after one over its columns.
    return windowMeans(h, height, x)
      .matMul(x)
      .matMul(windowMeans(w, width, x).transpose());
  }
}

/** [windows, length], each row has 1/n at the n positions of its window. */
function windowMeans(length: number, windows: number, like: Tensor): Tensor {
  const weights = new Float64Array(windows * length);
  for (let i = 0; i < windows; i++) {
    const start = Math.floor((i * length) / windows);
    const end = Math.ceil(((i + 1) * length) / windows);
    weights.fill(1 / (end - start), i * length + start, i * length + end);
  }
  return constant(fromNumbers(like.dtype, [windows, length], weights));
}
