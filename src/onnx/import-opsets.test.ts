/**
 * What differs between opsets, what a file may leave out, and what is put together from other ops: small files, each run by
 * the engine as it is and as the graph that was read from it.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { DType, TensorData } from "../graph/index.js";
import { DTYPES, fromNumbers, isFloat, sizeOf, toNumbers } from "../graph/index.js";
import { compile, platformRuntime } from "../runtime/index.js";
import { DataError, UnsupportedOpError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { ImportOptions } from "./import.js";
import { importOnnx } from "./import.js";
import type { AttributeProto, FunctionProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from "./protobuf.js";
import { encodeModel } from "./protobuf.js";

type Given =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { floats: readonly number[] }
  | { float: number }
  | AttributeProto;

/** A number is an int unless it has a fraction. */
function attribute(name: string, value: Given): AttributeProto {
  if (typeof value === "number") return Number.isInteger(value) ? { name, type: "int", value } : { name, type: "float", value };
  if (typeof value === "string") return { name, type: "string", value };
  if (Array.isArray(value)) {
    const list = value as readonly number[];
    return typeof list[0] === "string"
      ? { name, type: "strings", value: list.map(String) }
      : { name, type: "ints", value: [...list] };
  }
  if ("floats" in value) return { name, type: "floats", value: [...value.floats] };
  if ("float" in value) return { name, type: "float", value: value.float };
  return { ...(value as AttributeProto), name };
}

const node = (
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, Given> = {},
  domain = "",
): NodeProto => ({
  name: `path/to/${opType}_${outputs[0]}`,
  opType,
  domain,
  inputs,
  outputs,
  attributes: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
});

const proto = (name: string, t: TensorData): TensorProto => ({
  name,
  dims: [...t.shape],
  dataType: DTYPES[t.dtype].onnx,
  rawData: new Uint8Array(t.data.buffer),
});
const ints = (...values: number[]): TensorData => fromNumbers("int64", [values.length], values);
const scalar = (value: number, dtype: DType = "float32"): TensorData => fromNumbers(dtype, [], [value]);
const list = (...values: number[]): TensorData => fromNumbers("float32", [values.length], values);
const tensorAttribute = (t: TensorData): AttributeProto => ({ name: "", type: "tensor", value: proto("", t) });

function numbers(name: string, shape: readonly number[], dtype: DType = "float32"): TensorData {
  const random = new Random("opsets", name);
  return fromNumbers(
    dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, () => (isFloat(dtype) ? random.normal() : random.integer(5))),
  );
}

interface File {
  readonly opset: number;
  readonly nodes: readonly NodeProto[];
  /** Shapes of the inputs x0, x1, …: float32 unless said otherwise; a name is a free dimension. */
  readonly inputs: readonly ((number | string)[] | { shape: (number | string)[]; dtype: DType })[];
  readonly constants?: Readonly<Record<string, TensorData>>;
  readonly outputs?: readonly string[];
  readonly functions?: readonly FunctionProto[];
  /** What free dimensions are in the run. */
  readonly sizes?: Readonly<Record<string, number>>;
}

function modelOf(f: File): ModelProto {
  const info = (name: string, elementType: number, shape: (number | string | null)[] | undefined): ValueInfoProto => ({
    name,
    elementType,
    shape,
  });
  const domains = new Set(f.nodes.map((n) => n.domain));
  return {
    irVersion: 8,
    producerName: "test",
    producerVersion: "1",
    opsets: new Map([["", f.opset], ...[...domains].filter((d) => d !== "").map((d): [string, number] => [d, 1])]),
    metadata: new Map([["key", "value"]]),
    graph: {
      name: "g",
      nodes: [...f.nodes],
      initializers: Object.entries(f.constants ?? {}).map(([name, t]) => proto(name, t)),
      inputs: f.inputs.map((given, i) =>
        Array.isArray(given) ? info(`x${i}`, 1, given) : info(`x${i}`, DTYPES[given.dtype].onnx, given.shape),
      ),
      outputs: (f.outputs ?? ["y"]).map((name) => info(name, outputType(name), undefined)),
    },
    functions: [...(f.functions ?? [])],
  };
}

