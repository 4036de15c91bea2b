/**
 * @module Tensors of the Open Inference Protocol: element types by its names, numbers in JSON, and raw bytes behind the JSON (the binary tensor extension).
 *
 * Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md; Triton's extension_binary_data.md.
 */
import type { DType, StringData, TensorData, TypedArray } from "../graph/index.js";
import { DTYPES, fromNumbers, integerRange, isInteger, isStringData, sizeOf, toNumbers } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { utf8 } from "../http/json.js";
import { shown } from "../http/shown.js";

/** The protocol's names. */
const DATATYPES: ReadonlyMap<DType, string> = new Map([
  ["bool", "BOOL"],
  ["uint8", "UINT8"],
  ["uint16", "UINT16"],
  ["uint32", "UINT32"],
  ["uint64", "UINT64"],
  ["int8", "INT8"],
  ["int16", "INT16"],
  ["int32", "INT32"],
  ["int64", "INT64"],
  ["float16", "FP16"],
  ["float32", "FP32"],
  ["float64", "FP64"],
  ["string", "BYTES"],
]);
const DTYPE_OF: ReadonlyMap<string, DType> = new Map([...DATATYPES].map(([dtype, name]) => [name, dtype]));

/** The protocol's name of an element type. */
export const datatypeOf = (dtype: DType): string => DATATYPES.get(dtype) as string;

/** The element type of a protocol's name. DataError for an unknown one. */
export function dtypeNamed(name: string, where: string): DType {
  const dtype = DTYPE_OF.get(name);
  if (dtype === undefined)
    throw new DataError(`${where}: expected a datatype of ${[...DTYPE_OF.keys()].join(", ")}, got ${shown(name)}`);
  return dtype;
}

/** Elements of a shape. DataError for lengths that are none, and for more than can be meant. */
export function expectSize(shape: readonly number[], most: number, where: string): number {
  if (shape.some((d) => !Number.isSafeInteger(d) || d < 1))
    throw new DataError(`${where}: expected a shape of whole numbers from 1 on, got [${shape.slice(0, 8).join(", ")}]`);
  const size = sizeOf(shape);
  if (size > most) throw new DataError(`${where}: expected at most ${most} elements, got ${size}`);
  return size;
}

type Element = number | string | boolean;
/** Numbers, flat or nested as the shape has them. */
export type JsonData = readonly unknown[];

function flatten(data: JsonData, size: number, where: string): Element[] {
  const all: Element[] = [];
  const walk = (list: readonly unknown[]): void => {
    for (const each of list) {
      if (Array.isArray(each)) walk(each);
      else if (typeof each === "number" || typeof each === "string" || typeof each === "boolean") all.push(each);
      else throw new DataError(`${where}: expected numbers, texts or booleans, got ${each === null ? "null" : "an object"}`);
      if (all.length > size) throw new DataError(`${where}: expected ${size} elements for its shape, got more`);
    }
  };
  walk(data);
  if (all.length !== size) throw new DataError(`${where}: expected ${size} elements for its shape, got ${all.length}`);
  return all;
}

/** DataError for a number that the element type does not hold. */
function expectElement(value: Element, dtype: DType, where: string): number {
  if (dtype === "bool") {
    if (typeof value === "boolean") return value ? 1 : 0;
    if (value === 0 || value === 1) return value;
    throw new DataError(`${where}: expected true or false, got ${shown(String(value))}`);
  }
  if (typeof value !== "number" || !Number.isFinite(value))
    throw new DataError(`${where}: expected finite numbers, got ${shown(String(value))}`);
  if (isInteger(dtype)) {
    const [least, greatest] = integerRange(dtype);
    if (!Number.isSafeInteger(value) || value < least || value > greatest)
      throw new DataError(`${where}: expected whole numbers from ${least} to ${greatest}, got ${value}`);
  } else if (dtype === "float32" && !Number.isFinite(Math.fround(value)))
    throw new DataError(`${where}: expected numbers that ${datatypeOf(dtype)} holds, got ${value}`);
  return value;
}

/** A tensor of JSON's numbers. Errors: DataError. */
export function tensorOfJson(dtype: DType, shape: readonly number[], data: JsonData, where: string): TensorData | StringData {
  const elements = flatten(data, sizeOf(shape), where);
  if (dtype !== "string")
    return fromNumbers(
      dtype,
      shape,
      elements.map((value) => expectElement(value, dtype, where)),
    );
  const text = elements.find((value) => typeof value !== "string");
  if (text !== undefined) throw new DataError(`${where}: expected texts, got ${shown(String(text))}`);
  return { dtype, shape: [...shape], data: elements as string[] };
}

/** A tensor as JSON has it: flat; what JSON has no number for is null. */
export function jsonOfTensor(tensor: TensorData | StringData): readonly (number | string | boolean | null)[] {
  if (isStringData(tensor)) return tensor.data;
  const numbers = Array.from(toNumbers(tensor), (value) => (Number.isFinite(value) ? value : null));
  return tensor.dtype === "bool" ? numbers.map((value) => value === 1) : numbers;
}

/** Texts, each behind its length in 4 bytes, little-endian. */
function textsOfBytes(bytes: Uint8Array, size: number, where: string): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.length && texts.length < size) {
    const length = at + 4 <= bytes.length ? view.getUint32(at, true) : Infinity;
    if (at + 4 + length > bytes.length)
      throw new DataError(`${where}: expected texts behind their lengths, got bytes that end early`);
    texts.push(utf8(bytes.subarray(at + 4, at + 4 + length), where));
    at += 4 + length;
  }
  if (texts.length !== size || at !== bytes.length)
    throw new DataError(`${where}: expected ${size} texts for its shape, got ${at === bytes.length ? texts.length : "more"}`);
  return texts;
}

/** A tensor of raw bytes, little-endian and row-major. Errors: DataError. */
export function tensorOfBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array, where: string): TensorData | StringData {
  const size = sizeOf(shape);
  if (dtype === "string") return { dtype, shape: [...shape], data: textsOfBytes(bytes, size, where) };
  const expected = size * DTYPES[dtype].bytes;
  if (bytes.length !== expected) throw new DataError(`${where}: expected ${expected} bytes for its shape, got ${bytes.length}`);
  const data = DTYPES[dtype].create(size);
  new Uint8Array(data.buffer).set(bytes);
  expectNumbers(dtype, data, where);
  return { dtype, shape: [...shape], data };
}

/** DataError for NaN or infinity, and for booleans that are neither 0 nor 1. */
function expectNumbers(dtype: DType, data: TypedArray, where: string): void {
  if (dtype === "float32" || dtype === "float64") {
    const numbers = data as Float32Array;
    for (let i = 0; i < numbers.length; i++)
      if (!Number.isFinite(numbers[i])) throw new DataError(`${where}: expected finite numbers, got ${numbers[i]}`);
  } else if (dtype === "float16") {
    for (const bits of data as Uint16Array)
      if ((bits & 0x7c00) === 0x7c00) throw new DataError(`${where}: expected finite numbers, got one that is not`);
  } else if (dtype === "bool" && (data as Uint8Array).some((value) => value > 1)) {
    throw new DataError(`${where}: expected booleans of 0 and 1, got another byte`);
  }
}

/** A tensor's raw bytes. */
export function bytesOfTensor(tensor: TensorData | StringData): Uint8Array {
  if (!isStringData(tensor)) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  const texts = tensor.data.map((text) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + 4 + text.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of texts) {
    view.setUint32(at, text.length, true);
    bytes.set(text, at + 4);
    at += 4 + text.length;
  }
  return bytes;
}
