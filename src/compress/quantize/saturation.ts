/**
 * @module The range of 8-bit weights that this machine multiplies without error.
 */
import { DTYPES } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, OnnxModel } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { nodeProto } from "../file-graph.js";

/** The largest weight in 8 bits. */
export const LARGEST_CODE = 127;
/** The largest of which two, times 255, fit 16 bits. */
const LARGEST_IN_SEVEN_BITS = 63;
const [ROWS, INNER, COLUMNS] = [8, 64, 16];

const product: ModelProto = {
  irVersion: 8,
  producerName: "descent",
  producerVersion: "",
  opsets: new Map([["", 13]]),
  metadata: new Map(),
  functions: [],
  graph: {
    name: "saturation",
    nodes: [nodeProto("MatMulInteger", ["x", "w"], ["y"])],
    initializers: [],
    inputs: [
      { name: "x", elementType: DTYPES.uint8.onnx, shape: [ROWS, INNER] },
      { name: "w", elementType: DTYPES.int8.onnx, shape: [INNER, COLUMNS] },
    ],
    outputs: [{ name: "y", elementType: DTYPES.int32.onnx, shape: undefined }],
  },
};

/**
 * Returns the largest weight of an 8-bit product: 127, or 63 where the engine's products saturate. Processors without VNNI add two products of 8 bits in 16,
 * and what does not fit is cut off.
 *
 * Source: onnxruntime, Quantize ONNX models, on `reduce_range`. Differs from it: the machine is asked, not the user.
 */
export async function largestCode(use: CompileOptions = {}): Promise<number> {
  await using session = await compile(new OnnxModel(encodeModel(product)), use);
  const { y } = await session.call({
    x: { dtype: "uint8", shape: [ROWS, INNER], data: new Uint8Array(ROWS * INNER).fill(255) },
    w: { dtype: "int8", shape: [INNER, COLUMNS], data: new Int8Array(INNER * COLUMNS).fill(LARGEST_CODE) },
  });
  return y?.data.every((value) => value === 255 * LARGEST_CODE * INNER) === true ? LARGEST_CODE : LARGEST_IN_SEVEN_BITS;
}
