/**
 * @module Sliding windows, as convolution and pooling share them: output lengths, padding by name, the elements that one
 * place of the window sees. Axes 0 and 1 are N and C; the spatial axes follow.
 */
import type { Dim, Shape, Tensor } from "../graph/index.js";
import { dimAdd, dimCeilDiv, dimFloorDiv, formatShape, staticDim } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";

/** A window's attributes as ONNX names them: one number for each spatial axis; `pads` before each axis, then after each. */
export type Window = {
  readonly kernel_shape: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
};

/** Attributes that all sliding windows have. */
export const WINDOW_ATTRIBUTES = { kernel_shape: "ints", strides: "ints", pads: "ints", dilations: "ints" } as const;

/**
 * Widths around each spatial axis: one number for all, one for each axis, or before each and then after each. `same` keeps
 * the length (divided by the stride, rounded up; an odd rest goes after, as ONNX's SAME_UPPER and TensorFlow do).
 */
export type Padding = number | readonly number[] | "same" | "valid";

/** Stride, padding and dilation of a sliding window, in pixels: one number, or one for each spatial axis. */
export interface WindowOptions {
  readonly stride?: number | readonly number[];
  readonly padding?: Padding;
  readonly dilation?: number | readonly number[];
}

/** One number for each spatial axis. ShapeError for another count. */
export function perAxis(value: number | readonly number[], count: number, where: string): readonly number[] {
  const list = typeof value === "number" ? new Array<number>(count).fill(value) : value;
  if (list.length !== count) throw new ShapeError(`${where}: expected ${count} numbers, one for each axis, got ${list.length}`);
  return list;
}

/** The elements that a dilated kernel spans. */
export const span = (kernel: number, dilation: number): number => dilation * (kernel - 1) + 1;

/** Options as attributes; `same` needs known lengths where the stride is not 1. x is [N, C, spatial axes]. */
export function windowOf(x: Tensor, kernel_shape: readonly number[], o: WindowOptions, where: string): Window {
  const axes = kernel_shape.length;
  const strides = perAxis(o.stride ?? 1, axes, `${where}: stride`);
  const dilations = perAxis(o.dilation ?? 1, axes, `${where}: dilation`);
  const { padding = 0 } = o;
  if (padding === "valid" || typeof padding !== "string") {
    const given = padding === "valid" ? 0 : padding;
    const isFull = typeof given !== "number" && given.length === 2 * axes;
    const once = isFull ? given : perAxis(given, axes, `${where}: padding`);
    return { kernel_shape, strides, pads: isFull ? once : [...once, ...once], dilations };
  }
  const totals = kernel_shape.map((k, i) => {
    const [stride, reach] = [strides[i] as number, span(k, dilations[i] as number)];
    if (stride === 1) return reach - 1;
    const length = staticDim(x.shape[i + 2], `${where}: padding "same" with a stride`);
    return Math.max(0, (Math.ceil(length / stride) - 1) * stride + reach - length);
  });
  const before = totals.map((total) => Math.floor(total / 2));
  return { kernel_shape, strides, pads: [...before, ...totals.map((total, i) => total - (before[i] as number))], dilations };
}

/** The spatial shape that sliding the window gives; ShapeError where it does not fit. */
export function slidShape(x: Shape, w: Window, where: string, ceilMode = false): Dim[] {
  const axes = w.kernel_shape.length;
  const counts = [w.strides.length, w.dilations.length, w.pads.length / 2, x.length - 2];
  if (counts.some((count) => count !== axes)) {
    throw new ShapeError(`${where}: expected [N, C, …] with ${axes} spatial axes for its window, got ${formatShape(x)}`);
  }
  return w.kernel_shape.map((kernel, i) => {
    const [stride, before, after] = [w.strides[i] as number, w.pads[i] as number, w.pads[i + axes] as number];
    const free = dimAdd(x[i + 2] as Dim, before + after - span(kernel, w.dilations[i] as number));
    const reach = span(kernel, w.dilations[i] as number);
    if (typeof free === "number" && free < 0)
      throw new ShapeError(`${where}: expected at least ${reach} padded elements at axis ${i + 2}, got ${formatShape(x)}`);
    if (!ceilMode) return dimAdd(dimFloorDiv(free, stride), 1);
    // A window that would begin in the padding after the end is dropped, as in PyTorch and ONNX: whether there is one, free length or not, is
    // decided by the widths alone.
    if (after - reach + stride <= 0) return dimAdd(dimCeilDiv(free, stride), 1);
    return dimCeilDiv(dimAdd(x[i + 2] as Dim, before), stride);
  });
}

/** Every place in the window, the last axis fastest: [0, 0], [0, 1], … */
export function windowTaps(kernel_shape: readonly number[]): number[][] {
  return kernel_shape.reduce<number[][]>(
    (taps, kernel) => taps.flatMap((tap) => Array.from({ length: kernel }, (_, k) => [...tap, k])),
    [[]],
  );
}

/** The elements of the padded x that position `tap` of the window reads as it slides: [N, C, …output lengths]. */
export function tapOf(padded: Tensor, tap: readonly number[], w: Window, slid: readonly number[]): Tensor {
  const ranges = tap.map((k, i) => {
    const start = k * (w.dilations[i] as number);
    const stride = w.strides[i] as number;
    return { axis: i + 2, start, end: start + ((slid[i] as number) - 1) * stride + 1, step: stride };
  });
  const isAll = ranges.every(({ axis, start, end, step }) => start === 0 && step === 1 && end === padded.shape[axis]);
  return isAll ? padded : padded.sliceAxes(ranges);
}

/** x with the window's padding around its spatial axes; negative widths cut. x is [N, C, spatial axes]. */
export function padSpatial(x: Tensor, pads: readonly number[], value = 0): Tensor {
  const axes = x.rank - 2;
  return x.pad([0, 0, ...pads.slice(0, axes)], [0, 0, ...pads.slice(axes)], "constant", value);
}

/** x with stride − 1 zeros between neighbours along each spatial axis. x is [N, C, spatial axes]. */
export function spreadSpatial(x: Tensor, strides: readonly number[]): Tensor {
  return strides.reduce((t, stride, i) => (stride === 1 ? t : t.spread(i + 2, stride)), x);
}