/** The engine wants to be told the types of outputs: those that are not float32 end in it. */
const outputType = (name: string): number => DTYPES[(/_(\w+)$/.exec(name)?.[1] ?? "float32") as DType].onnx;

async function sameValues(f: File, options: ImportOptions = {}): Promise<void> {
  const bytes = encodeModel(modelOf(f));
  const feeds: Record<string, TensorData> = {};
  f.inputs.forEach((given, i) => {
    const [shape, dtype] = Array.isArray(given) ? ([given, "float32"] as const) : ([given.shape, given.dtype] as const);
    feeds[`x${i}`] = numbers(
      `x${i}`,
      shape.map((d) => (typeof d === "number" ? d : (f.sizes?.[d] as number))),
      dtype,
    );
  });
  const runtime = await platformRuntime();
  await using session = await runtime.createSession(bytes, { device: "cpu", threads: 1 });
  const expected = await session.run(
    Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, runtime.upload(data)])),
  );
  const model = importOnnx(bytes, options);
  await using executable = await compile(model.graph, { values: model.values, names: model.names, threads: 1 });
  const got = await executable.call(Object.fromEntries(executable.inputs.map((name) => [name, feeds[name]!])));
  for (const name of f.outputs ?? ["y"]) {
    const wanted = await runtime.read(expected[name]!);
    const result = got[name]!;
    assert.equal(result.dtype, wanted.dtype, name);
    assert.deepEqual(result.shape, wanted.shape, name);
    const numbersWanted = toNumbers(wanted);
    toNumbers(result).forEach((v, i) => {
      const w = numbersWanted[i] as number;
      assert.ok(Object.is(v, w) || Math.abs(v - w) <= 2e-5 * Math.max(1, Math.abs(w)), `${name}[${i}]: ${v} ≠ ${w}`);
    });
  }
}

const one = (
  opset: number,
  opType: string,
  inputs: File["inputs"],
  attributes: Record<string, Given> = {},
  constants: Record<string, TensorData> = {},
  outputs: string[] = ["y"],
): File => ({
  opset,
  inputs,
  constants,
  outputs: outputs.filter((name) => name !== ""),
  nodes: [
    node(
      opType,
      [...inputs.map((_, i) => `x${i}`), ...Object.keys(constants).map((name) => (name.startsWith("none") ? "" : name))],
      outputs,
      attributes,
    ),
  ],
});

const w = (shape: readonly number[]): TensorData => numbers("w", shape);
const img = [2, 3, 7, 8];

