/**
 * @module Quantized numbers as files write them: a scale and a zero point, one for all or along an axis.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { normalizeAxis } from "../graph/index.js";
import type { Call } from "./call.js";
import type { Conversion } from "./conversion.js";

/** Scale and zero point as they stand along an axis of x. */
function alongAxis(c: Call, t: Tensor, x: Tensor): Tensor {
  if (t.rank === 0 || c.attribute("block_size") !== undefined) return t.rank === 0 ? t : c.unsupported("block_size");
  if (t.rank === 1 && t.shape[0] === 1) return t.reshape([]);
  const axis = normalizeAxis(c.int("axis", 1), x.rank, c.where);
  return t.reshape(x.shape.map((_, i) => (i === axis ? (t.shape[0] as Dim) : 1)));
}

function dequantize(c: Call): readonly Tensor[] {
  const [x, scale, zero] = [c.x(0), c.x(1), c.optional(2)];
  const wide = x.cast("int32");
  const centred = zero === null ? wide : wide.sub(alongAxis(c, zero.cast("int32"), x));
  return [centred.cast(scale.dtype).mul(alongAxis(c, scale, x))];
}

function quantize(c: Call): readonly Tensor[] {
  const [x, scale, zero] = [c.x(0), c.x(1), c.optional(2)];
  const to = zero?.dtype ?? "uint8";
  const limits = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535] }[to as string];
  if (limits === undefined) return c.unsupported(`quantization to ${to}`);
  const rounded = x.div(alongAxis(c, scale, x)).round();
  const shifted = zero === null ? rounded : rounded.add(alongAxis(c, zero.cast("int32").cast(x.dtype), x));
  return [
    shifted
      .clip(limits[0] as number, limits[1] as number)
      .cast("int32")
      .cast(to),
  ];
}

/** To and from quantized numbers. */
export const QUANTIZING: readonly (readonly [string, Conversion])[] = [
  ["DequantizeLinear", dequantize],
  ["QuantizeLinear", quantize],
];
