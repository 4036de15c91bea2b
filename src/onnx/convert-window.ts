/**
 * @module Convolution and pooling as files write them: kernel, strides and dilations may be left out, padding may be named.
 */
import type { Window } from "../ops/index.js";
import type { Dim, Tensor } from "../graph/index.js";
import { constant, dimMul, isFloat, sizeOf, staticDim, staticShape } from "../graph/index.js";
import { opNamed, emit, emitOne, slidShape, span } from "../ops/index.js";
import type { Call } from "./call.js";
import type { Conversion } from "./conversion.js";

/** Widths before and after an axis so that its length is the input's over the stride, rounded up. */
function samePads(
  length: Dim,
  kernel: number,
  stride: number,
  dilation: number,
  upper: boolean,
  where: string,
): [number, number] {
  const reach = dilation * (kernel - 1) + 1;
  const known = stride === 1 ? 0 : staticDim(length, where);
  const total = stride === 1 ? reach - 1 : Math.max(0, (Math.ceil(known / stride) - 1) * stride + reach - known);
  const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
  return upper ? [less, more] : [more, less];
}

/** The window of a node over x; `kernel` is what the weights say. */
function windowOf(c: Call, x: Tensor, kernel?: readonly number[]): Window {
  const kernel_shape = c.ints("kernel_shape") ?? kernel;
  if (kernel_shape === undefined) return c.unsupported("a window without kernel_shape");
  const ones = kernel_shape.map(() => 1);
  const strides = c.ints("strides") ?? ones;
  const dilations = c.ints("dilations") ?? ones;
  const named = c.string("auto_pad", "NOTSET");
  const given = c.ints("pads") ?? [...ones, ...ones].map(() => 0);
  if (named === "NOTSET" || named === "") return { kernel_shape, strides, dilations, pads: given };
  const pads = kernel_shape.map((k, i) =>
    named === "VALID"
      ? [0, 0]
      : samePads(x.shape[i + 2] as Dim, k, strides[i] as number, dilations[i] as number, named === "SAME_UPPER", c.where),
  );
  return { kernel_shape, strides, dilations, pads: [...pads.map((p) => p[0] as number), ...pads.map((p) => p[1] as number)] };
}

const kernelOf = (w: Tensor, c: Call): readonly number[] => staticShape(w.shape.slice(2), c.where);

/** The window of a convolution with weights w over x. */
export const convWindow = (c: Call, x: Tensor, w: Tensor): Window => windowOf(c, x, kernelOf(w, c));

const conv: Conversion = (c) => {
  const [x, w] = [c.x(0), c.x(1)];
  return emit(opNamed("Conv"), [x, w, c.optional(2)], { ...convWindow(c, x, w), group: c.int("group") });
};

/** Computes `pads` and `output_padding` of a ConvTranspose that gives `output_shape` or `auto_pad` instead. */
function transposedPads(c: Call, x: Tensor, w: Window): { pads: readonly number[]; output_padding: readonly number[] } {
  const given = c.ints("pads");
  const extra = c.ints("output_padding") ?? w.kernel_shape.map(() => 0);
  const named = c.string("auto_pad", "NOTSET");
  const sizes = c.ints("output_shape")?.slice(-w.kernel_shape.length);
  if (sizes === undefined && !named.startsWith("SAME"))
    return { pads: named === "VALID" || given === undefined ? w.pads : given, output_padding: extra };
  // The padding follows from the length that is asked for; SAME asks for stride times the input's.
  const output_padding = [...extra];
  const both = w.kernel_shape.map((k, i) => {
    const [stride, length] = [w.strides[i] as number, staticDim(x.shape[i + 2], c.where)];
    const full = stride * (length - 1) + (extra[i] as number) + (w.dilations[i] as number) * (k - 1) + 1;
    const total = full - (sizes?.[i] ?? length * stride);
    // More than the windows reach is filled up at the end.
    if (total < 0) output_padding[i] = (extra[i] as number) - total;
    const [less, more] = [Math.floor(Math.max(0, total) / 2), Math.ceil(Math.max(0, total) / 2)];
    return named === "SAME_UPPER" ? [less, more] : [more, less];
  });
  return { pads: [...both.map((p) => p[0] as number), ...both.map((p) => p[1] as number)], output_padding };
}