const FILES: Readonly<Record<string, File>> = {
  "axes as an attribute: ReduceMean": one(11, "ReduceMean", [[2, 3, 4]], { axes: [-1, 0], keepdims: 0 }),
  "axes as an attribute: ReduceSum": one(11, "ReduceSum", [[2, 3, 4]], { axes: [1] }),
  "no axes: ReduceSum": one(13, "ReduceSum", [[2, 3]]),
  "no axes and noop: ReduceSum": one(13, "ReduceSum", [[2, 3]], { noop_with_empty_axes: 1 }),
  "axes as an input: ReduceMax 18": one(18, "ReduceMax", [[2, 3]], { keepdims: 0 }, { axes: ints(-1) }),
  "Squeeze 11": one(11, "Squeeze", [[1, 3, 1]], { axes: [-1] }),
  "Squeeze without axes": one(13, "Squeeze", [[1, 3, 1]]),
  "Unsqueeze 11": one(11, "Unsqueeze", [[2, 3]], { axes: [0, -1] }),
  "Unsqueeze 13": one(13, "Unsqueeze", [[2, 3]], {}, { axes: ints(1) }),
  "Softmax 11 sees a matrix": one(11, "Softmax", [[2, 3, 4]]),
  "Softmax 11, axis 0": one(11, "Softmax", [[2, 3, 4]], { axis: 0 }),
  "Softmax 13": one(13, "Softmax", [[2, 3, 4]]),
  "LogSoftmax 11": one(11, "LogSoftmax", [[2, 3, 4]], { axis: 1 }),
  "Hardmax 13": one(13, "Hardmax", [[2, 5]]),
  "Slice 9": one(9, "Slice", [[4, 5]], { starts: [1, 0], ends: [2 ** 63, -1], axes: [1, 0] }),
  "Slice 13 to the end": one(
    13,
    "Slice",
    [[4, 5]],
    {},
    { s: ints(-3), e: fromNumbers("int64", [1], [Number.MAX_SAFE_INTEGER]), a: ints(1), t: ints(2) },
  ),
  "Slice 13 backwards": one(13, "Slice", [[4, 5]], {}, { s: ints(-1), e: ints(-9), a: ints(0), t: ints(-1) }),
  "Pad 2": one(10, "Pad", [[2, 3]], { pads: [0, 1, 2, 0], value: { float: 3 } }),
  "Pad 13 reflect": one(13, "Pad", [[3, 4]], { mode: "reflect" }, { p: ints(1, 2, 0, 1) }),
  "Pad 18 with axes": one(18, "Pad", [[3, 4]], {}, { p: ints(1, 2), v: scalar(7), a: ints(-1) }),
  "Clip 6": one(6, "Clip", [[8]], { min: -0.5, max: 0.25 }),
  "Clip 13 without a minimum": one(13, "Clip", [[8]], {}, { none: scalar(0), max: scalar(0.25) }),
  "Dropout 7": one(7, "Dropout", [[4]], { ratio: 0.5 }),
  "Dropout 13 with its mask": one(13, "Dropout", [[4]], {}, {}, ["y", "mask_bool"]),
  "Upsample 9": {
    opset: 9,
    inputs: [[1, 2, 3, 4]],
    constants: { s: list(1, 1, 2, 3) },
    nodes: [node("Upsample", ["x0", "s"], ["y"])],
  },
  "Upsample 9 linear": {
    opset: 9,
    inputs: [[1, 2, 3, 4]],
    constants: { s: list(1, 1, 2, 2) },
    nodes: [node("Upsample", ["x0", "s"], ["y"], { mode: "linear" })],
  },
  "Resize 10": one(10, "Resize", [[1, 2, 3, 4]], {}, { s: list(1, 1, 2, 2) }),
  "Resize 11, sizes": one(
    11,
    "Resize",
    [[1, 2, 3, 4]],
    { mode: "linear", coordinate_transformation_mode: "align_corners" },
    { roi: list(), scales: list(), sizes: ints(1, 2, 5, 9) },
  ),
  "Resize 13, sizes and cubic": one(
    13,
    "Resize",
    [[1, 1, 4, 4]],
    { mode: "cubic" },
    { none1: list(1), none2: list(1), sizes: ints(1, 1, 7, 8) },
  ),
  "Resize 18 with axes": one(
    18,
    "Resize",
    [[1, 2, 3, 4]],
    { axes: [2, 3], mode: "nearest", nearest_mode: "floor" },
    { none1: list(1), scales: list(2, 2) },
  ),
  "BatchNormalization 9": one(
    9,
    "BatchNormalization",
    [img],
    { epsilon: 0.01 },
    { a: w([3]), b: w([3]), m: w([3]), v: list(1, 2, 3) },
  ),
  "BatchNormalization 15": one(15, "BatchNormalization", [img], {}, { a: w([3]), b: w([3]), m: w([3]), v: list(1, 2, 3) }),
  "BatchNormalization 15, training": one(
    15,
    "BatchNormalization",
    [img],
    { training_mode: 1, momentum: 0.7 },
    { a: w([3]), b: w([3]), m: w([3]), v: list(1, 2, 3) },
    ["y", "mean", "var"],
  ),
  "Split 11": one(11, "Split", [[2, 5]], { axis: 1, split: [2, 3] }, {}, ["y", "z"]),
  "Split 13 in equal parts": one(13, "Split", [[2, 6]], { axis: -1 }, {}, ["y", "z"]),
  "Split 18, num_outputs with a rest": one(18, "Split", [[2, 7]], { axis: 1, num_outputs: 3 }, {}, ["y", "z", "u"]),
  "Conv, SAME_UPPER": one(13, "Conv", [img], { auto_pad: "SAME_UPPER", strides: [2, 2] }, { w: w([4, 3, 3, 2]) }),
  "Conv, SAME_LOWER": one(13, "Conv", [img], { auto_pad: "SAME_LOWER" }, { w: w([4, 3, 2, 2]), b: w([4]) }),
  "Conv, VALID and groups": one(
    13,
    "Conv",
    [[2, 4, 7, 8]],
    { auto_pad: "VALID", group: 2, dilations: [2, 1] },
    { w: w([4, 2, 3, 3]) },
  ),
  "Conv of one axis": one(13, "Conv", [[2, 3, 9]], { pads: [1, 0] }, { w: w([4, 3, 3]) }),
  ConvTranspose: one(
    13,
    "ConvTranspose",
    [img],
    { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
    { w: w([3, 2, 3, 3]), b: w([2]) },
  ),
  "ConvTranspose, output_shape": one(
    13,
    "ConvTranspose",
    [img],
    { strides: [2, 2], output_shape: [14, 16] },
    { w: w([3, 2, 3, 3]) },
  ),
  "ConvTranspose, SAME_UPPER": one(
    13,
    "ConvTranspose",
    [img],
    { strides: [2, 2], auto_pad: "SAME_UPPER" },
    { w: w([3, 2, 3, 3]) },
  ),
  "MaxPool, SAME_UPPER": one(13, "MaxPool", [img], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: "SAME_UPPER" }),
  "MaxPool, ceil_mode": one(13, "MaxPool", [img], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, {}, [
    "y",
    "places_int64",
  ]),
  AveragePool: one(13, "AveragePool", [img], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] }),
  "AveragePool, counting padding": one(13, "AveragePool", [img], {
    kernel_shape: [3, 3],
    pads: [1, 1, 1, 1],
    count_include_pad: 1,
  }),
  GlobalAveragePool: one(13, "GlobalAveragePool", [img]),
  "Gemm without an addend": one(
    13,
    "Gemm",
    [
      [2, 3],
      [4, 3],
    ],
    { transB: 1, alpha: 0.5 },
  ),
  Gemm: one(
    13,
    "Gemm",
    [
      [3, 2],
      [3, 4],
    ],
    { transA: 1, beta: 0.5 },
    { c: w([4]) },
  ),
  Flatten: one(13, "Flatten", [[2, 3, 4]], { axis: -1 }),
  "Flatten at 0": one(13, "Flatten", [[2, 3, 4]], { axis: 0 }),
  "Cast to int64": one(13, "Cast", [[6]], { to: 7 }, {}, ["y_int64"]),
  CastLike: {
    opset: 15,
    inputs: [[6]],
    constants: { like: scalar(1, "float64") },
    outputs: ["y_float64"],
    nodes: [node("CastLike", ["x0", "like"], ["y_float64"])],
  },
  "Max of three": one(13, "Max", [[3], [2, 3], [1]]),
  "Min of one": one(13, "Min", [[3]]),
  "Sum of three": one(13, "Sum", [[3], [2, 3], [1]]),
  "Mean of three": one(13, "Mean", [[3], [2, 3], [1]]),
  "Concat of three": one(
    13,
    "Concat",
    [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    { axis: -1 },
  ),
  "Pow with an integer exponent": one(13, "Pow", [[3]], {}, { e: scalar(3, "int64") }),
  Softsign: one(13, "Softsign", [[5]]),
  ThresholdedRelu: one(13, "ThresholdedRelu", [[5]], { alpha: 0.5 }),
  Celu: one(13, "Celu", [[5]], { alpha: 0.5 }),
  Shrink: one(13, "Shrink", [[8]], { bias: 0.25, lambd: 0.5 }),
  "LeakyRelu by default": one(13, "LeakyRelu", [[8]]),
  "Selu by default": one(13, "Selu", [[8]]),
  "Elu by default": one(13, "Elu", [[8]]),
  "HardSigmoid by default": one(13, "HardSigmoid", [[8]]),
  HardSwish: one(14, "HardSwish", [[8]]),
  "Gelu by default": one(20, "Gelu", [[8]]),
  PRelu: one(13, "PRelu", [[2, 3, 4]], {}, { slope: w([3, 1]) }),
  "LRN by default": one(13, "LRN", [img], { size: 3 }),
  InstanceNormalization: one(13, "InstanceNormalization", [img], {}, { a: w([3]), b: w([3]) }),
  "LayerNormalization without bias": one(17, "LayerNormalization", [[2, 3, 4]], { axis: -2 }, { a: w([3, 4]) }),
  "GroupNormalization 18": one(
    18,
    "GroupNormalization",
    [[2, 4, 3, 3]],
    { num_groups: 2, epsilon: 0.001 },
    { a: w([2]), b: w([2]) },
  ),
  "GroupNormalization 21": one(21, "GroupNormalization", [[2, 4, 3, 3]], { num_groups: 2 }, { a: w([4]), b: w([4]) }),
  LpNormalization: one(13, "LpNormalization", [[2, 5]], { p: 1 }),
  MeanVarianceNormalization: one(13, "MeanVarianceNormalization", [img]),
  "TopK 10": one(10, "TopK", [[2, 6]], { axis: 1 }, { k: ints(3) }, ["y", "places_int64"]),
  "TopK 13, smallest": one(13, "TopK", [[2, 6]], { largest: 0 }, { k: ints(2) }, ["y", "places_int64"]),
  "ArgMax by default": one(13, "ArgMax", [[3, 4]], {}, {}, ["y_int64"]),
  CumSum: one(13, "CumSum", [[3, 4]], { exclusive: 1 }, { axis: scalar(-1, "int64") }),
  OneHot: {
    opset: 13,
    inputs: [{ shape: [4], dtype: "int64" }],
    constants: { d: scalar(5, "int64"), v: list(0, 2) },
    nodes: [node("OneHot", ["x0", "d", "v"], ["y"])],
  },
  "Trilu with k": one(14, "Trilu", [[3, 4]], { upper: 0 }, { k: scalar(1, "int64") }),
  "Trilu by default": one(14, "Trilu", [[3, 4]]),
  Tile: one(13, "Tile", [[2, 3]], {}, { r: ints(2, 1) }),
  "DepthToSpace, DCR": one(13, "DepthToSpace", [[1, 8, 2, 3]], { blocksize: 2 }),
  "DepthToSpace, CRD": one(13, "DepthToSpace", [[1, 8, 2, 3]], { blocksize: 2, mode: "CRD" }),
  SpaceToDepth: one(13, "SpaceToDepth", [[1, 2, 4, 6]], { blocksize: 2 }),
  "Gather with a constant": one(13, "Gather", [[4, 3]], { axis: 1 }, { i: ints(2, 0, -1) }),
  "Scatter 9": {
    opset: 10,
    inputs: [[4]],
    constants: { i: ints(2, 0), u: list(5, 6) },
    nodes: [node("Scatter", ["x0", "i", "u"], ["y"])],
  },
  Einsum: one(
    13,
    "Einsum",
    [
      [2, 3],
      [3, 4],
    ],
    { equation: "ij,jk->ki" },
  ),
  "IsInf of one sign": one(13, "IsInf", [[4]], { detect_negative: 0 }, {}, ["y_bool"]),
  "Mod of floats": one(13, "Mod", [[4], [4]], { fmod: 1 }),
  BitwiseNot: {
    opset: 18,
    inputs: [{ shape: [4], dtype: "int32" }],
    outputs: ["y_int32"],
    nodes: [node("BitwiseNot", ["x0"], ["y_int32"])],
  },
  "QuantizeLinear and back": {
    opset: 13,
    inputs: [[2, 6]],
    constants: { s: scalar(0.05), z: scalar(3, "uint8") },
    nodes: [node("QuantizeLinear", ["x0", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])],
  },
  "DequantizeLinear by channel": {
    opset: 13,
    inputs: [[3, 2]],
    constants: { q: fromNumbers("int8", [3, 2], [1, -2, 3, 4, -5, 6]), s: list(0.1, 0.3) },
    nodes: [node("DequantizeLinear", ["q", "s"], ["w"]), node("Mul", ["x0", "w"], ["y"])],
  },
  EyeLike: {
    opset: 13,
    inputs: [[2, 3]],
    nodes: [node("EyeLike", ["x0"], ["e"], { k: 1 }), node("Add", ["x0", "e"], ["y"])],
  },
  GlobalLpPool: one(13, "GlobalLpPool", [img], { p: 3 }),
  "LSTM by default": one(14, "LSTM", [[4, 2, 3]], { hidden_size: 5 }, { w: w([1, 20, 3]), r: w([1, 20, 5]) }, ["y", "h", "c"]),
  "GRU, bidirectional": one(
    14,
    "GRU",
    [[4, 2, 3]],
    { hidden_size: 5, direction: "bidirectional", linear_before_reset: 1 },
    { w: w([2, 15, 3]), r: w([2, 15, 5]), b: w([2, 30]) },
    ["y", "h"],
  ),
  "Constants of every kind": {
    opset: 13,
    inputs: [[3]],
    nodes: [
      node("Constant", [], ["a"], { value_float: { float: 2 } }),
      node("Constant", [], ["b"], { value_floats: { floats: [1, 2, 3] } }),
      node("Constant", [], ["i"], { value_int: 4 }),
      node("Cast", ["i"], ["f"], { to: 1 }),
      node("Constant", [], ["t"], { value: tensorAttribute(list(0.5, 1, 2)) }),
      node("Sum", ["x0", "a", "b", "f", "t"], ["y"]),
    ],
  },
  "Fused ops of the engine": {
    opset: 17,
    inputs: [
      [2, 3],
      [2, 4],
    ],
    nodes: [
      node("FusedMatMul", ["x0", "x1"], ["p"], { transA: 1, alpha: 0.5 }, "com.microsoft"),
      node("Gelu", ["p"], ["g"], {}, "com.microsoft"),
      node("QuickGelu", ["g"], ["y"], {}, "com.microsoft"),
    ],
  },
  "a shape that is computed": {
    opset: 13,
    inputs: [["N", 3, 4]],
    sizes: { N: 2 },
    constants: { zero: scalar(0, "int64"), end: ints(-1), axis: ints(0) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Gather", ["s", "zero"], ["n"]),
      node("Unsqueeze", ["n", "axis"], ["n1"]),
      node("Concat", ["n1", "end"], ["target"], { axis: 0 }),
      node("Reshape", ["x0", "target"], ["y"]),
    ],
  },
  "an Expand as PyTorch writes it": {
    opset: 17,
    inputs: [["N", 1, 4]],
    sizes: { N: 3 },
    constants: { minus: ints(-1, 5, -1), threes: ints(3), factor: ints(-1, -1, -1) },
    nodes: [
      node("ConstantOfShape", ["threes"], ["filled"], { value: tensorAttribute(ints(1)) }),
      node("Equal", ["minus", "factor"], ["free"]),
      node("Where", ["free", "filled", "minus"], ["target"]),
      node("Expand", ["x0", "target"], ["y"]),
    ],
  },
  "half the width, by floats": {
    opset: 13,
    inputs: [[1, 1, 4, 6]],
    constants: { two: ints(2), four: ints(4), axis: ints(0), half: list(0.5, 0.5) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Slice", ["s", "two", "four", "axis"], ["hw"]),
      node("Cast", ["hw"], ["f"], { to: 1 }),
      node("Mul", ["f", "half"], ["g"]),
      node("Floor", ["g"], ["h"]),
      node("Cast", ["h"], ["i"], { to: 7 }),
      node("Slice", ["s", "axis", "two", "axis"], ["nc"]),
      node("Concat", ["nc", "i"], ["sizes"], { axis: 0 }),
      node("Resize", ["x0", "", "", "sizes"], ["y"]),
    ],
  },
  "positions up to a free length": {
    opset: 13,
    inputs: [{ shape: ["N", "T"], dtype: "int64" }],
    sizes: { N: 2, T: 5 },
    constants: { one: scalar(1, "int64"), zero: scalar(0, "int64"), table: w([9, 3]) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Gather", ["s", "one"], ["t"]),
      node("Range", ["zero", "t", "one"], ["places"]),
      node("Gather", ["table", "places"], ["p"]),
      node("Gather", ["table", "x0"], ["e"]),
      node("Add", ["e", "p"], ["y"]),
    ],
  },
  "a length as a number": {
    opset: 13,
    inputs: [["N", 3]],
    sizes: { N: 4 },
    constants: { zero: scalar(0, "int64"), axes: ints(0) },
    nodes: [
      node("Shape", ["x0"], ["s"]),
      node("Gather", ["s", "zero"], ["n"]),
      node("Cast", ["n"], ["f"], { to: 1 }),
      node("ReduceSum", ["x0", "axes"], ["sum"]),
      node("Div", ["sum", "f"], ["y"]),
    ],
  },
  "all but the last, of a free length": {
    opset: 13,
    inputs: [[2, "T"]],
    sizes: { T: 5 },
    constants: { zero: ints(0), minus: ints(-1), axis: ints(1) },
    nodes: [node("Slice", ["x0", "zero", "minus", "axis"], ["y"])],
  },
};

