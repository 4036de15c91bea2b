/**
 * @module Files of the ops that the engine's optimizers and quantization tools write, and of rare forms of ONNX's own.
 */
import type { DType, TensorData } from "../../src/graph/index.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import type { Given, OnnxFile } from "../onnx/file.js";
import { img, ints, list, node, numbers, scalar, w } from "../onnx/file.js";

type Inputs = OnnxFile["inputs"];

/** A file of one node of com.microsoft; "" among the names leaves an input out. */
const contrib = (
  opType: string,
  inputs: Inputs,
  attributes: Record<string, Given> = {},
  constants: Record<string, TensorData> = {},
  outputs: string[] = ["y"],
  names: string[] = [...inputs.map((_, i) => `x${i}`), ...Object.keys(constants)],
): OnnxFile => ({
  opset: 17,
  inputs,
  constants,
  outputs: outputs.filter((name) => name !== ""),
  nodes: [node(opType, names, outputs, attributes, "com.microsoft")],
});

/** Numbers that fill the range of a byte. */
function bytes(name: string, shape: readonly number[], dtype: "uint8" | "int8" = "uint8"): TensorData {
  const [low, high] = dtype === "uint8" ? [0, 255] : [-128, 127];
  const spread = toNumbers(numbers(name, shape)).map((v) => Math.max(low, Math.min(Math.round(v * 40) + (low + high + 1) / 2, high))); // prettier-ignore
  return fromNumbers(dtype, shape, spread);
}
const small = (shape: number[], dtype: DType = "uint8"): Inputs[number] => ({ shape, dtype });
const [s1, s2, s3] = [scalar(0.03), scalar(0.05), scalar(0.08)];
const z = (value: number, dtype: DType = "uint8"): TensorData => scalar(value, dtype);
const text: Inputs = [[2, 3, 8]];
const three = { g: w([8]), b: numbers("b", [8]) };

