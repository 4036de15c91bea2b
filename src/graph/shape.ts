/**
 * @module Shapes: a dimension is a number, or linear in named symbols (`N`, `T + P`, `2·T`). Training binds every symbol
 * to a number; export, serving and generation leave them free.
 */
import { ShapeError } from "../util/errors.js";

/** A dimension that is not a number yet: Σ coefficient · symbol + constant. Immutable; equal expressions have equal `key`s. */
export class SymbolicDim {
  readonly terms: ReadonlyMap<string, number>;
  readonly constant: number;
  readonly key: string;

  constructor(terms: ReadonlyMap<string, number>, constant: number) {
    this.terms = terms;
    this.constant = constant;
    const parts = [...terms].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, c]) => (c === 1 ? name : `${c}·${name}`));
    if (constant !== 0) parts.push(String(constant));
    this.key = parts.join(" + ");
  }

  toString(): string {
    return this.key;
  }
}

export type Dim = number | SymbolicDim;
export type Shape = readonly Dim[];

/** A free dimension by its name: `symbol("N")`. */
export const symbol = (name: string): SymbolicDim => new SymbolicDim(new Map([[name, 1]]), 0);

function linear(a: Dim, b: Dim, scaleB: number): Dim {
  if (typeof a === "number" && typeof b === "number") return a + scaleB * b;
  const terms = new Map(typeof a === "number" ? [] : a.terms);
  if (typeof b !== "number") {
    for (const [name, c] of b.terms) {
      const sum = (terms.get(name) ?? 0) + scaleB * c;
      if (sum === 0) terms.delete(name);
      else terms.set(name, sum);
    }
  }
  const constant = (typeof a === "number" ? a : a.constant) + scaleB * (typeof b === "number" ? b : b.constant);
  return terms.size === 0 ? constant : new SymbolicDim(terms, constant);
}

export const dimAdd = (a: Dim, b: Dim): Dim => linear(a, b, 1);
export const dimSub = (a: Dim, b: Dim): Dim => linear(a, b, -1);

/** The product; one factor must be a number, since dimensions are linear. */
export function dimMul(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  if (typeof a !== "number" && typeof b !== "number")
    throw new ShapeError(`dimension ${a} × ${b}: expected at most one symbolic factor`);
  const [number, symbolic] = (typeof a === "number" ? [a, b] : [b, a]) as [number, SymbolicDim];
  if (number === 0) return 0;
  return new SymbolicDim(new Map([...symbolic.terms].map(([name, c]) => [name, c * number])), symbolic.constant * number);
}

/** The quotient where it divides without rest, otherwise undefined. */
export function dimDiv(a: Dim, b: number): Dim | undefined {
  if (typeof a === "number") return a % b === 0 ? a / b : undefined;
  if (a.constant % b !== 0 || [...a.terms.values()].some((c) => c % b !== 0)) return undefined;
  return new SymbolicDim(new Map([...a.terms].map(([name, c]) => [name, c / b])), a.constant / b);
}

export const dimEquals = (a: Dim, b: Dim): boolean =>
  typeof a === "number" || typeof b === "number" ? a === b : a.key === b.key;
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => dimEquals(d, b[i] as Dim));

/** `[N, 3, 28, 28]`. */
export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export const isStatic = (shape: Shape): shape is readonly number[] => shape.every((d) => typeof d === "number");

/** The shape as numbers; a ShapeError that names `where` and the free dimension otherwise. */
export function staticShape(shape: Shape, where: string): readonly number[] {
  if (isStatic(shape)) return shape;
  throw new ShapeError(`${where}: expected a shape without free dimensions, got ${formatShape(shape)}; bind them first`);
}

/** A dimension as a number; a ShapeError that names `where` otherwise. */
export function staticDim(dim: Dim | undefined, where: string): number {
  if (typeof dim === "number") return dim;
  throw new ShapeError(`${where}: expected a known dimension, got ${dim === undefined ? "none" : dim.key}`);
}

/** Number of elements. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

/** Number of elements, symbols allowed where at most one dimension has them. */
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

/** An axis counted from the end (−1 is the last) as one counted from the start; `rank` itself is allowed where `insert`. */
export function normalizeAxis(axis: number, rank: number, where: string, insert = false): number {
  const limit = insert ? rank + 1 : rank;
  const normalized = axis < 0 ? axis + limit : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= limit) {
    throw new ShapeError(`${where}: expected an axis in ${-limit}…${limit - 1}, got ${axis}`);
  }
  return normalized;
}

/** Axes normalized, sorted, checked for repeats. */
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

/** Replaces symbols by numbers; unbound ones stay. */
export function bindDim(dim: Dim, bindings: ReadonlyMap<string, number>): Dim {
  if (typeof dim === "number") return dim;
  let result: Dim = dim.constant;
  for (const [name, c] of dim.terms) result = dimAdd(result, dimMul(bindings.get(name) ?? symbol(name), c));
  return result;
}