suite("read files give what the engine gives for the file", () => {
  for (const [name, file] of Object.entries(FILES)) {
    test(`${name} (opset ${file.opset})`, () => sameValues(file));
  }
});

const twice: FunctionProto = {
  name: "Scaled",
  domain: "local",
  inputs: ["a", "b"],
  outputs: ["c"],
  attributes: ["alpha"],
  attributeDefaults: [],
  opsets: new Map([["", 13]]),
  nodes: [
    { ...node("LeakyRelu", ["a"], ["t"]), attributes: [{ name: "alpha", type: "reference", value: "alpha" }] },
    node("Add", ["t", "b"], ["c"]),
  ],
};

test("function bodies are put in place of their calls", () =>
  sameValues({
    opset: 13,
    inputs: [[4], [4]],
    functions: [twice],
    nodes: [
      node("Scaled", ["x0", "x1"], ["u"], { alpha: 0.5 }, "local"),
      node("Scaled", ["u", "x1"], ["y"], { alpha: 0.25 }, "local"),
    ],
  }));

test("of a condition that is known, the branch is taken", async () => {
  const branch = (op: string): AttributeProto => ({
    name: "",
    type: "graph",
    value: {
      name: op,
      nodes: [node(op, ["x0"], ["r"])],
      initializers: [],
      inputs: [],
      outputs: [{ name: "r", elementType: 1, shape: undefined }],
    },
  });
  for (const condition of [0, 1]) {
    await sameValues({
      opset: 13,
      inputs: [[4]],
      constants: { c: scalar(condition, "bool") },
      nodes: [node("If", ["c"], ["y"], { then_branch: branch("Relu"), else_branch: branch("Neg") })],
    });
  }
});