const convTranspose: Conversion = (c) => {
  const [x, w] = [c.x(0), c.x(1)];
  const group = c.int("group");
  const kernel_shape = c.ints("kernel_shape") ?? kernelOf(w, c);
  const ones = kernel_shape.map(() => 1);
  const strides = c.ints("strides") ?? ones;
  const dilations = c.ints("dilations") ?? ones;
  const window = { kernel_shape, strides, dilations, pads: [...ones, ...ones].map(() => 0) };
  const attributes = { ...window, group, ...transposedPads(c, x, window) };
  return emit(opNamed("ConvTranspose"), [x, w, c.optional(2)], attributes);
};

/** Places as the file counts them: with `storage_order` 1 the first spatial axis is the fastest. */
function placesByColumn(c: Call, positions: Tensor, x: Tensor): Tensor {
  const lengths = staticShape(x.shape.slice(2), c.where);
  const size = sizeOf(lengths);
  let rest = positions.mod(size);
  let [sum, stride] = [positions.sub(rest), size];
  for (const length of [...lengths].reverse()) {
    stride /= length;
    const at = rest.mod(length);
    sum = sum.add(at.mul(stride));
    rest = rest.sub(at).div(length);
  }
  return sum;
}

const maxPool: Conversion = (c) => {
  const x = c.x(0);
  const attributes = { ...windowOf(c, x), ceil_mode: c.flag("ceil_mode") };
  const byColumn = c.int("storage_order", 0) === 1;
  // Small integers are numbers of float32 as well.
  const [y, positions] = emit(opNamed("MaxPool"), [isFloat(x.dtype) ? x : x.cast("float32")], attributes) as [Tensor, Tensor];
  return [y.cast(x.dtype), byColumn ? placesByColumn(c, positions, x) : positions];
};

const averagePool: Conversion = (c) => {
  const x = c.x(0);
  const [ceil_mode, count_include_pad] = [c.flag("ceil_mode", false), c.flag("count_include_pad", false)];
  return emit(opNamed("AveragePool"), [x], { ...windowOf(c, x), ceil_mode, count_include_pad });
};

/** The p-norm of what the window sees. Where it sees zeros alone it is 0, and so is its gradient. */
const lpPool: Conversion = (c) => {
  const x = c.x(0);
  const p = c.float("p", 2);
  const w = windowOf(c, x);
  const axes = w.kernel_shape.length;
  const out = slidShape(x.shape, w, c.where, c.flag("ceil_mode", false));
  // What hangs over the end sees zeros.
  const over = out.map((count, i) => {
    const reach =
      (staticDim(count, c.where) - 1) * (w.strides[i] as number) + span(w.kernel_shape[i] as number, w.dilations[i] as number);
    return reach - staticDim(x.shape[i + 2], c.where) - (w.pads[i] as number);
  });
  const pads = [...w.pads.slice(0, axes), ...over];
  const powers = p === 2 ? x.square() : p === 1 ? x.abs() : x.abs().pow(p);
  const [n, channels] = x.shape as [Dim, Dim];
  const ones = constant(1, x.dtype).expand([1, 1, ...w.kernel_shape]);
  const each = powers.reshape([dimMul(n, channels), 1, ...x.shape.slice(2)]);
  const sum = emitOne(opNamed("Conv"), [each, ones, null], { ...w, pads, group: 1 }).reshape([n, channels, ...out]);
  return [rootOf(sum, p)];
};

/** The p-th root; 0 at 0, with the gradient 0. */
export function rootOf(sum: Tensor, p: number): Tensor {
  if (p === 1) return sum;
  const isZero = sum.equal(0);
  const safe = isZero.where(1, sum);
  return isZero.where(0, p === 2 ? safe.sqrt() : safe.pow(1 / p));
}

export const WINDOWED: Readonly<Record<string, Conversion>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
};
