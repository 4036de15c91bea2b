/**
 * @module Products of 8-bit values. Processors without VNNI add pairs of them in 16 bits, which saturate: an answer of a quantized convolution was off by 15 of
 * its steps. The engine has exact kernels, half as fast, and takes them where it is told to.
 *
 * Source: onnxruntime, Quantize ONNX models, on saturation, and its option `session.x64quantprecision`. Differs from it: the machine is asked, not the user.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES } from "../graph/index.js";
import type { GraphProto, ModelProto, NodeProto, TensorProto } from "../onnx/index.js";
import { encodeModel } from "../onnx/index.js";

/** The largest weight of which two, times 255, fit 16 bits. */
const LARGEST_IN_SEVEN_BITS = 64;

/** Ops whose products are of 8-bit values, and where their weights stand among the inputs. */
const INTEGER_OPS: ReadonlyMap<string, readonly number[]> = new Map([
  ["MatMulInteger", [1]],
  ["ConvInteger", [1]],
  ["MatMulIntegerToFloat", [1]],
  ["DynamicQuantizeMatMul", [1]],
  ["DynamicQuantizeLSTM", [1, 2]],
  ["QAttention", [1]],
  ["QLinearMatMul", [3]],
  ["QLinearConv", [3]],
  ["QGemm", [3]],
]);

/** Ops of floats that the engine turns into those of 8 bits where their inputs are dequantized. */
const DEQUANTIZED_OPS: ReadonlySet<string> = new Set(["MatMul", "Gemm", "Conv", "ConvTranspose"]);

/** Ops whose weights of floats the engine rounds to 8 bits itself, where what they read was dequantized with one scale. */
const ROUNDED_OPS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm"]);

/** Ops that move values and keep them. */
const MOVES: ReadonlySet<string> = new Set(["Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"]);

const isWithinSevenBits = ({ rawData, external }: TensorProto): boolean =>
  external === undefined &&
  new Int8Array(rawData.buffer, rawData.byteOffset, rawData.length).every((v) => Math.abs(v) <= LARGEST_IN_SEVEN_BITS);

/** The value of a node that is a constant. */
function constantOf({ opType, attributes }: NodeProto): TensorProto | undefined {
  const value = opType === "Constant" ? attributes.find(({ name }) => name === "value") : undefined;
  return value?.type === "tensor" ? value.value : undefined;
}

/** Graphs that stand in a graph's nodes, and itself. */
const withBodies = (graph: GraphProto): GraphProto[] => [
  graph,
  ...graph.nodes.flatMap(({ attributes }) => attributes.flatMap((a) => (a.type === "graph" ? withBodies(a.value) : []))),
];

/**
 * Tells whether a file has products of 8-bit values that may saturate: all but those whose weights are constants within 7 bits, as `quantize` rounds them where it has to,
 * or unsigned, which the engine multiplies exactly. Branches and loops count; of weights that are fed, computed or stand in functions the worst is expected. The
 * engine has exact kernels for constants of the same graph alone: weights that are fed, or that a branch takes from outside, saturate nevertheless.
 */
export function maySaturate({ graph, functions }: ModelProto): boolean {
  const isInteger = ({ opType }: NodeProto): boolean => INTEGER_OPS.has(opType) || opType === "DequantizeLinear";
  if (functions.some(({ nodes }) => nodes.some(isInteger))) return true;
  const graphs = withBodies(graph);
  const nodes = graphs.flatMap((one) => one.nodes);
  if (!nodes.some(isInteger)) return false;
  const constants = new Map(graphs.flatMap(({ initializers }) => initializers.map((each) => [each.name, each])));
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node])));

  const constantNamed = (name: string): TensorProto | undefined => {
    const node = makers.get(name);
    return constants.get(name) ?? (node && constantOf(node));
  };
  const isUnsigned = ({ opType, inputs: [, , zero = ""], attributes }: NodeProto): boolean =>
    opType === "DynamicQuantizeLinear" ||
    (opType === "QuantizeLinear" &&
      (zero === ""
        ? attributes.every(({ name }) => name !== "output_dtype")
        : constantNamed(zero)?.dataType === DTYPES.uint8.onnx));
  const isExact = (name: string): boolean => {
    const constant = constantNamed(name);
    if (constant !== undefined) return constant.dataType !== DTYPES.int8.onnx || isWithinSevenBits(constant);
    const node = makers.get(name);
    if (node === undefined) return false;
    return MOVES.has(node.opType) ? isExact(node.inputs[0] ?? "") : isUnsigned(node);
  };
  /** The node that dequantizes a value, before it is moved. */
  const dequantizing = (name: string): NodeProto | undefined => {
    const node = makers.get(name);
    if (node === undefined || node.opType === "DequantizeLinear") return node;
    return MOVES.has(node.opType) || node.opType === "MaxPool" ? dequantizing(node.inputs[0] ?? "") : undefined;
  };
  const hasOneScale = ({ inputs: [, scale = ""] }: NodeProto): boolean =>
    (constantNamed(scale)?.dims ?? []).every((length) => length === 1);
  /** Values that were 8 bits are taken as such; floats are multiplied as floats, but for those that the engine rounds. */
  const isExactOrFloat = ({ opType, inputs: [input = "", weight = ""] }: NodeProto): boolean => {
    const made = dequantizing(weight);
    if (made !== undefined) return isExact(made.inputs[0] ?? "");
    const read = ROUNDED_OPS.has(opType) ? dequantizing(input) : undefined;
    return read === undefined || !hasOneScale(read);
  };
  return !nodes.every((node) =>
    DEQUANTIZED_OPS.has(node.opType)
      ? isExactOrFloat(node)
      : (INTEGER_OPS.get(node.opType) ?? []).every((at) => isExact(node.inputs[at] ?? "")),
  );
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
