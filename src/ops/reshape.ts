/**
 * @module Reshape, transpose, squeeze, unsqueeze and expand. They move data and compute nothing.
 */
import type { Dim, DType, Shape } from "../graph/index.js";
import {
  broadcastShapes,
  dimDiv,
  dimEquals,
  formatShape,
  FreeDimensionError,
  isStatic,
  normalizeAxes,
  normalizeAxis,
  sameShape,
  sizeOf,
  symbolicSize,
  type Tensor,
} from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { range } from "../util/range.js";
import type { Op } from "./op.js";
import { asTensor, emitOne, moves } from "./op.js";

type One = readonly [Tensor];

/** The same elements in the same order under another shape. */
export const Reshape: Op<{ shape: readonly Dim[] }, One> = {
  name: "Reshape",
  domain: "",
  attributes: { shape: "shape" },
  attributeInputs: { shape: { slot: 1 } },
  infer: ([x], { shape }, where) => {
    const fits = isStatic(shape) && isStatic(x.shape) ? sizeOf(shape) === sizeOf(x.shape) : true;
    if (!fits)
      throw new ShapeError(`${where}: expected as many elements as ${formatShape(x.shape)} has, got ${formatShape(shape)}`);
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [dy.reshape(x.shape)],
  cost: moves,
  batch: ({ inputs: [x], size, attributes: { shape } }) => [emitOne(Reshape, [x], { shape: [size, ...shape] })],
};

/** y[i₀, i₁, …] = x[…]: axis `perm[k]` of x becomes axis k of y. */
export const Transpose: Op<{ perm: readonly number[] }, One> = {
  name: "Transpose",
  domain: "",
  attributes: { perm: "ints" },
  infer: ([x], { perm }, where) => {
    if (perm.length !== x.rank || [...perm].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
      throw new ShapeError(
        `${where}: expected an order of the ${x.rank} axes of ${formatShape(x.shape)}, got [${perm.join(", ")}]`,
      );
    }
    return [{ shape: perm.map((axis) => x.shape[axis] as Dim), dtype: x.dtype }];
  },
  gradient: ({ dy, attributes: { perm } }) => {
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return [emitOne(Transpose, [dy], { perm: inverse })];
  },
  cost: moves,
  batch: ({ inputs: [x], attributes: { perm } }) => [emitOne(Transpose, [x], { perm: [0, ...perm.map((axis) => axis + 1)] })],
};

/** x repeated along new and along length-1 axes, as broadcasting would. */
export const Expand: Op<{ shape: readonly Dim[] }, One> = {
  name: "Expand",
  domain: "",
  attributes: { shape: "shape" },
  attributeInputs: { shape: { slot: 1 } },
  infer: ([x], { shape }, where) => {
    const result = broadcastShapes(x.shape, shape);
    if (result === undefined || !sameShape(result, shape)) {
      throw new ShapeError(`${where}: expected a shape that ${formatShape(x.shape)} broadcasts to, got ${formatShape(shape)}`);
    }
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ dy }) => [dy], // the walk sums it down
  cost: moves,
  batch: ({ inputs: [x], size, ranks, attributes: { shape } }) => {
    const missing = shape.length - (ranks[0] as number);
    const aligned = missing === 0 ? x : x.unsqueeze(...range(1, 1 + missing));
    return [emitOne(Expand, [aligned], { shape: [size, ...shape] })];
  },
};

