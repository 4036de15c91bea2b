/**
 * @module The bytes of an ONNX file as a model; fields that Descent has no use for are skipped.
 */
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "./messages.js";
import { ATTRIBUTE_TYPE } from "./messages.js";
import { DataError } from "../util/errors.js";
import { dense } from "./sparse.js";
import type { WireField } from "./wire.js";
import { readFields, readVarints, signed, text } from "./wire.js";

function pushFloats(f: WireField, into: number[]): void {
  const bytes = f.floats(4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 4) into.push(view.getFloat32(at, true));
}

/** Graphs in graphs: protobuf's own limit of 100 nested messages allows as many. */
const MAX_NESTED_GRAPHS = 32;

/** Bytes per element of the types whose values may stand in int32_data. */
const INT32_DATA_BYTES: Readonly<Record<number, number>> = { 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 9: 1, 10: 2, 16: 2, 21: 1, 22: 1 };

function readTensor(bytes: Uint8Array, where: string): TensorProto {
  const tensor: TensorProto = { name: "", dims: [], dataType: 0, rawData: new Uint8Array(0) };
  const ints: number[] = [];
  const pieces: Uint8Array[] = [];
  let width = 0;
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) readVarints(f, tensor.dims, where);
    else if (f.field === 2) tensor.dataType = Number(f.varint);
    else if (f.field === 4 || f.field === 10) pieces.push(f.floats(f.field === 4 ? 4 : 8));
    else if (f.field === 5 || f.field === 7 || f.field === 11) {
      readVarints(f, ints, where);
      width = f.field === 5 ? 4 : 8;
    } else if (f.field === 6) (tensor.strings ??= []).push(text(f.bytes));
    else if (f.field === 8) tensor.name = text(f.bytes);
    else if (f.field === 9) tensor.rawData = f.bytes;
    else if (f.field === 13) {
      (tensor.external ??= new Map()).set(...readPair(f.bytes, where));
    }
  }
  if (pieces.length > 0) tensor.rawData = joined(pieces);
  if (ints.length > 0)
    tensor.rawData = packInts(ints, width === 8 && tensor.dataType !== 12 ? 8 : (INT32_DATA_BYTES[tensor.dataType] ?? 4));
  return tensor;
}

/** A sparse tensor as the dense one that it stands for. */
function readSparse(bytes: Uint8Array, where: string): TensorProto {
  const empty = (): TensorProto => ({ name: "", dims: [], dataType: 0, rawData: new Uint8Array(0) });
  let [values, indices] = [empty(), empty()];
  const dims: number[] = [];
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) values = readTensor(f.bytes, where);
    else if (f.field === 2) indices = readTensor(f.bytes, where);
    else if (f.field === 3) readVarints(f, dims, where);
  }
  return dense(values, indices, dims, where);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    result.set(piece, at);
    at += piece.length;
  }
  return result;
}

/** The largest int64, which means "to the end" in many files, is no JavaScript number: 2^63, the nearest one, must not wrap around. */
const int64Of = (value: number): bigint => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));

function packInts(values: readonly number[], width: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * width));
  values.forEach((value, i) => {
    if (width === 8) view.setBigInt64(i * 8, int64Of(value), true);
    else if (width === 4) view.setInt32(i * 4, value, true);
    else if (width === 2) view.setInt16(i * 2, value, true);
    else view.setInt8(i, value);
  });
  return new Uint8Array(view.buffer);
}

function readAttribute(bytes: Uint8Array, where: string, depth = 0): AttributeProto {
  let name = "";
  let type = 0;
  let float = 0;
  let int = 0;
  let string = "";
  let reference = "";
  let tensor: TensorProto | undefined;
  let sparse: TensorProto | undefined;
  let graph: GraphProto | undefined;
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) name = text(f.bytes);
    else if (f.field === 2) float = f.float;
    else if (f.field === 3) int = signed(f.varint);
    else if (f.field === 4) string = text(f.bytes);
    else if (f.field === 5) tensor = readTensor(f.bytes, where);
    else if (f.field === 6) graph = readGraph(f.bytes, where, depth + 1);
    else if (f.field === 7) pushFloats(f, floats);
    else if (f.field === 8) readVarints(f, ints, where);
    else if (f.field === 9) strings.push(text(f.bytes));
    else if (f.field === 22) sparse = readSparse(f.bytes, where);
    else if (f.field === 20) type = Number(f.varint);
    else if (f.field === 21) reference = text(f.bytes);
  }
  if (reference !== "") return { name, type: "reference", value: reference };
  // The one attribute of this kind is a Constant's, which says the same as `value`.
  if (sparse !== undefined) return { name: name === "sparse_value" ? "value" : name, type: "tensor", value: sparse };
  if (type === ATTRIBUTE_TYPE.float) return { name, type: "float", value: float };
  if (type === ATTRIBUTE_TYPE.int) return { name, type: "int", value: int };
  if (type === ATTRIBUTE_TYPE.string) return { name, type: "string", value: string };
  if (type === ATTRIBUTE_TYPE.tensor && tensor !== undefined) return { name, type: "tensor", value: tensor };
  if (type === ATTRIBUTE_TYPE.graph && graph !== undefined) return { name, type: "graph", value: graph };
  if (type === ATTRIBUTE_TYPE.floats) return { name, type: "floats", value: floats };
  if (type === ATTRIBUTE_TYPE.strings) return { name, type: "strings", value: strings };
  return { name, type: "ints", value: ints };
}

