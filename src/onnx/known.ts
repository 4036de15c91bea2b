/**
 * @module Values that are known while a file is read: constants, and shapes, in which free dimensions may stand. Exporters
 * compute shapes by chains of small ops; `fold.ts` evaluates the chains, so that shapes, axes and sizes become attributes.
 */
import type { Dim, DType, Tensor, TensorData, TensorType } from "../graph/index.js";
import { constant, elementAt, fromNumbers, isFloat, isStatic, sizeOf, stridesOf, SymbolicDim } from "../graph/index.js";
import { concat } from "../ops/index.js";

/** A small tensor whose elements are known; those of integer type may be dimensions that are still free. */
export interface Known {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly Dim[];
  /** Whether a tensor's shape is among what it was computed from. */
  readonly ofShape?: boolean;
}

/** An element; undefined where it is not known. */
export type Maybe = Dim | undefined;

/** Tensors with more elements than this are left to the graph. */
const FOLD_LIMIT = 4096;

/** Types that shapes are computed in. */
const FOLDED: ReadonlySet<DType> = new Set<DType>(["int64", "int32", "float32", "float64", "bool"]);

/** Whether a value is computed with while a file is read. */
export const isFoldable = (k: Known): boolean => k.values.length <= FOLD_LIMIT && FOLDED.has(k.dtype);

/** The elements as numbers; undefined where one is free. */
export const numbersOf = (known: Known | undefined): readonly number[] | undefined =>
  known !== undefined && isStatic(known.values) ? known.values : undefined;

export const knownOf = (data: TensorData): Known => ({
  dtype: data.dtype,
  shape: data.shape,
  values: Array.from({ length: data.data.length }, (_, i) => elementAt(data, i)),
});

/** As a tensor of the graph. A free dimension becomes the sum of as many ones. */
export function tensorOfKnown(known: Known): Tensor {
  const numbers = numbersOf(known);
  if (numbers !== undefined) return constant(fromNumbers(known.dtype, known.shape, numbers));
  const parts = known.values.map((value) => {
    if (typeof value === "number") return constant(fromNumbers("int64", [1], [value]));
    let total = constant(fromNumbers("int64", [1], [value.constant]));
    for (const { factors, coefficient } of value.terms.values()) {
      const counted = new SymbolicDim([{ factors, coefficient: 1 }], 0);
      total = total.add(constant(1, "int64").expand([counted]).sum(0, true).mul(coefficient));
    }
    return total;
  });
  return concat(parts, 0).reshape(known.shape).cast(known.dtype);
}

/** Every index of a shape, the last axis fastest. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  const index = shape.map(() => 0);
  for (let left = sizeOf(shape); left > 0; left--) {
    yield [...index];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
    }
  }
}

/** Element at an index, with broadcasting: axes are aligned at the end, and axes of length 1 repeat. */
export function at(k: Known, index: readonly number[]): Dim {
  const skip = index.length - k.shape.length;
  const strides = stridesOf(k.shape);
  return k.values[
    k.shape.reduce((sum, d, i) => sum + (d === 1 ? 0 : (index[i + skip] as number)) * (strides[i] as number), 0)
  ] as Dim;
}

/** Element at an index that has every axis. */
export function elementOf(k: Known, index: readonly number[]): Maybe {
  const strides = stridesOf(k.shape);
  return k.values[index.reduce((sum, p, i) => sum + p * (strides[i] as number), 0)];
}

/** A result as its type holds it; undefined where it would wrap around. */
function inType(dtype: DType, value: Dim): Maybe {
  if (typeof value !== "number" || dtype === "float64" || dtype === "bool") return value;
  if (dtype === "float32") return Math.fround(value);
  return Math.abs(value) <= (dtype === "int32" ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER) ? value : undefined;
}

/** A known tensor of a shape, element by element; undefined where one is not known, or where it is too large. */
export function build(dtype: DType, shape: readonly number[], element: (index: readonly number[]) => Maybe): Known | undefined {
  if (sizeOf(shape) > FOLD_LIMIT) return undefined;
  const values: Dim[] = [];
  for (const index of indices(shape)) {
    const value = element(index);
    const held = value === undefined ? undefined : inType(dtype, value);
    if (held === undefined) return undefined;
    values.push(held);
  }
  return { dtype, shape, values };
}

/** Conversion of known values: floats to integers truncate. Undefined where the type would not hold them. */
export function castKnown(x: Known, to: DType): Known | undefined {
  if (!FOLDED.has(x.dtype) || !FOLDED.has(to)) return undefined;
  const values: Dim[] = [];
  for (const v of x.values) {
    const converted = typeof v !== "number" || isFloat(to) ? v : to === "bool" ? (v === 0 ? 0 : 1) : Math.trunc(v);
    const held = inType(to, converted);
    if (held === undefined || Number.isNaN(held)) return undefined;
    values.push(held);
  }
  return { ...x, dtype: to, values };
}

/** A tensor's lengths from axis `start` to `end`, as ONNX's Shape gives them. */
export function shapeOf(type: TensorType, start: number, end: number): Known {
  const values = type.shape.slice(start, end);
  return { dtype: "int64", shape: [values.length], values, ofShape: true };
}