suite("what the model says", () => {
  const file: File = {
    opset: 13,
    inputs: [["N", 3]],
    constants: { "fc.weight": w([3, 2]), "bn.var": list(1, 2), "bn.scale": list(1, 1), unused: w([2]) },
    nodes: [
      { ...node("MatMul", ["x0", "fc.weight"], ["h"]), name: "/layer1/layer1.0/fc/MatMul" },
      node("BatchNormalization", ["h", "bn.scale", "bn.scale", "bn.var", "bn.var"], ["y"]),
    ],
  };
  const bytes = encodeModel(modelOf(file));

  test("weights by name, statistics that are not trained, free dimensions, scopes", () => {
    const model = importOnnx(bytes);
    assert.deepEqual([...model.parameters.keys()], ["fc.weight", "bn.var", "bn.scale"]);
    assert.deepEqual(
      [...model.parameters.values()].map((p) => p.trainable),
      [true, false, true],
    );
    assert.equal(String(model.inputs.get("x0")?.shape[0]), "N");
    assert.deepEqual(
      model.graph.nodes.filter((n) => n.op === "MatMul").map((n) => n.scope),
      ["layer1.0.fc"],
    );
    assert.deepEqual([model.opset, model.producer, model.metadata.get("key")], [13, "test 1", "value"]);
  });

  test("free dimensions can be bound", () => {
    assert.deepEqual(importOnnx(bytes, { bindings: { N: 7 } }).graph.outputs.get("y")?.shape, [7, 2]);
    assert.deepEqual(importOnnx(bytes, { shapes: { x0: [5, 3] } }).graph.outputs.get("y")?.shape, [5, 2]);
  });

  test("with modes, normalization and dropout wait for one", () => {
    assert.ok(importOnnx(bytes, { modes: true }).graph.nodes.some((n) => n.op === "BatchNorm"));
  });

  test("numbers beside the file come through the callback", () => {
    const model = modelOf(file);
    const weight = model.graph.initializers[0] as TensorProto;
    const beside = new Uint8Array([0, 0, 0, 0, ...weight.rawData]);
    weight.external = new Map([
      ["location", "weights.bin"],
      ["offset", "4"],
      ["length", "24"],
    ]);
    const external = encodeModel(model);
    const read = importOnnx(external, {
      externalData: (name, at, length) => (name === "weights.bin" ? beside.subarray(at, at + length) : new Uint8Array()),
    });
    assert.deepEqual([...read.values.values()][0]?.data, new Float32Array(w([3, 2]).data as Float32Array));
    assert.throws(
      () => importOnnx(external),
      (e: Error) => e instanceof DataError && /weights\.bin/.test(e.message),
    );
    assert.throws(() => importOnnx(external, { externalData: () => new Uint8Array(8) }), DataError);
  });
});