/** Fused by the optimizer. */
const FUSED_FILES: Readonly<Record<string, OnnxFile>> = {
  ...Object.fromEntries(
    [
      ["Relu", undefined],
      ["LeakyRelu", [0.2]],
      ["Clip", [-0.5, 0.7]],
      ["HardSigmoid", [0.3, 0.4]],
      ["Sigmoid", undefined],
      ["Tanh", undefined],
    ].map(([activation, floats]) => [
      `FusedConv, ${String(activation)}`,
      contrib(
        "FusedConv",
        [img],
        {
          activation: String(activation),
          pads: [1, 1, 1, 1],
          ...(floats === undefined ? {} : { activation_params: { floats: floats as number[] } }),
        },
        { k: w([4, 3, 3, 3]), b: w([4]) },
      ),
    ]),
  ),
  "FusedConv with a sum": contrib(
    "FusedConv",
    [
      [1, 3, 6, 6],
      [1, 4, 4, 4],
    ],
    { activation: "Relu" },
    { k: w([4, 3, 3, 3]), b: w([4]) },
    ["y"],
    ["x0", "k", "b", "x1"],
  ),
  FusedGemm: contrib(
    "FusedGemm",
    [[2, 3]],
    { transB: 1, activation: "LeakyRelu", activation_alpha: { float: 0.3 } },
    { k: w([4, 3]), b: w([4]) },
  ),
  "FusedMatMul with batches turned": contrib(
    "FusedMatMul",
    [
      [3, 2, 4],
      [2, 4, 5],
    ],
    { transBatchA: 1, alpha: { float: 0.5 } },
  ),
  SkipLayerNormalization: contrib("SkipLayerNormalization", [[2, 3, 8], [2, 3, 8]], { epsilon: { float: 1e-5 } }, { ...three, bias: w([8]) }, ["y", "", "", "sum"]), // prettier-ignore
  SkipSimplifiedLayerNormalization: contrib("SkipSimplifiedLayerNormalization", [[2, 3, 8], [2, 3, 8]], { epsilon: { float: 1e-5 } }, { g: w([8]) }, ["y", "", "", "sum"]), // prettier-ignore
  EmbedLayerNormalization: contrib(
    "EmbedLayerNormalization",
    [small([2, 4], "int32"), small([2, 4], "int32")],
    { epsilon: { float: 1e-5 } },
    { words: w([6, 8]), places: numbers("p", [5, 8]), segments: numbers("s", [5, 8]), ...three },
    ["y", "shown_int32"],
  ),
  BiasGelu: contrib("BiasGelu", text, {}, { b: w([8]) }),
  FastGelu: contrib("FastGelu", text, {}, { b: w([8]) }),
  QuickGelu: contrib("QuickGelu", text, { alpha: { float: 1 } }),
  "Attention, masked lengths": contrib(
    "Attention",
    text,
    { num_heads: 2 },
    { k: w([8, 24]), b: w([24]), m: fromNumbers("int32", [2], [3, 2]) },
  ),
  "Attention, one way, with a past": contrib(
    "Attention",
    [[2, 3, 8], [2, 2, 2, 4, 4]], // prettier-ignore
    { num_heads: 2, unidirectional: 1 },
    { k: w([8, 24]), b: w([24]) },
    ["y", "present"],
    ["x0", "k", "b", "", "x1"],
  ),
  "Attention, marks and a bias": contrib(
    "Attention",
    [[2, 3, 8], [2, 2, 3, 3]], // prettier-ignore
    { num_heads: 2, scale: { float: 0.3 } },
    { k: w([8, 24]), b: w([24]), m: fromNumbers("int32", [2, 3], [1, 1, 0, 1, 1, 1]) },
    ["y"],
    ["x0", "k", "b", "m", "", "x1"],
  ),
  MultiHeadAttention: contrib("MultiHeadAttention", [[2, 3, 8], [2, 5, 8], [2, 5, 8]], { num_heads: 2 }, { b: w([24]), m: fromNumbers("int32", [2, 5], [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]) }), // prettier-ignore
  RotaryEmbedding: contrib("RotaryEmbedding", [[2, 3, 8]], { num_heads: 2 }, { ids: fromNumbers("int64", [2, 3], [0, 1, 2, 1, 2, 3]), cos: w([6, 2]), sin: numbers("s", [6, 2]) }), // prettier-ignore
  "RotaryEmbedding from a place, interleaved": contrib("RotaryEmbedding", [[2, 2, 3, 4]], { interleaved: 1 }, { ids: ints(2), cos: w([6, 2]), sin: numbers("s", [6, 2]) }), // prettier-ignore
};

