/**
 * @module An ONNX model as the bytes of its file.
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
import { WireWriter } from "./wire.js";

function writeTensor(w: WireWriter, t: TensorProto): void {
  w.packedInts(1, t.dims);
  w.int(2, t.dataType);
  if (t.strings !== undefined) for (const s of t.strings) w.string(6, s);
  w.string(8, t.name);
  if (t.external !== undefined) {
    for (const [key, value] of t.external) {
      w.message(13, (e) => {
        e.string(1, key);
        e.string(2, value);
      });
    }
    w.int(14, 1);
  } else if (t.strings === undefined) w.bytes(9, t.rawData);
}

function writeAttribute(w: WireWriter, a: AttributeProto): void {
  w.string(1, a.name);
  switch (a.type) {
    case "float":
      w.float(2, a.value);
      break;
    case "int":
      w.int(3, a.value);
      break;
    case "string":
      w.string(4, a.value);
      break;
    case "tensor":
      w.message(5, (m) => writeTensor(m, a.value));
      break;
    case "graph":
      w.message(6, (m) => writeGraph(m, a.value));
      break;
    case "floats":
      for (const value of a.value) w.float(7, value);
      break;
    case "ints":
      for (const value of a.value) w.int(8, value);
      break;
    case "strings":
      for (const value of a.value) w.string(9, value);
      break;
    case "reference":
      w.string(21, a.value);
      return;
  }
  w.int(20, ATTRIBUTE_TYPE[a.type]);
}

function writeNode(w: WireWriter, n: NodeProto): void {
  for (const name of n.inputs) w.string(1, name);
  for (const name of n.outputs) w.string(2, name);
  if (n.name !== "") w.string(3, n.name);
  w.string(4, n.opType);
  for (const attribute of n.attributes) w.message(5, (m) => writeAttribute(m, attribute));
  if (n.domain !== "") w.string(7, n.domain);
}

function writeValueInfo(w: WireWriter, v: ValueInfoProto): void {
  w.string(1, v.name);
  // A value of a type that is not said: the engine finds it.
  if (v.elementType === 0) return;
  w.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, v.elementType);
      const { shape } = v;
      if (shape === undefined) return;
      tensor.message(2, (s) => {
        for (const dim of shape) {
          s.message(1, (d) => {
            if (typeof dim === "number") d.int(1, dim);
            else if (dim !== null) d.string(2, dim);
          });
        }
      });
    }),
  );
}

function writeGraph(w: WireWriter, g: GraphProto): void {
  for (const node of g.nodes) w.message(1, (m) => writeNode(m, node));
  w.string(2, g.name);
  for (const tensor of g.initializers) w.message(5, (m) => writeTensor(m, tensor));
  for (const value of g.inputs) w.message(11, (m) => writeValueInfo(m, value));
  for (const value of g.outputs) w.message(12, (m) => writeValueInfo(m, value));
}

function writeOpset(w: WireWriter, domain: string, version: number): void {
  if (domain !== "") w.string(1, domain);
  w.int(2, version);
}

function writeFunction(w: WireWriter, f: FunctionProto): void {
  w.string(1, f.name);
  for (const name of f.inputs) w.string(4, name);
  for (const name of f.outputs) w.string(5, name);
  for (const name of f.attributes) w.string(6, name);
  for (const node of f.nodes) w.message(7, (m) => writeNode(m, node));
  for (const [domain, version] of f.opsets) w.message(9, (m) => writeOpset(m, domain, version));
  w.string(10, f.domain);
  for (const attribute of f.attributeDefaults) w.message(11, (m) => writeAttribute(m, attribute));
}

/** Bytes of an ONNX file. */
export function encodeModel(model: ModelProto): Uint8Array {
  const w = new WireWriter();
  w.int(1, model.irVersion);
  w.string(2, model.producerName);
  w.string(3, model.producerVersion);
  w.message(7, (m) => writeGraph(m, model.graph));
  for (const [domain, version] of model.opsets) w.message(8, (m) => writeOpset(m, domain, version));
  for (const [key, value] of model.metadata) {
    w.message(14, (m) => {
      m.string(1, key);
      m.string(2, value);
    });
  }
  for (const f of model.functions) w.message(25, (m) => writeFunction(m, f));
  return w.finish();
}