suite("what cannot be read", () => {
  test("all missing ops are named at once", () => {
    const bytes = encodeModel(
      modelOf({
        opset: 13,
        inputs: [[2]],
        nodes: [node("Foo", ["x0"], ["a"]), node("Bar", ["a"], ["b"], {}, "own"), node("Foo", ["b"], ["y"])],
      }),
    );
    assert.throws(
      () => importOnnx(bytes, { where: "m.onnx" }),
      (e: Error) =>
        e instanceof UnsupportedOpError &&
        e.message === "m.onnx: uses ops that Descent does not have: Foo (path/to/Foo_a, path/to/Foo_y); own.Bar (path/to/Bar_b)",
    );
  });

  const whole = encodeModel({ ...modelOf(one(13, "MatMul", [[2, 3]], {}, { w: w([3, 2]) })), metadata: new Map() });
  test("a file that is cut off anywhere", () => {
    for (let length = 0; length < whole.length; length++) {
      assert.throws(
        () => importOnnx(whole.slice(0, length), { where: "m.onnx" }),
        (e: Error) => e instanceof DataError && e.message.startsWith("m.onnx: ") && !e.message.includes("\n"),
        `length ${length}`,
      );
    }
  });

  test("a product of free dimensions, which is linear once one of them is bound", () => {
    const bytes = encodeModel(
      modelOf({
        opset: 13,
        inputs: [["N", "T", 4]],
        constants: { zero: ints(0), one: ints(1), two: ints(2) },
        nodes: [
          node("Shape", ["x0"], ["s"]),
          node("Gather", ["s", "zero"], ["n"]),
          node("Gather", ["s", "one"], ["t"]),
          node("Gather", ["s", "two"], ["d"]),
          node("Mul", ["n", "t"], ["rows"]),
          node("Concat", ["rows", "d"], ["target"], { axis: 0 }),
          node("Reshape", ["x0", "target"], ["y"]),
        ],
      }),
    );
    assert.throws(
      () => importOnnx(bytes),
      (e: Error) => e instanceof UnsupportedOpError && /bindings: \{ "N": …, "T": … \}/.test(e.message),
    );
    assert.equal(String(importOnnx(bytes, { bindings: { T: 3 } }).graph.outputs.get("y")?.shape), "3·N,4");
  });

  test("bytes that are something else", () => {
    for (const bytes of [
      new TextEncoder().encode("<!DOCTYPE html><html></html>"),
      new Uint8Array(64),
      new Uint8Array([0x50, 0x4b, 3, 4]),
    ])
      assert.throws(() => importOnnx(bytes), DataError);
  });

  test("shapes that do not fit, values that are missing, numbers that are too few", () => {
    const bad = encodeModel(modelOf(one(13, "MatMul", [[2, 3]], {}, { w: w([4, 2]) })));
    assert.throws(
      () => importOnnx(bad),
      (e: Error) => e instanceof DataError && /MatMul_y/.test(e.message),
    );
    const missing = encodeModel(modelOf({ opset: 13, inputs: [[2]], nodes: [node("Add", ["x0", "nothing"], ["y"])] }));
    assert.throws(() => importOnnx(missing), /a value named "nothing" before it/);
    const model = modelOf(one(13, "MatMul", [[2, 3]], {}, { w: w([3, 2]) }));
    (model.graph.initializers[0] as TensorProto).rawData = new Uint8Array(4);
    assert.throws(() => importOnnx(encodeModel(model)), /expected 24 bytes for float32 \[3, 2\], got 4/);
  });
});