/** Quantized. */
const QUANTIZED_FILES: Readonly<Record<string, OnnxFile>> = {
  QLinearAdd: contrib("QLinearAdd", [small([2, 3])], {}, { s1, z1: z(3), b: bytes("b", [2, 3]), s2, z2: z(100), s3, z3: z(128) }, ["y_uint8"]), // prettier-ignore
  QLinearMul: contrib("QLinearMul", [small([2, 3])], {}, { s1, z1: z(3), b: bytes("b", [2, 3]), s2, z2: z(100), s3, z3: z(128) }, ["y_uint8"]), // prettier-ignore
  QLinearSigmoid: contrib("QLinearSigmoid", [small([2, 3])], {}, { s: scalar(1), z1: z(2), t: scalar(1 / 256), z2: z(0) }, ["y_uint8"]), // prettier-ignore
  QLinearLeakyRelu: contrib("QLinearLeakyRelu", [small([2, 3])], { alpha: { float: 0.1 } }, { s: scalar(1), z1: z(2), t: scalar(0.02), z2: z(20) }, ["y_uint8"]), // prettier-ignore
  QLinearGlobalAveragePool: contrib("QLinearGlobalAveragePool", [small([1, 2, 3, 3])], {}, { s: s2, z1: z(1), t: scalar(0.01), z2: z(10) }, ["y_uint8"]), // prettier-ignore
  QLinearAveragePool: contrib("QLinearAveragePool", [small([1, 2, 4, 4])], { kernel_shape: [2, 2], strides: [2, 2] }, { s: s2, z1: z(1), t: scalar(0.01), z2: z(10) }, ["y_uint8"]), // prettier-ignore
  QLinearConcat: contrib("QLinearConcat", [small([2, 3])], { axis: 1 }, { s: s2, z1: z(7), s1, z2: z(3), b: bytes("b", [2, 2]), s3, z3: z(9) }, ["y_uint8"], ["s", "z1", "x0", "s1", "z2", "b", "s3", "z3"]), // prettier-ignore
  QGemm: contrib("QGemm", [small([2, 3])], { transB: 1 }, { s1, z1: z(2), k: bytes("k", [4, 3], "int8"), s2, z2: z(0, "int8"), c: fromNumbers("int32", [4], [5, -7, 100, 3]), s3, z3: z(128) }, ["y_uint8"]), // prettier-ignore
  "QGemm by column": contrib("QGemm", [small([2, 3])], { transB: 1 }, { s1, z1: z(2), k: bytes("k", [4, 3], "int8"), s2: list(0.02, 0.03, 0.05, 0.01), z2: fromNumbers("int8", [4], [0, 1, -2, 0]), c: fromNumbers("int32", [4], [5, -7, 100, 3]), s3, z3: z(128) }, ["y_uint8"]), // prettier-ignore
  MatMulIntegerToFloat: contrib("MatMulIntegerToFloat", [small([2, 3])], {}, { k: bytes("k", [3, 4]), s1, s2: list(0.1, 0.2, 0.3, 0.4), z1: z(2), z2: fromNumbers("uint8", [4], [1, 2, 3, 4]), b: w([4]) }), // prettier-ignore
  // Weights in 7 bits: without VNNI the engine's own products of others saturate.
  DynamicQuantizeMatMul: contrib("DynamicQuantizeMatMul", [[2, 3]], {}, { k: fromNumbers("int8", [3, 4], [60, -63, 12, -7, 33, -41, 5, 63, -20, 18, -55, 9]), s2, z2: z(0, "int8"), b: w([4]) }), // prettier-ignore
  "MatMulNBits of 4": contrib("MatMulNBits", [[2, 32]], { K: 32, N: 3, bits: 4, block_size: 16 }, { k: bytes("k", [3, 2, 8]), s: numbers("s", [6]) }), // prettier-ignore
  "MatMulNBits of 4 with zero points": contrib("MatMulNBits", [[2, 48]], { K: 48, N: 3, bits: 4, block_size: 16 }, { k: bytes("k", [3, 3, 8]), s: numbers("s", [9]), zp: bytes("z", [6]) }), // prettier-ignore
  "GatherBlockQuantized of 4": contrib("GatherBlockQuantized", [small([3], "int64")], { bits: 4, block_size: 16, gather_axis: 0, quantize_axis: 1 }, { t: bytes("k", [6, 16]), s: numbers("s", [6, 2]) }, ["y"], ["t", "x0", "s"]), // prettier-ignore
  "GatherBlockQuantized of 4 with zero points": contrib("GatherBlockQuantized", [small([3], "int64")], { bits: 4, block_size: 16, gather_axis: 0, quantize_axis: 1 }, { t: bytes("k", [6, 16]), s: numbers("s", [6, 2]), zp: bytes("z", [6, 1]) }, ["y"], ["t", "x0", "s", "zp"]), // prettier-ignore
  "GatherBlockQuantized of 8": contrib("GatherBlockQuantized", [small([3], "int64")], { bits: 8, block_size: 16, gather_axis: 0, quantize_axis: 1 }, { t: bytes("k", [6, 32]), s: numbers("s", [6, 2]) }, ["y"], ["t", "x0", "s"]), // prettier-ignore
  "MatMulNBits of 8": contrib("MatMulNBits", [[2, 32]], { K: 32, N: 3, bits: 8, block_size: 16 }, { k: bytes("k", [3, 2, 16]), s: numbers("s", [6]) }), // prettier-ignore
};

export const CONTRIB_FILES: Readonly<Record<string, OnnxFile>> = { ...FUSED_FILES, ...QUANTIZED_FILES };
