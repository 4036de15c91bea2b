/**
 * @module The range of 8-bit weights that this machine multiplies at full speed without error.
 */
import { OnnxModel } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { saturationProbe } from "../../runtime/integer-products.js";

/** The largest weight in 8 bits. */
export const LARGEST_CODE = 127;
/** The largest in 7 bits; two such weights times 255 fit 16 bits. */
const LARGEST_IN_SEVEN_BITS = 63;

/**
 * Returns the largest weight of an 8-bit product: 127, or 63 where the engine's fast products saturate, as on processors without VNNI.
 *
 * Source: onnxruntime, Quantize ONNX models, on `reduce_range`. Differs from it: the machine is asked, not the user.
 */
export async function largestCode(use: CompileOptions = {}): Promise<number> {
  const { model, feeds, isExact } = saturationProbe;
  await using session = await compile(new OnnxModel(model()), { ...use, exactIntegers: false });
  const { y } = await session.call(feeds);
  return y !== undefined && isExact(y.data) ? LARGEST_CODE : LARGEST_IN_SEVEN_BITS;
}
