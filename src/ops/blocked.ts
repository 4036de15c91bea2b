/**
 * @module Convolution on channels in blocks: the layout [N, C/B, H, W, B] that ONNX Runtime's own fastest kernels on a CPU work
 * on, with B what its vectors hold. Its optimizer takes it only where weights are constant, so a training graph says it itself.
 *
 * A blocked tensor carries the shape [N, C, H, W] that it stands for; only the order of its numbers differs. These ops are
 * written by the pass `passes/block.ts`, last of all, and are never differentiated.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, fromNumbers, staticDim } from "../graph/index.js";
import type { Op } from "./op.js";
import { bytesMoved, elementCount, emitOne, moves, perElement } from "./op.js";
import type { Window } from "./window.js";
import { slidShape, WINDOW_ATTRIBUTES } from "./window.js";

const NCHWC = "com.microsoft.nchwc";
type One = readonly [Tensor];
type None = Record<never, never>;

const LAST = {
  gradient: { none: "it is written after differentiation" },
  batch: { unroll: "it is written after batching" },
} as const;

/** [N, C, H, W] into blocks. C is a multiple of the block's size. */
export const ReorderInput: Op<None, One> = {
  name: "ReorderInput",
  domain: NCHWC,
  attributes: {},
  infer: ([x]) => [x],
  cost: moves,
  ...LAST,
};

/** From blocks back to [N, C, H, W]. */
export const ReorderOutput: Op<{ channels: number }, One> = {
  name: "ReorderOutput",
  domain: NCHWC,
  attributes: { channels: "int" },
  infer: ([x]) => [x],
  cost: moves,
  ...LAST,
};

type BlockedConvAttributes = Window & {
  readonly group: number;
  readonly activation?: string;
  readonly activation_params?: readonly number[];
};
export type BlockedConvInputs = readonly [Tensor, Tensor, Tensor | null, Tensor | null];

/**
 * activation(conv(x, w) + b + sum), in one pass: x, sum and y in blocks (x as it is where it has fewer channels than a block), w as
 * `blockedWeights` and its like give it, b [M]. Depthwise, with one group for each channel, it is any sum of products per channel.
 */
export const BlockedConv: Op<BlockedConvAttributes, BlockedConvInputs> = {
  name: "BlockedConv",
  engineName: "Conv",
  domain: NCHWC,
  attributes: { ...WINDOW_ATTRIBUTES, group: "int", activation: "string", activation_params: "floats" },
  infer: ([x, w], attributes, where) => [
    { shape: [x.shape[0] as Dim, w.shape[0] as Dim, ...slidShape(x.shape, attributes, where)], dtype: x.dtype },
  ],
  cost: (node) => ({
    flops: 2 * elementCount((node.outputs[0] as Tensor).shape) * elementCount((node.inputs[1] as Tensor).shape.slice(1)),
    bytes: bytesMoved(node),
  }),
  ...LAST,
};

/** The mean over H and W: [N, C, H, W] in blocks → [N, C, 1, 1], where blocks and plain order are the same. */
export const BlockedGlobalAveragePool: Op<None, One> = {
  name: "BlockedGlobalAveragePool",
  engineName: "GlobalAveragePool",
  domain: NCHWC,
  attributes: {},
  infer: ([x]) => [{ shape: [...x.shape.slice(0, 2), 1, 1], dtype: x.dtype }],
  cost: perElement(1),
  ...LAST,
};

/** The largest of each window of x in blocks; −∞ beyond x. */
export const BlockedMaxPool: Op<Window, One> = {
  name: "BlockedMaxPool",
  engineName: "MaxPool",
  domain: NCHWC,
  attributes: WINDOW_ATTRIBUTES,
  infer: ([x], attributes, where) => [
    { shape: [...x.shape.slice(0, 2), ...slidShape(x.shape, attributes, where)], dtype: x.dtype },
  ],
  cost: (node) => ({
    flops: elementCount((node.outputs[0] as Tensor).shape) * elementCount((node.attributes as Window).kernel_shape),
    bytes: bytesMoved(node),
  }),
  ...LAST,
};

export const blocked = [ReorderInput, ReorderOutput, BlockedConv, BlockedGlobalAveragePool, BlockedMaxPool] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Images [N, C, H, W] in blocks of channels, as the engine's fastest convolution takes them. */
export const toBlocks = (x: Tensor): Tensor => emitOne(ReorderInput, [x], {});
export const fromBlocks = (x: Tensor): Tensor =>
  emitOne(ReorderOutput, [x], { channels: staticDim(x.shape[1], "ReorderOutput") });

const POINT: Window = { kernel_shape: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] };

