/**
 * @module The gradient of a convolution to its weights, as convolutions on blocks of channels (`blocked.ts`).
 *
 *     dw[m, c, i, j] = Σ over n, h, w of dy[n, m, h, w] · x[n, c, h + i − pad, w + j − pad]
 *
 * Read with 16 neighbours (h, w) as "channels", what is left of the picture as the kernel's height and x's channels as columns, it
 * is a convolution whose weights are dy, as it lies in memory, and whose output has a row for each i. Only the columns' shift j
 * needs a copy of dy each. So nothing is unrolled, and both operands are read as the fastest kernels like them.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers } from "../graph/index.js";
import { BlockedConv, blockedPick, fromBlocks, toBlocks } from "./blocked.js";
import { elementCount, emitOne } from "./op.js";
import type { Window } from "./window.js";

export type Picture = readonly [number, number, number, number];

/** How the pixels of a picture fall into blocks: several to a row of pixels, or several rows to a block. */
export interface Pixels {
  /** Lengths with which rows and blocks are full. */
  readonly height: number;
  readonly width: number;
  /** Rows in a block; 1 where a row has at least a block. */
  readonly rows: number;
}

export function pixelsOf(height: number, width: number, block: number): Pixels {
  let wide = Math.ceil(width / block) * block;
  for (let half = block / 2; half >= width; half /= 2) wide = half;
  const rows = Math.max(1, block / wide);
  return { height: Math.ceil(height / rows) * rows, width: wide, rows };
}

/** t in blocks, moved down and right (or up and left, for negative numbers) in a frame of the given size, with zeros around. */
export function moved(t: Tensor, down: number, right: number, height: number, width: number, block: number): Tensor {
  const [, , h, w] = t.shape as Picture;
  if (down === 0 && right === 0 && height === h && width === w) return t;
  const axis = (by: number, length: number, given: number): { kernel: number; one: number; before: number; after: number } => {
    // A kernel that reads one of its taps: the last one to move towards the start.
    const before = Math.max(0, by);
    return { kernel: Math.abs(by) + 1, one: by < 0 ? -by : 0, before, after: length - given - before + Math.abs(by) };
  };
  const [y, x] = [axis(down, height, h), axis(right, width, w)];
  return blockedPick(t, [y.one, x.one], [y.kernel, x.kernel], [1, 1], [y.before, x.before, y.after, x.after], block);
}

/** x [N, C, H, W] in blocks with pixels innermost: [N, H·W/block, C, block]. Lengths fill blocks. */
function pixelsInnermost(x: Tensor, block: number): Tensor {
  const [n, c, h, w] = x.shape as Picture;
  const positions = (h * w) / block;
  const turned = toBlocks(x.reshape([((n * c) / block) * positions, block, block, 1]));
  if (c === block) return turned;
  return turned.reshape([n, c / block, positions, block * block]).transpose([0, 2, 1, 3]);
}

/** Pieces of work that a convolution is wanted in, so that several threads share it evenly. */
const PIECES = 8;
/** Blocks of outputs that the engine computes as one piece. */
const BLOCKS_IN_PIECE = 4;

/**
 * How many parts of the batch are summed apart and then together: each image, unless the parts' sums were more to write than dy to
 * reorder; then as few as give every thread work.
 */
function partsOf(n: number, outputs: number, dyElements: number, pieces: number): number {
  if (outputs * n <= dyElements) return n;
  for (let parts = Math.min(n, Math.ceil(PIECES / pieces)); ; parts--) if (n % parts === 0) return parts;
}

/** One axis of a window with stride 1: position `i` of the window reads x at `i·dilation − before`. */
export interface Axis {
  readonly taps: number;
  readonly dilation: number;
  readonly before: number;
}

/** Sums for all taps of a window of stride 1, one tensor [M/B, rows, C, B] for each column or (with small pictures) each place. */
function placesOf(x: Tensor, dy: Tensor, row: Axis, column: Axis, block: number): Tensor {
  const [n, c, h, w] = x.shape as Picture;
  const m = dy.shape[1] as number;
  const pixels = pixelsOf(h, w, block);
  const { height, width } = pixels;
  const byRows = pixels.rows === 1;
  const perRow = byRows ? width / block : 1;
  const blocksHigh = (height * width) / block;
  const kernelHigh = byRows ? (dy.shape[2] as number) * perRow : blocksHigh;
  const pieces = Math.ceil(m / (BLOCKS_IN_PIECE * block)) * (byRows ? row.taps : 1);
  const parts = partsOf(n, row.taps * column.taps * m * c, column.taps * elementCount(dy.shape), pieces);
  const each = n / parts;

  const weights = Array.from({ length: column.taps }, (_, j) => {
    const right = j * column.dilation - column.before;
    const placed = moved(dy, 0, right, byRows ? (dy.shape[2] as number) : height, width, block);
    if (each === 1 || m === block) return placed.reshape([parts * m, each * block, kernelHigh, 1]);
    return placed
      .reshape([parts, each, m / block, kernelHigh * block * block])
      .swapAxes(1, 2)
      .reshape([parts * m, each * block, kernelHigh, 1]);
  });
  const seen = (t: Tensor): Tensor => pixelsInnermost(t, block).reshape([1, n * block, blocksHigh, c]);
  const [step, before] = [perRow * row.dilation, perRow * row.before];
  // Where rows fill blocks, sliding down gives the rows of the window; otherwise x is moved for each.
  const inputs = byRows
    ? [seen(moved(x, 0, 0, h, width, block))]
    : Array.from({ length: row.taps }, (_, i) => seen(moved(x, row.before - i * row.dilation, 0, height, width, block)));
  const rows = byRows ? row.taps : 1;
  const sums = inputs.flatMap((input) =>
    weights.map((weight) => {
      const y = emitOne(BlockedConv, [input, weight, null, null], {
        kernel_shape: [kernelHigh, 1],
        strides: [byRows ? step : 1, 1],
        pads: byRows ? [before, 0, (row.taps - 1) * step + kernelHigh - blocksHigh - before, 0] : [0, 0, 0, 0],
        dilations: [1, 1],
        group: parts,
      }).reshape([parts, (m / block) * rows * c * block]);
      return (parts === 1 ? y : y.sum(0)).reshape([1, m / block, rows, c, block]);
    }),
  );
  const [first, ...others] = sums as [Tensor, ...Tensor[]];
  const all = first.concat(others, 0).reshape([inputs.length, column.taps, m / block, rows, c, block]);
  // [M/B, C, kernel, B]
  return all.transpose([2, 4, 0, 3, 1, 5]).reshape([m / block, c, row.taps, column.taps, block]);
}

