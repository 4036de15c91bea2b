/**
 * @module Quantization as files write it: quantizing, dequantizing, and products and convolutions of integers. Values are those of the integers; gradients go
 * straight through the rounding, and are 0 where a number was held at the end of its range. Bengio et al. 2013, arXiv:1308.3432.
 */
import type { Dim, DType, Tensor } from "../graph/index.js";
import { dimSub, isFloat, normalizeAxis, staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import { emitOne } from "../ops/index.js";
import type { Call, Operand } from "./call.js";
import type { Conversion } from "./conversion.js";
import { convWindow } from "./convert-window.js";
import { dtypeOf } from "./numbers.js";

const LIMITS: Partial<Record<DType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** The value of one tensor with the gradient of another, which stands for it in real numbers. */
export const through = (exact: Tensor, smooth: Tensor): Tensor =>
  emitOne(ops.CustomGradient, [exact, smooth], { rule: (dy) => [dy] });

const rounded = (x: Tensor): Tensor => through(x.round(), x);

/** Casts whole floating-point values to integers that keep the originals, for straight-through gradients. */
function integers(whole: Tensor, dtype: DType): Operand {
  let made: Tensor | undefined;
  return {
    shape: whole.shape,
    dtype,
    tensor: () => (made ??= dtype === "int32" ? whole.cast(dtype) : whole.cast("int32").cast(dtype)),
    straight: () => whole,
  };
}

/** An integer input in real numbers: those that it was rounded from, or itself. */
export function wholeOf(c: Call, i: number, dtype: DType = "float32"): Tensor {
  const operand = c.operand(i);
  const exact = operand.tensor().cast(dtype);
  return operand.straight === undefined ? exact : through(exact, operand.straight().cast(dtype));
}

/** Scale or zero point as it stands along an axis of x: one for all, one for each place of the axis, or one for each block of it. */
function alongAxis(c: Call, t: Tensor, x: Tensor): Tensor {
  const [given, block] = [c.int("axis", 1), c.int("block_size", 0)];
  if (t.rank === 0) return t;
  if (t.rank === 1 && t.shape[0] === 1) return t.reshape([]);
  const axis = normalizeAxis(given, x.rank, c.where);
  if (block === 0) return t.reshape(x.shape.map((_, i) => (i === axis ? (t.shape[0] as Dim) : 1)));
  const [before, after] = [t.shape.slice(0, axis), t.shape.slice(axis + 1)];
  const count = staticDim(t.shape[axis], c.where) * block;
  const repeated = t.unsqueeze(axis + 1).expand([...t.shape.slice(0, axis + 1), block, ...after]).reshape([...before, count, ...after]); // prettier-ignore
  return dimSub(count, x.shape[axis] as Dim) === 0 ? repeated : repeated.slice(axis, 0, staticDim(x.shape[axis], c.where));
}

function dequantize(c: Call): readonly Tensor[] {
  const [operand, scale] = [c.operand(0), c.x(1)];
  const zero = c.optional(2);
  const to = c.int("output_dtype", 0) === 0 ? scale.dtype : dtypeOf(c.int("output_dtype"), c.where);
  const x = operand.tensor();
  const wide = x.cast("int32");
  const exact = (zero === null ? wide : wide.sub(alongAxis(c, zero.cast("int32"), x))).cast(scale.dtype);
  const smooth = operand.straight?.().cast(scale.dtype);
  const centred =
    smooth === undefined
      ? exact
      : through(exact, zero === null ? smooth : smooth.sub(alongAxis(c, zero.cast("int32").cast(scale.dtype), x)));
  return [centred.mul(alongAxis(c, scale, x)).cast(to)];
}

/** The limits of what a zero point, or an attribute, says the numbers are quantized to. */
function quantizedType(c: Call, zero: Operand | null): { readonly dtype: DType; readonly limits: readonly [number, number] } {
  const asked = c.int("output_dtype", 0);
  const dtype = zero?.dtype ?? (asked === 0 ? "uint8" : dtypeOf(asked, c.where));
  if (zero?.bits === 4) return { dtype, limits: dtype === "int8" ? [-8, 7] : [0, 15] };
  return { dtype, limits: LIMITS[dtype] ?? c.unsupported(`quantization to ${dtype}`) };
}

function quantize(c: Call): readonly Operand[] {
  const x = c.x(0);
  const zero = c.inputs[2] ?? null;
  const { dtype, limits } = quantizedType(c, zero);
  if (c.int("precision", 0) !== 0) c.unsupported("precision");
  c.attribute("saturate"); // For 8-bit floats alone.
  const scale = alongAxis(c, c.x(1).cast(x.dtype), x);
  const steps = rounded(x.div(scale));
  const shifted = zero === null ? steps : steps.add(alongAxis(c, zero.tensor().cast("int32").cast(x.dtype), x));
  return [integers(shifted.clip(...limits), dtype)];
}

/** Quantizes: the nearest integers by scale and zero point. */
export function requantized(real: Tensor, scale: Tensor, zero: Operand | null): Operand {
  const dtype = zero?.dtype ?? "uint8";
  const steps = rounded(real.div(scale));
  const shifted = zero === null ? steps : steps.add(zero.tensor().cast("int32").cast(real.dtype));
  return integers(shifted.clip(...(LIMITS[dtype] ?? [0, 255])), dtype);
}

/** Quantizes with scale and zero point found from the values themselves, so that 0 is exact. */
function dynamicQuantize(c: Call): readonly (Tensor | Operand)[] {
  const x = c.x(0);
  const [low, high] = [x.reduceMin().min(0), x.reduceMax().max(0)];
  const range = high.sub(low).div(255);
  const scale = range.equal(0).where(1, range);
  const zero = low.neg().div(scale).clip(0, 255).round();
  const [fixedScale, fixedZero] = [ops.stopGradient(scale), ops.stopGradient(zero)];
  const whole = rounded(x.div(fixedScale)).add(fixedZero).clip(0, 255);
  return [integers(whole, "uint8"), range, integers(zero, "uint8").tensor()];
}

/** Quantized input i less its zero point, exactly and in real numbers. `shape`: as what the zero points stand, if there are several. */
function centred(c: Call, i: number, zeroAt: number, shape: (zero: Tensor) => readonly Dim[]): { exact: Tensor; smooth: Tensor } {
  const zero = c.optional(zeroAt);
  const placed = zero === null ? null : zero.rank === 0 || zero.shape[0] === 1 ? zero.reshape([]) : zero.reshape(shape(zero));
  const exact = c.x(i).cast("int32");
  const smooth = wholeOf(c, i);
  if (placed === null) return { exact, smooth };
  return { exact: exact.sub(placed.cast("int32")), smooth: smooth.sub(placed.cast("int32").cast("float32")) };
}

const ofRows = (t: Tensor): readonly Dim[] => (t.rank === 1 ? [t.shape[0] as Dim, 1] : t.shape);
const asTheyAre = (t: Tensor): readonly Dim[] => t.shape;

/** Integer sums of products, as int32 and with the gradient of the real ones. */
function integerProduct(c: Call, b: number, [zeroA, zeroB]: readonly [number, number]): Tensor {
  const [left, right] = [centred(c, 0, zeroA, ofRows), centred(c, b, zeroB, asTheyAre)];
  return through(left.exact.matMul(right.exact).cast("float32"), left.smooth.matMul(right.smooth));
}

/** Integers as the engine gives them, which keep their real form. */
function int32(product: Tensor): Operand {
  return integers(product, "int32");
}

/** A scale, or one for each row of a product. */
const scaleOf = (t: Tensor, shape: (t: Tensor) => readonly Dim[]): Tensor =>
  t.rank === 0 ? t : t.shape[0] === 1 && t.rank === 1 ? t.reshape([]) : t.reshape(shape(t));

function qLinearMatMul(c: Call): readonly Operand[] {
  const product = integerProduct(c, 3, [2, 5]);
  const [a, b, y] = [scaleOf(c.x(1), ofRows), scaleOf(c.x(4), asTheyAre), c.x(6)].map((t) => t.cast("float32")) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const steps = rounded(product.mul(a.mul(b).div(y)));
  const zero = c.operand(7);
  const { limits } = quantizedType(c, zero);
  return [integers(steps.add(zero.tensor().cast("float32")).clip(...limits), zero.dtype)];
}

/** One for each output channel, as it stands in [N, M, …] or, for weights, in [M, C, …]. */
const perChannel =
  (rank: number, axis: 0 | 1) =>
  (t: Tensor): readonly Dim[] =>
    Array.from({ length: rank }, (_, i) => (i === axis ? (t.shape[0] as Dim) : 1));

/** The convolution of whole numbers: sums below 2²⁴ are exact in float32, and larger ones to as many digits. */
function integerConvolution(c: Call, w: number, [zeroX, zeroW]: readonly [number, number]): Tensor {
  const { rank } = c.operand(w).tensor();
  const x = centred(c, 0, zeroX, asTheyAre).smooth;
  const weights = centred(c, w, zeroW, perChannel(rank, 0)).smooth;
  return emitOne(ops.Conv, [x, weights, null], { ...convWindow(c, x, weights), group: c.int("group", 1) });
}

function qLinearConv(c: Call): readonly Operand[] {
  const sum = integerConvolution(c, 3, [2, 5]);
  const bias = c.optional(8);
  const whole = bias === null ? sum : sum.add(bias.cast("float32").reshape(perChannel(sum.rank, 1)(bias)));
  const factor = c.x(1).mul(scaleOf(c.x(4), perChannel(sum.rank, 1))).div(c.x(6)); // prettier-ignore
  const zero = c.operand(7);
  const { limits } = quantizedType(c, zero);
  return [integers(rounded(whole.mul(factor)).add(zero.tensor().cast("float32")).clip(...limits), zero.dtype)]; // prettier-ignore
}

/** Casts to a floating-point type; integers that were rounded from real numbers give those. */
export const castThrough = (x: Operand, to: DType): Tensor =>
  x.straight === undefined || !isFloat(to) ? x.tensor().cast(to) : through(x.tensor().cast(to), x.straight().cast(to));

/** Quantization, and ops on quantized tensors. */
export const QUANTIZING: readonly (readonly [string, Conversion])[] = [
  ["DequantizeLinear", dequantize],
  ["QuantizeLinear", quantize],
  ["DynamicQuantizeLinear", dynamicQuantize],
  ["MatMulInteger", (c) => [int32(integerProduct(c, 1, [2, 3]))]],
  ["ConvInteger", (c) => [int32(integerConvolution(c, 1, [2, 3]))]],
  ["QLinearMatMul", qLinearMatMul],
  ["QLinearConv", qLinearConv],
];
