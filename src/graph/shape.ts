/**
 * @module Shapes: lists of dimensions, and what NumPy's rules make of them.
 */
import { ShapeError } from "../util/errors.js";
import { type Dim, dimEquals, dimMul, FreeDimensionError } from "./dim.js";

export * from "./dim.js";

/** Dimensions of a tensor, outermost first; [] is a scalar. */
export type Shape = readonly Dim[];

/** True if two shapes have the same rank and the same dimensions. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => dimEquals(d, b[i] as Dim));

/** `[N, 3, 28, 28]`. */
export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** True if all dimensions are numbers, none a symbol. */
export const isStatic = (shape: Shape): shape is readonly number[] => shape.every((d) => typeof d === "number");

/** The shape as numbers; a ShapeError that names `where` and the free dimension otherwise. */
export function staticShape(shape: Shape, where: string): readonly number[] {
  if (isStatic(shape)) return shape;
  throw new FreeDimensionError(`${where}: expected a shape without free dimensions, got ${formatShape(shape)}; bind them first`);
}

/** A dimension as a number; a ShapeError that names `where` otherwise. */
export function staticDim(dim: Dim | undefined, where: string): number {
  if (typeof dim === "number") return dim;
  if (dim === undefined) throw new ShapeError(`${where}: expected a known dimension, got none`);
  throw new FreeDimensionError(`${where}: expected a known dimension, got ${dim.key}`);
}

/** Number of elements. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

/** Number of elements, which may be free. */
export const symbolicSize = (shape: Shape): Dim => shape.reduce<Dim>(dimMul, 1);

/** NumPy's rule for two or more shapes, aligned at the last dimension; undefined where they do not fit. */
export function broadcastShapes(...shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    let dim: Dim = 1;
    for (const shape of shapes) {
      const d = shape[shape.length - rank + i] ?? 1;
      if (dimEquals(d, 1) || dimEquals(d, dim)) continue;
      if (!dimEquals(dim, 1)) return undefined;
      dim = d;
    }
    result.push(dim);
  }
  return result;
}

/**
 * An axis counted from the end (−1 is the last) as one counted from the start; `rank` itself is allowed where `insert`. ShapeError for an axis that is
 * not there.
 */
export function normalizeAxis(axis: number, rank: number, where: string, insert = false): number {
  const limit = insert ? rank + 1 : rank;
  const normalized = axis < 0 ? axis + limit : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= limit) {
    throw new ShapeError(`${where}: expected an axis in ${-limit}…${limit - 1}, got ${axis}`);
  }
  return normalized;
}

/** Axes normalized, sorted, checked for repeats. ShapeError for an axis that is not there, or is named twice. */
export function normalizeAxes(axes: readonly number[], rank: number, where: string): number[] {
  const normalized = axes.map((axis) => normalizeAxis(axis, rank, where)).sort((a, b) => a - b);
  if (new Set(normalized).size !== normalized.length)
    throw new ShapeError(`${where}: expected distinct axes, got [${axes.join(", ")}]`);
  return normalized;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i] as number;
  }
  return strides;
}
