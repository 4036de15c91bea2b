/**
 * @module Quantized ops that the engine's quantization tools write (com.microsoft), converted to ops on real numbers, with the same
 * straight-through gradients as ONNX's own.
 * Source: onnxruntime 1.30, docs/ContribOperators.md.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import { range } from "../util/range.js";
import type { Call, Operand } from "./call.js";
import type { Conversion } from "./conversion.js";
import { requantized, QUANTIZING, wholeOf } from "./convert-quantize.js";
import { WINDOWED } from "./convert-window.js";

/** Dequantizes input i by the scale and zero point that follow it. */
function realOf(c: Call, i: number, scaleAt = i + 1, zeroAt = i + 2): Tensor {
  const zero = c.optional(zeroAt);
  const whole = wholeOf(c, i);
  const centred =
    zero === null
      ? whole
      : whole.sub(
          zero
            .cast("int32")
            .cast("float32")
            .reshape(zero.rank === 1 && zero.shape[0] === 1 ? [] : zero.shape),
        );
  return centred.mul(scalar(c.x(scaleAt)));
}

const scalar = (t: Tensor): Tensor => (t.rank === 1 && t.shape[0] === 1 ? t.reshape([]) : t);

const zeroOf = (c: Call, i: number): Operand | null => c.inputs[i] ?? null;

const ofTwo =
  (join: (a: Tensor, b: Tensor) => Tensor): Conversion =>
  (c) => [requantized(join(realOf(c, 0), realOf(c, 3)), c.x(6), zeroOf(c, 7))];

const ofOne =
  (f: (x: Tensor, c: Call) => Tensor): Conversion =>
  (c) => [requantized(f(realOf(c, 0), c), c.x(3), zeroOf(c, 4))];

/** Axes of height and width, wherever the channels are. */
function spatialAxes(c: Call, x: Tensor): number[] {
  return c.flag("channels_last", false) ? range(1, x.rank - 1) : range(2, x.rank);
}

const averagePool = ofOne((x, c) => {
  if (c.flag("channels_last", false)) c.unsupported("channels_last 1");
  const pool = WINDOWED["AveragePool"] as Conversion;
  return pool(c.with([{ shape: x.shape, dtype: x.dtype, tensor: () => x }]))[0] as Tensor;
});

/** A product of quantized matrices; the second one may have a scale and a zero point for each column of the result. */
function qGemm(c: Call): readonly (Tensor | Operand)[] {
  const [turnsA, turnsB] = [c.flag("transA", false), c.flag("transB", false)];
  const zero = c.x(5).cast("int32").cast("float32");
  const columns = turnsB && zero.rank === 1 && zero.shape[0] !== 1 ? zero.unsqueeze(1) : scalar(zero);
  const a = realOf(c, 0);
  const b = wholeOf(c, 3).sub(columns);
  const scale = scalar(c.x(4)).mul(c.float("alpha", 1));
  const product = (turnsA ? a.transpose() : a).matMul(turnsB ? b.transpose() : b).mul(scale);
  const y = c.has(6) ? product.add(wholeOf(c, 6).mul(scalar(c.x(1)).mul(scale))) : product;
  return c.has(7) ? [requantized(y, c.x(7), zeroOf(c, 8))] : [y];
}

function qLinearConcat(c: Call): readonly Operand[] {
  const parts = range(0, (c.inputs.length - 2) / 3).map((i) => realOf(c, 2 + 3 * i));
  return [requantized(ops.concat(parts, c.int("axis")), c.x(0), zeroOf(c, 1))];
}

function matMulIntegerToFloat(c: Call): readonly Tensor[] {
  const product = realOf(c, 0, 2, 4).matMul(realOf(c, 1, 3, 5));
  return [c.has(6) ? product.add(c.x(6)) : product];
}

/** Real rows times quantized columns; the rows are quantized dynamically, by their own range. */
function dynamicQuantizeMatMul(c: Call): readonly Tensor[] {
  const quantize = QUANTIZING.find(([name]) => name === "DynamicQuantizeLinear")?.[1] as Conversion;
  const [whole, scale, zero] = quantize(c.with([c.operand(0)])) as [Operand, Tensor, Tensor];
  const smooth = wholeOf(c.with([whole]), 0).sub(zero.cast("float32"));
  const product = smooth.mul(scale).matMul(realOf(c, 1, 2, 3));
  return [c.has(4) ? product.add(c.x(4)) : product];
}