/** a[c]·x[n, c, h, w] + b[c] (+ sum) of x in blocks. */
export function blockedAffine(x: Tensor, a: Tensor, b: Tensor | null, sum: Tensor | null = null): Tensor {
  const channels = staticDim(x.shape[1], "affine map per channel");
  return emitOne(BlockedConv, [x, a.reshape([channels, 1, 1, 1]), b, sum], { ...POINT, group: channels });
}

/** Σ over H and W: [N, C]. */
export const blockedSums = (x: Tensor): Tensor => {
  const pixels = elementCount(x.shape.slice(2));
  return emitOne(BlockedGlobalAveragePool, [x], {}).reshape(x.shape.slice(0, 2)).mul(pixels);
};

/** Σ over H and W of u·v: [N, C]. v stands where a depthwise kernel as large as the picture does, so that no product is stored. */
export function blockedDots(u: Tensor, v: Tensor): Tensor {
  const [n, c, h, w] = u.shape as readonly [number, number, number, number];
  const planes = n * c;
  const dots = emitOne(BlockedConv, [u.reshape([1, planes, h, w]), v.reshape([planes, 1, h, w]), null, null], {
    ...POINT,
    kernel_shape: [h, w],
    group: planes,
  });
  return dots.reshape([n, c]);
}

/** Depthwise weights in blocks that read one place of their kernel, times a number. */
export function pickingWeights(channels: number, kernel_shape: readonly number[], place: number, block: number, by = 1): Tensor {
  const taps = elementCount(kernel_shape);
  const kernel = Array.from({ length: channels * taps }, (_, i) => (Math.floor(i / block) % taps === place ? by : 0));
  return constant(fromNumbers("float32", [channels, 1, ...kernel_shape], kernel));
}

/**
 * Some pixels of x in blocks (+ sum): depthwise with a kernel that reads one of its taps. `pads` as in a window; what is read
 * beyond x is 0.
 */
export function blockedPick(
  x: Tensor,
  place: readonly [number, number],
  kernel_shape: readonly [number, number],
  strides: readonly [number, number],
  pads: readonly number[],
  block: number,
  sum: Tensor | null = null,
): Tensor {
  const channels = staticDim(x.shape[1], "picking pixels");
  const weights = pickingWeights(channels, kernel_shape, place[0] * kernel_shape[1] + place[1], block);
  return emitOne(BlockedConv, [x, weights, null, sum], { kernel_shape, strides, pads, dilations: [1, 1], group: channels });
}

/** x in blocks with strides − 1 zeros after each pixel: [N, C, H, W] → [N, C, H·stride, W·stride]. */
export function blockedSpread(x: Tensor, strides: readonly number[], block: number): Tensor {
  const [n, c, h, w] = x.shape as readonly [number, number, number, number];
  const [down, right] = strides as readonly [number, number];
  return x
    .reshape([((n * c) / block) * h, 1, w, block])
    .pad([0, 0, 0, 0], [0, down - 1, 0, (right - 1) * block])
    .reshape([n, c, h * down, w * right]);
}

/** Weights [M, C, …kernel] as the kernel reads them: [M/B, C/B, …kernel, B of C, B of M]. `block` divides M; C too, or C < `block`. */
export function blockedWeights(w: Tensor, block: number): Tensor {
  const [m, c, ...kernel] = w.shape as readonly [number, number, ...number[]];
  const taps = elementCount(kernel);
  // Blocks of outputs first, by the engine's own fast reordering; then taps before the inputs of a block.
  const outputs = toBlocks(w.reshape([m / block, block, c * taps, 1]));
  if (taps === 1 || c < block) return outputs.reshape(w.shape);
  return outputs
    .reshape([m / block, c / block, block, taps, block])
    .transpose([0, 1, 3, 2, 4])
    .reshape(w.shape);
}

/** Weights [M, C, …kernel] of a convolution as those of its transpose: kernels turned around, from M to C channels, in blocks. */
export function blockedTransposedWeights(w: Tensor, block: number): Tensor {
  const [m, c, ...kernel] = w.shape as readonly [number, number, ...number[]];
  const taps = elementCount(kernel);
  const inputs = toBlocks(w.reshape([m, c, taps, 1]))
    .reshape([m / block, block, c / block, taps, block])
    .transpose([2, 0, 3, 1, 4]);
  const turned = taps === 1 ? inputs : inputs.gather(reversed(taps), 2);
  return turned.reshape([c, m, ...kernel]);
}

/** The taps of a kernel from last to first. */
const reversed = (taps: number): Tensor =>
  constant(
    fromNumbers(
      "int64",
      [taps],
      Array.from({ length: taps }, (_, i) => taps - 1 - i),
    ),
  );

/** Depthwise weights [C, 1, …kernel] in blocks of channels. */
export const blockedDepthwise = (w: Tensor): Tensor => toBlocks(w.swapAxes(0, 1)).reshape(w.shape);
