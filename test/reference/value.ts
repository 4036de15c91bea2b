/**
 * @module Values and calls of the reference interpreter, and the few index loops that its kernels share.
 */
import type { Attributes, DType, Node } from "../../src/graph/index.js";
import { isFloat, sizeOf, stridesOf } from "../../src/graph/index.js";
import { DescentError } from "../../src/util/errors.js";

/** Numbers as the interpreter holds them: always float64. Integers are exact to 2^53; truth values are 0 and 1. */
export interface RefValue {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: Float64Array;
}

/** One application of an op: its inputs, and its attributes read with ONNX's defaults. */
export class Call {
  readonly node: Node;
  readonly inputs: readonly (RefValue | null)[];
  readonly attributes: Attributes;

  constructor(node: Node, inputs: readonly (RefValue | null)[], attributes: Attributes) {
    this.node = node;
    this.inputs = inputs;
    this.attributes = attributes;
  }

  /** Input i, which must be there. */
  x(i = 0): RefValue {
    const value = this.inputs[i];
    if (value === null || value === undefined)
      throw new DescentError(`reference ${this.node.op}: expected an input ${i}, got none`);
    return value;
  }
  optional(i: number): RefValue | null {
    return this.inputs[i] ?? null;
  }
  number(name: string, fallback?: number): number {
    const value = this.attributes[name] ?? fallback;
    if (typeof value !== "number") throw this.#missing(name, "a number");
    return value;
  }
  flag(name: string, fallback = false): boolean {
    const value = this.attributes[name] ?? fallback;
    return value === true || value === 1;
  }
  text(name: string, fallback?: string): string {
    const value = this.attributes[name] ?? fallback;
    if (typeof value !== "string") throw this.#missing(name, "a string");
    return value;
  }
  list(name: string, fallback?: readonly number[]): readonly number[] {
    const value = this.attributes[name] ?? fallback;
    if (!Array.isArray(value)) throw this.#missing(name, "a list");
    return value as readonly number[];
  }
  /** An axis counted from the start. */
  axis(name: string, rank: number, fallback?: number): number {
    const axis = this.number(name, fallback);
    return axis < 0 ? axis + rank : axis;
  }
  #missing(name: string, what: string): DescentError {
    return new DescentError(
      `reference ${this.node.op}: expected ${what} as attribute ${name}, got ${String(this.attributes[name])}`,
    );
  }
}

/** The outputs of an op, from its inputs and attributes, straight from the ONNX specification. */
export type Kernel = (call: Call) => readonly RefValue[];

const INTEGER_RANGE: Partial<Record<DType, { bits: number; signed: boolean }>> = {
  int8: { bits: 8, signed: true },
  uint8: { bits: 8, signed: false },
  int16: { bits: 16, signed: true },
  uint16: { bits: 16, signed: false },
  int32: { bits: 32, signed: true },
  uint32: { bits: 32, signed: false },
};

/** A number as an element of `dtype`: integers wrap around at their width, as the engine's do; floats stay as they are. */
export function asElement(dtype: DType, value: number): number {
  const range = INTEGER_RANGE[dtype];
  if (range !== undefined) {
    const modulus = 2 ** range.bits;
    const low = ((Math.trunc(value) % modulus) + modulus) % modulus;
    return range.signed && low >= modulus / 2 ? low - modulus : low;
  }
  if (dtype === "bool") return value === 0 ? 0 : 1;
  return isFloat(dtype) ? value : Math.trunc(value);
}

/** A value whose element i is f(i). */
export function build(dtype: DType, shape: readonly number[], f: (i: number) => number): RefValue {
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = asElement(dtype, f(i));
  return { dtype, shape: [...shape], data };
}

/** A value whose element at an index is f(index); the index array is reused between calls. */
export function buildAt(dtype: DType, shape: readonly number[], f: (index: readonly number[]) => number): RefValue {
  const data = new Float64Array(sizeOf(shape));
  let i = 0;
  forEachIndex(shape, (index) => {
    data[i++] = asElement(dtype, f(index));
  });
  return { dtype, shape: [...shape], data };
}

/** Calls f with every index of `shape` in row-major order; the array is reused. */
export function forEachIndex(shape: readonly number[], f: (index: number[]) => void): void {
  const count = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < count; i++) {
    f(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1;
      if (next < (shape[axis] as number)) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
    }
  }
}

/** Position of an index in row-major data. */
export function offsetOf(shape: readonly number[], index: readonly number[]): number {
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis++) offset = offset * (shape[axis] as number) + (index[axis] as number);
  return offset;
}

/** The element at an index. */
export const at = (x: RefValue, index: readonly number[]): number => x.data[offsetOf(x.shape, index)] as number;

/** The element at an index of a shape that x broadcasts to. */
export function atBroadcast(x: RefValue, index: readonly number[]): number {
  const extra = index.length - x.shape.length;
  let offset = 0;
  for (let axis = 0; axis < x.shape.length; axis++) {
    const length = x.shape[axis] as number;
    offset = offset * length + (length === 1 ? 0 : (index[axis + extra] as number));
  }
  return x.data[offset] as number;
}

/** NumPy's broadcast shape of concrete shapes. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const lengths = shapes.map((s) => s[s.length - rank + i] ?? 1);
    return lengths.find((length) => length !== 1) ?? 1;
  });
}

/** The elements of x repeated up to `shape`, in row-major order. */
export function broadcastData(x: RefValue, shape: readonly number[]): Float64Array {
  if (x.shape.length === shape.length && x.shape.every((d, i) => d === shape[i])) return x.data;
  const data = new Float64Array(sizeOf(shape));
  if (x.data.length === 1) return data.fill(x.data[0] as number);
  let i = 0;
  forEachIndex(shape, (index) => {
    data[i++] = atBroadcast(x, index);
  });
  return data;
}

/** Every line of x along `axis`: its elements and their places in `x.data`. */
export function forEachLine(x: RefValue, axis: number, f: (line: number[], places: readonly number[]) => void): void {
  const length = x.shape[axis] as number;
  const stride = stridesOf(x.shape)[axis] as number;
  const outer = x.shape.map((d, i) => (i === axis ? 1 : d));
  forEachIndex(outer, (index) => {
    const start = offsetOf(x.shape, index);
    const places = Array.from({ length }, (_, k) => start + k * stride);
    f(
      places.map((place) => x.data[place] as number),
      places,
    );
  });
}