/** x without axes of length 1. */
export const Squeeze: Op<{ axes: readonly number[] }, One> = {
  name: "Squeeze",
  domain: "",
  attributes: { axes: "ints" },
  attributeInputs: { axes: { slot: 1 } },
  infer: ([x], { axes }, where) => {
    const dropped = normalizeAxes(axes, x.rank, where);
    for (const axis of dropped) {
      if (!dimEquals(x.shape[axis] as Dim, 1)) {
        throw new ShapeError(`${where}: expected length 1 at axis ${axis} of ${formatShape(x.shape)}, got ${x.shape[axis]}`);
      }
    }
    return [{ shape: x.shape.filter((_, axis) => !dropped.includes(axis)), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [dy.reshape(x.shape)],
  cost: moves,
  batch: ({ inputs: [x], ranks, attributes: { axes } }) => {
    const rank = ranks[0] as number;
    return [emitOne(Squeeze, [x], { axes: axes.map((axis) => normalizeAxis(axis, rank, "Squeeze") + 1) })];
  },
};

/** x with further axes of length 1. */
export const Unsqueeze: Op<{ axes: readonly number[] }, One> = {
  name: "Unsqueeze",
  domain: "",
  attributes: { axes: "ints" },
  attributeInputs: { axes: { slot: 1 } },
  infer: ([x], { axes }, where) => {
    const rank = x.rank + axes.length;
    const inserted = normalizeAxes(axes, rank, where);
    const rest = [...x.shape];
    return [{ shape: range(0, rank).map((axis) => (inserted.includes(axis) ? 1 : (rest.shift() as Dim))), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [dy.reshape(x.shape)],
  cost: moves,
  batch: ({ inputs: [x], ranks, attributes: { axes } }) => {
    const rank = (ranks[0] as number) + axes.length;
    return [emitOne(Unsqueeze, [x], { axes: axes.map((axis) => normalizeAxis(axis, rank, "Unsqueeze") + 1) })];
  },
};

/** Reshape; one dimension may be −1: it takes what is left. ShapeError if the counts of elements differ. The new shape [2, −1] makes [2, 3] of [6]. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const hole = shape.findIndex((d) => d === -1);
  let target = shape;
  if (hole >= 0) {
    const known = symbolicSize(shape.filter((_, i) => i !== hole));
    const rest = dimDiv(symbolicSize(x.shape), known);
    if (rest === undefined) {
      const message = `Reshape: expected a shape that ${formatShape(x.shape)} fits into, got ${formatShape(shape)}`;
      // What is free may fit once it is bound.
      throw isStatic([...x.shape, known]) ? new ShapeError(message) : new FreeDimensionError(message);
    }
    target = shape.map((d, i) => (i === hole ? rest : d));
  }
  return sameShape(target, x.shape) ? x : emitOne(Reshape, [x], { shape: target });
}

/** Axes in the given order; without one, all axes reversed. [a, b, c] → [c, b, a] without one. */
export function transpose(x: Tensor, perm: readonly number[] = range(0, x.rank).reverse()): Tensor {
  const order = perm.map((axis) => normalizeAxis(axis, x.rank, "Transpose"));
  return order.every((axis, i) => axis === i) ? x : emitOne(Transpose, [x], { perm: order });
}

/** Two axes exchanged. [.., m, .., n, ..] → [.., n, .., m, ..]. */
export function swapAxes(x: Tensor, a: number, b: number): Tensor {
  const [first, second] = [normalizeAxis(a, x.rank, "Transpose"), normalizeAxis(b, x.rank, "Transpose")];
  return transpose(
    x,
    range(0, x.rank).map((axis) => (axis === first ? second : axis === second ? first : axis)),
  );
}

/** x repeated along dimensions of length 1 until it has the shape, as broadcasting does; ShapeError if it cannot. */
export const expand = (x: Tensor, shape: Shape): Tensor => (sameShape(x.shape, shape) ? x : emitOne(Expand, [x], { shape }));
/** x without the named axes, which must have length 1; ShapeError otherwise. [M, 1, N] → [M, N] for 1. */
export const squeeze = (x: Tensor, ...axes: readonly number[]): Tensor =>
  emitOne(Squeeze, [x], { axes: normalizeAxes(axes, x.rank, "Squeeze") });
/** x with an axis of length 1 at each position named; positions are those of the result. [M, N] → [M, 1, N] for 1. */
export const unsqueeze = (x: Tensor, ...axes: readonly number[]): Tensor =>
  emitOne(Unsqueeze, [x], { axes: normalizeAxes(axes, x.rank + axes.length, "Unsqueeze") });

/** A scalar broadcast to a shape: cheap in the graph, since large constants stay scalars. */
export const full = (shape: Shape, value: number, dtype: DType = "float32"): Tensor => expand(asTensor(value, dtype), shape);
/** Zeros of a shape (float32, unless told otherwise). */
export const zeros = (shape: Shape, dtype?: DType): Tensor => full(shape, 0, dtype);
/** Ones of a shape (float32, unless told otherwise). */
export const ones = (shape: Shape, dtype?: DType): Tensor => full(shape, 1, dtype);
/** Zeros with the shape and type of x. */
export const zerosLike = (x: Tensor): Tensor => zeros(x.shape, x.dtype);
/** Ones with the shape and type of x. */
export const onesLike = (x: Tensor): Tensor => ones(x.shape, x.dtype);
/** Keeps the first `fromAxis` axes and joins the others: [N, C, H, W] → [N, C·H·W]. */
export const flatten = (x: Tensor, fromAxis = 1): Tensor => reshape(x, [...x.shape.slice(0, fromAxis), -1]);