/** The taps of an axis by the remainder modulo the stride of where they see x, as windows of stride 1 over every stride-th pixel. */
export function phases(
  taps: number,
  stride: number,
  dilation: number,
  pad: number,
): { remainder: number; at: number[]; axis: Axis }[] {
  return Array.from({ length: stride }, (_, remainder) => {
    const at = Array.from({ length: taps }, (_, k) => k).filter((k) => mod(k * dilation - pad, stride) === remainder);
    const shifts = at.map((k) => Math.floor((k * dilation - pad) / stride));
    const axis = { taps: at.length, dilation: (shifts[1] ?? 1) - (shifts[0] ?? 0), before: -(shifts[0] ?? 0) };
    return { remainder, at, axis };
  }).filter(({ at }) => at.length > 0);
}

const mod = (a: number, b: number): number => ((a % b) + b) % b;

/**
 * dw [M, C, …kernel] from x and dy in blocks; undefined for windows that it cannot say (those that begin inside x or
 * end before its end, strides that do not divide x, padding that makes dy larger than x).
 */
export function blockedWeightGradient(x: Tensor, dy: Tensor, window: Window, block: number): Tensor | undefined {
  const { kernel_shape, strides, pads, dilations } = window;
  const [, c, h, w] = x.shape as Picture;
  const [, m, yh, yw] = dy.shape as Picture;
  const [rows, columns] = [0, 1].map((i) =>
    phases(kernel_shape[i] as number, strides[i] as number, dilations[i] as number, pads[i] as number),
  ) as [ReturnType<typeof phases>, ReturnType<typeof phases>];
  const [sh, sw] = strides as readonly [number, number];
  if (h % sh !== 0 || w % sw !== 0) return undefined;
  const [ph, pw] = [h / sh, w / sw];
  for (const [{ axis }, length, slid] of [
    ...rows.map((r) => [r, ph, yh] as const),
    ...columns.map((r) => [r, pw, yw] as const),
  ]) {
    const after = (axis.taps - 1) * axis.dilation + slid - length - axis.before;
    if (axis.before < 0 || after < 0 || slid > length) return undefined;
  }
  const [rowOrder, columnOrder] = [rows.flatMap(({ at }) => at), columns.flatMap(({ at }) => at)];
  const byRow = rows.map((row) => {
    const parts = columns.map((column) => {
      const phase =
        sh * sw === 1 ? x : blockedPick(x, [row.remainder, column.remainder], [sh, sw], [sh, sw], [0, 0, 0, 0], block);
      return placesOf(phase, dy, row.axis, column.axis, block);
    });
    return (parts[0] as Tensor).concat(parts.slice(1), 3);
  });
  let all = (byRow[0] as Tensor).concat(byRow.slice(1), 2);
  all = inOrder(inOrder(all, 2, rowOrder), 3, columnOrder);
  const taps = elementCount(kernel_shape);
  // [M/B, C·kernel, B] → [M, C, …kernel] by the engine's own fast reordering.
  return fromBlocks(all.reshape([m / block, block, c * taps, 1])).reshape([m, c, ...kernel_shape]);
}

/** Places that stand in `order` along an axis, put in their own order. */
export function inOrder(t: Tensor, axis: number, order: readonly number[]): Tensor {
  if (order.every((k, i) => k === i)) return t;
  const inverse = order.map((_, k) => order.indexOf(k));
  return t.gather(constant(fromNumbers("int64", [inverse.length], inverse)), axis);
}

/**
 * dw [C, 1, …kernel] of a depthwise convolution from x and dy in blocks: each plane of dy is slid over its plane of x. Undefined where
 * the window leaves pixels at the end unseen.
 */
export function blockedDepthwiseGradient(x: Tensor, dy: Tensor, window: Window): Tensor | undefined {
  const { kernel_shape, strides, pads, dilations } = window;
  const [n, c, h, w] = x.shape as Picture;
  const [, , yh, yw] = dy.shape as Picture;
  const after = [
    [h, yh],
    [w, yw],
  ].map(([length, slid], i) => {
    const reach =
      (strides[i] as number) * ((slid as number) - 1) + 1 + (dilations[i] as number) * ((kernel_shape[i] as number) - 1);
    return reach - (length as number) - (pads[i] as number);
  });
  if (after.some((width) => width < 0)) return undefined;
  const planes = n * c;
  const each = emitOne(BlockedConv, [x.reshape([1, planes, h, w]), dy.reshape([planes, 1, yh, yw]), null, null], {
    kernel_shape: [yh, yw],
    strides: dilations,
    pads: [pads[0] as number, pads[1] as number, ...after],
    dilations: strides,
    group: planes,
  });
  const sum = each.reshape([n, elementCount([c, ...kernel_shape])]).sum(0);
  return fromBlocks(sum.reshape([1, c, ...kernel_shape])).reshape([c, 1, ...kernel_shape]);
}
