/**
 * @module Products of 8-bit values. Processors without VNNI add pairs of them in 16 bits, which saturate: an answer of a quantized convolution was off by 15 of
 * its steps. The engine has exact kernels, half as fast, and takes them where it is told to.
 *
 * Source: onnxruntime, Quantize ONNX models, on saturation, and its option `session.x64quantprecision`. Differs from it: the machine is asked, not the user.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES } from "../graph/index.js";
import type { ModelProto, TensorProto } from "../onnx/index.js";
import { encodeModel } from "../onnx/index.js";

/** The largest weight of which two, times 255, fit 16 bits. */
const LARGEST_IN_SEVEN_BITS = 64;

/** Ops that the engine computes in integers, and those that it turns into such. */
const INTEGER_OPS: ReadonlySet<string> = new Set([
  "MatMulInteger",
  "ConvInteger",
  "QLinearMatMul",
  "QLinearConv",
  "QGemm",
  "QAttention",
  "MatMulIntegerToFloat",
  "DynamicQuantizeMatMul",
  "DequantizeLinear",
]);

const isWithinSevenBits = ({ rawData, external }: TensorProto): boolean =>
  external === undefined &&
  new Int8Array(rawData.buffer, rawData.byteOffset, rawData.length).every((v) => Math.abs(v) <= LARGEST_IN_SEVEN_BITS);

/** Tells whether a file has products of 8-bit values that may saturate: all but those of constants within 7 bits, as `quantize` rounds them where it has to. */
export function maySaturate({ graph, functions }: ModelProto): boolean {
  const nodes = [...graph.nodes, ...functions.flatMap((one) => one.nodes)];
  if (!nodes.some(({ opType }) => INTEGER_OPS.has(opType))) return false;
  const weights = graph.initializers.filter(({ dataType, dims }) => dataType === DTYPES.int8.onnx && dims.length > 1);
  return weights.length === 0 || !weights.every(isWithinSevenBits);
}

const [ROWS, INNER, COLUMNS] = [8, 64, 16];
const LARGEST = { x: 255, w: 127 };

/** A product of the largest values there are, and what to feed it: by its answer a machine shows whether its products saturate. */
export const saturationProbe: {
  readonly model: () => Uint8Array;
  readonly feeds: Readonly<Record<"x" | "w", TensorData>>;
  readonly isExact: (y: ArrayLike<unknown>) => boolean;
} = {
  model: () =>
    encodeModel({
      irVersion: 8,
      producerName: "descent",
      producerVersion: "",
      opsets: new Map([["", 13]]),
      metadata: new Map(),
      functions: [],
      graph: {
        name: "saturation",
        nodes: [{ opType: "MatMulInteger", domain: "", name: "", inputs: ["x", "w"], outputs: ["y"], attributes: [] }],
        initializers: [],
        inputs: [
          { name: "x", elementType: DTYPES.uint8.onnx, shape: [ROWS, INNER] },
          { name: "w", elementType: DTYPES.int8.onnx, shape: [INNER, COLUMNS] },
        ],
        outputs: [{ name: "y", elementType: DTYPES.int32.onnx, shape: undefined }],
      },
    }),
  feeds: {
    x: { dtype: "uint8", shape: [ROWS, INNER], data: new Uint8Array(ROWS * INNER).fill(LARGEST.x) },
    w: { dtype: "int8", shape: [INNER, COLUMNS], data: new Int8Array(INNER * COLUMNS).fill(LARGEST.w) },
  },
  isExact: (y) => Array.from(y).every((value) => value === LARGEST.x * LARGEST.w * INNER),
};