function readNode(bytes: Uint8Array, where: string, depth = 0): NodeProto {
  const node: NodeProto = { name: "", opType: "", domain: "", inputs: [], outputs: [], attributes: [] };
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) node.inputs.push(text(f.bytes));
    else if (f.field === 2) node.outputs.push(text(f.bytes));
    else if (f.field === 3) node.name = text(f.bytes);
    else if (f.field === 4) node.opType = text(f.bytes);
    else if (f.field === 5) node.attributes.push(readAttribute(f.bytes, where, depth));
    else if (f.field === 7) node.domain = text(f.bytes);
  }
  if (node.domain === "ai.onnx") node.domain = "";
  return node;
}

function readValueInfo(bytes: Uint8Array, where: string): ValueInfoProto {
  const info: ValueInfoProto = { name: "", elementType: 0, shape: undefined };
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) info.name = text(f.bytes);
    if (f.field !== 2) continue;
    for (const type of readFields(f.bytes, where)) {
      if (type.field !== 1) continue;
      for (const t of readFields(type.bytes, where)) {
        if (t.field === 1) info.elementType = Number(t.varint);
        if (t.field === 2) info.shape = [...readFields(t.bytes, where)].map((dim) => readDim(dim.bytes, where));
      }
    }
  }
  return info;
}

function readDim(bytes: Uint8Array, where: string): number | string | null {
  let dim: number | string | null = null;
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) dim = signed(f.varint);
    else if (f.field === 2) dim = text(f.bytes) === "" ? null : text(f.bytes);
  }
  return dim;
}

function readGraph(bytes: Uint8Array, where: string, depth = 0): GraphProto {
  if (depth > MAX_NESTED_GRAPHS)
    throw new DataError(`${where}: expected at most ${MAX_NESTED_GRAPHS} graphs inside one another, got more`);
  const pieces: Uint8Array[] = [];
  let nodes: NodeProto[] | undefined;
  const graph: GraphProto = {
    name: "",
    // Whoever only opens a file asks for no node, and most of a file's messages are nodes.
    get nodes() {
      return (nodes ??= pieces.map((piece) => readNode(piece, where, depth)));
    },
    initializers: [],
    inputs: [],
    outputs: [],
  };
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) pieces.push(f.bytes);
    else if (f.field === 2) graph.name = text(f.bytes);
    else if (f.field === 5) graph.initializers.push(readTensor(f.bytes, where));
    else if (f.field === 15) graph.initializers.push(readSparse(f.bytes, where));
    else if (f.field === 11) graph.inputs.push(readValueInfo(f.bytes, where));
    else if (f.field === 12) graph.outputs.push(readValueInfo(f.bytes, where));
  }
  // Graphs in graphs are bounded where they are found.
  return depth === 0 ? graph : { ...graph };
}

function readFunction(bytes: Uint8Array, where: string): FunctionProto {
  const f: FunctionProto = {
    name: "",
    domain: "",
    inputs: [],
    outputs: [],
    attributes: [],
    attributeDefaults: [],
    nodes: [],
    opsets: new Map(),
  };
  for (const field of readFields(bytes, where)) {
    if (field.field === 1) f.name = text(field.bytes);
    else if (field.field === 4) f.inputs.push(text(field.bytes));
    else if (field.field === 5) f.outputs.push(text(field.bytes));
    else if (field.field === 6) f.attributes.push(text(field.bytes));
    else if (field.field === 7) f.nodes.push(readNode(field.bytes, where));
    else if (field.field === 9) f.opsets.set(...readOpset(field.bytes, where));
    else if (field.field === 10) f.domain = text(field.bytes);
    else if (field.field === 11) f.attributeDefaults.push(readAttribute(field.bytes, where));
  }
  return f;
}

function readPair(bytes: Uint8Array, where: string): [string, string] {
  const pair: [string, string] = ["", ""];
  for (const f of readFields(bytes, where)) if (f.field === 1 || f.field === 2) pair[f.field - 1] = text(f.bytes);
  return pair;
}

function readOpset(bytes: Uint8Array, where: string): [string, number] {
  const opset: [string, number] = ["", 0];
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) opset[0] = text(f.bytes) === "ai.onnx" ? "" : text(f.bytes);
    else if (f.field === 2) opset[1] = Number(f.varint);
  }
  return opset;
}

/** A model file's bytes as objects; DataError, beginning with `where`, if they are not one. */
export function decodeModel(bytes: Uint8Array, where = "ONNX model"): ModelProto {
  const model: ModelProto = {
    irVersion: 0,
    producerName: "",
    producerVersion: "",
    opsets: new Map(),
    metadata: new Map(),
    graph: { name: "", nodes: [], initializers: [], inputs: [], outputs: [] },
    functions: [],
  };
  for (const f of readFields(bytes, where)) {
    if (f.field === 1) model.irVersion = Number(f.varint);
    else if (f.field === 2) model.producerName = text(f.bytes);
    else if (f.field === 3) model.producerVersion = text(f.bytes);
    else if (f.field === 7) model.graph = readGraph(f.bytes, where);
    else if (f.field === 8) model.opsets.set(...readOpset(f.bytes, where));
    else if (f.field === 14) model.metadata.set(...readPair(f.bytes, where));
    else if (f.field === 25) model.functions.push(readFunction(f.bytes, where));
  }
  return model;
}
