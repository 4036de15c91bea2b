/**
 * @module ONNX's messages as plain objects: only what a model file needs. `encode.ts` makes bytes of them, `decode.ts` reads them.
 * Source: onnx/onnx.proto, IR version 10.
 */

/** ONNX's message of a tensor: shape, type code, little-endian bytes. */
export interface TensorProto {
  name: string;
  dims: number[];
  dataType: number;
  /** Little-endian elements. Typed fields (float_data, …) are turned into this when read. */
  rawData: Uint8Array;
  strings?: string[];
  /** Where `data_location` is EXTERNAL: key → value (location, offset, length). */
  external?: Map<string, string>;
}

/** Codes of attribute types in ONNX files. */
export const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;

/** ONNX's message of an attribute. */
export type AttributeProto = { name: string } & (
  | { type: "float"; value: number }
  | { type: "int"; value: number }
  | { type: "string"; value: string }
  | { type: "tensor"; value: TensorProto }
  | { type: "graph"; value: GraphProto }
  | { type: "floats"; value: number[] }
  | { type: "ints"; value: number[] }
  | { type: "strings"; value: string[] }
  /** In a function body: the value of the caller's attribute of this name. */
  | { type: "reference"; value: string }
);

/** ONNX's message of a node; "" stands for an input that is left out. */
export interface NodeProto {
  name: string;
  opType: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: AttributeProto[];
}

/** ONNX's message of an input or output; a dimension is a number, a name, or unknown. */
export interface ValueInfoProto {
  name: string;
  elementType: number;
  /** Undefined where the file does not say; a string names a free dimension, null is unknown. */
  shape: (number | string | null)[] | undefined;
}

/** ONNX's message of a graph. */
export interface GraphProto {
  name: string;
  readonly nodes: NodeProto[];
  initializers: TensorProto[];
  inputs: ValueInfoProto[];
  outputs: ValueInfoProto[];
}

/** ONNX's message of a function that nodes may call. */
export interface FunctionProto {
  name: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: string[];
  attributeDefaults: AttributeProto[];
  nodes: NodeProto[];
  /** Versions by domain; empty where the model's count. */
  opsets: Map<string, number>;
}

/** ONNX's message of a whole file. */
export interface ModelProto {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  opsets: Map<string, number>;
  metadata: Map<string, string>;
  graph: GraphProto;
  functions: FunctionProto[];
}
