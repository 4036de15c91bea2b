/**
 * @module Small ONNX files for tests, written node by node.
 */
import type { DType, TensorData } from "../../src/graph/index.js";
import { DTYPES, fromNumbers, isFloat, sizeOf } from "../../src/graph/index.js";
import type {
  AttributeProto,
  FunctionProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "../../src/onnx/messages.js";
import { Random } from "../../src/util/random.js";

export type Given =
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

export const node = (
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

export const proto = (name: string, t: TensorData): TensorProto => ({
  name,
  dims: [...t.shape],
  dataType: DTYPES[t.dtype].onnx,
  rawData: new Uint8Array(t.data.buffer),
});
export const ints = (...values: number[]): TensorData => fromNumbers("int64", [values.length], values);
export const scalar = (value: number, dtype: DType = "float32"): TensorData => fromNumbers(dtype, [], [value]);
export const list = (...values: number[]): TensorData => fromNumbers("float32", [values.length], values);
export const tensorAttribute = (t: TensorData): AttributeProto => ({ name: "", type: "tensor", value: proto("", t) });

export function numbers(name: string, shape: readonly number[], dtype: DType = "float32"): TensorData {
  const random = new Random("opsets", name);
  return fromNumbers(
    dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, () => (isFloat(dtype) ? random.normal() : random.integer(5))),
  );
}

export interface OnnxFile {
  readonly opset: number;
  readonly nodes: readonly NodeProto[];
  /** Shapes of the inputs x0, x1, …: float32 unless said otherwise; a name is a free dimension. */
  readonly inputs: readonly ((number | string)[] | { shape: (number | string)[]; dtype: DType })[];
  readonly constants?: Readonly<Record<string, TensorData>>;
  readonly outputs?: readonly string[];
  readonly functions?: readonly FunctionProto[];
  /** Sizes of free dimensions in the run. */
  readonly sizes?: Readonly<Record<string, number>>;
}

export function modelOf(f: OnnxFile): ModelProto {
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
/** A file of one node. */
export const one = (
  opset: number,
  opType: string,
  inputs: OnnxFile["inputs"],
  attributes: Record<string, Given> = {},
  constants: Record<string, TensorData> = {},
  outputs: string[] = ["y"],
): OnnxFile => ({
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

export const w = (shape: readonly number[]): TensorData => numbers("w", shape);
export const img = [2, 3, 7, 8];