/** Weights in blocks of 4 or 8 bits [N, blocks, bytes], each with a scale, and maybe zero points, at these inputs: as real numbers [N, K]. */
function blockWeights(c: Call, n: number, k: number, [codes, scaling, zeros]: readonly [number, number, number]): Tensor {
  const [bits, block] = [c.int("bits", 4), c.int("block_size", 128)];
  if (bits !== 4 && bits !== 8) return c.unsupported(`bits ${bits} (only 4 and 8)`);
  const blocks = Math.ceil(k / block);
  /** The lower half of each byte comes first. */
  const halves = (t: Tensor, shape: readonly Dim[]): Tensor => {
    const wide = t.cast("int32");
    const whole = bits === 8 ? wide : ops.stack([wide.mod(16), wide.div(16)], wide.rank);
    return whole.reshape(shape).cast("float32");
  };
  const weights = halves(c.x(codes), [n, blocks, block]);
  const scales = c.x(scaling).reshape([n, blocks, 1]);
  const given = c.optional(zeros);
  let zero: Tensor | number = bits === 4 ? 8 : 128;
  if (given !== null && given.dtype === "uint8") {
    const across = bits === 4 ? 2 * Math.ceil(blocks / 2) : blocks;
    const all = halves(given, [n, across]);
    zero = (across === blocks ? all : all.slice(1, 0, blocks)).reshape([n, blocks, 1]);
  } else if (given !== null) zero = given.reshape([n, blocks, 1]);
  const real = weights
    .sub(zero)
    .mul(scales.cast("float32"))
    .reshape([n, blocks * block]);
  return blocks * block === k ? real : real.slice(1, 0, k);
}

function matMulNBits(c: Call): readonly Tensor[] {
  for (const name of ["accuracy_level", "weight_prepacked"]) c.attribute(name);
  if (c.has(4)) return c.unsupported("g_idx");
  const x = c.x(0);
  const weights = blockWeights(c, c.int("N"), c.int("K"), [1, 2, 3]);
  const product = x.matMul(weights.transpose().cast(x.dtype));
  return [c.has(5) ? product.add(c.x(5)) : product];
}

/** Rows of a table in blocks, as real numbers. */
function gatherBlockQuantized(c: Call): readonly Tensor[] {
  const table = c.operand(0);
  const [rows, bytes] = [staticDim(table.shape[0], c.where), staticDim(table.shape[1], c.where)];
  const axis = c.int("quantize_axis", 1);
  if (table.shape.length !== 2 || table.dtype !== "uint8" || c.int("gather_axis", 0) !== 0 || (axis !== 1 && axis !== -1))
    c.unsupported("tables other than uint8 [rows, bytes] whose rows are gathered");
  const scale = c.x(2);
  const real = blockWeights(c, rows, (bytes * 8) / c.int("bits", 4), [0, 2, 3]);
  return [ops.gather(real.cast(scale.dtype), c.x(1))];
}

/** Quantized ops by `domain::name`. */
export const QLINEAR: readonly (readonly [string, Conversion])[] = [
  ...QUANTIZING.filter(([name]) => name === "QuantizeLinear" || name === "DequantizeLinear").map(
    ([name, conversion]): [string, Conversion] => [`com.microsoft::${name}`, conversion],
  ),
  ["com.microsoft::QLinearAdd", ofTwo((a, b) => a.add(b))],
  ["com.microsoft::QLinearMul", ofTwo((a, b) => a.mul(b))],
  ["com.microsoft::QLinearSigmoid", ofOne((x) => x.sigmoid())],
  ["com.microsoft::QLinearLeakyRelu", ofOne((x, c) => ops.leakyRelu(x, c.float("alpha", 0.01)))],
  [
    "com.microsoft::QLinearSoftmax",
    ofOne((x, c) => {
      if (c.int("opset", 13) < 13) c.unsupported(`opset ${c.int("opset", 13)}`);
      return x.softmax(c.int("axis", -1));
    }),
  ],
  ["com.microsoft::QLinearGlobalAveragePool", ofOne((x, c) => x.mean(spatialAxes(c, x), true))],
  ["com.microsoft::QLinearAveragePool", averagePool],
  ["com.microsoft::QLinearConcat", qLinearConcat],
  ["com.microsoft::QGemm", qGemm],
  ["com.microsoft::MatMulIntegerToFloat", matMulIntegerToFloat],
  ["com.microsoft::DynamicQuantizeMatMul", dynamicQuantizeMatMul],
  ["com.microsoft::MatMulNBits", matMulNBits],
  ["com.microsoft::GatherBlockQuantized", gatherBlockQuantized],
];
