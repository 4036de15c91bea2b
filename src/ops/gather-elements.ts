/**
 * @module Single elements by index along one axis, read and written: GatherElements, ScatterElements.
 */
import type { Dim } from "../graph/index.js";
import { dimEquals, formatShape, normalizeAxis, sameShape, type Tensor } from "../graph/index.js";
import { NoGradientError, ShapeError } from "../util/errors.js";
import { allMapped, INDEX } from "./indices.js";
import type { Op } from "./op.js";
import { emitOne, expectDType, expectSameDType, moves } from "./op.js";
import { zeros } from "./reshape.js";

type Two = readonly [Tensor, Tensor];
type Three = readonly [Tensor, Tensor, Tensor];

/** y[.., i, ..] = x[.., indices[.., i, ..], ..]: one element along `axis` for each place of `indices`. */
export const GatherElements: Op<{ axis: number }, Two> = {
  name: "GatherElements",
  domain: "",
  attributes: { axis: "int" },
  infer: ([x, indices], { axis }, where) => {
    expectDType(where, indices.dtype, INDEX, "int32 or int64 indices");
    expectElementwise(x, indices, normalizeAxis(axis, x.rank, where), where);
    return [{ shape: indices.shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, indices], dy, attributes: { axis } }) => [
    emitOne(ScatterElements, [zeros(x.shape, dy.dtype), indices, dy], { axis, reduction: "add" }),
    null,
  ],
  cost: moves,
  batch: (c) => [
    emitOne(GatherElements, allMapped(c), {
      axis: normalizeAxis(c.attributes.axis, c.ranks[0] as number, "GatherElements") + 1,
    }),
  ],
};

function expectElementwise(x: Tensor, indices: Tensor, axis: number, where: string): void {
  const fits = x.shape.every((d, i) => {
    const index = indices.shape[i];
    return i === axis || (typeof d === "number" && typeof index === "number" ? index <= d : dimEquals(d, index as Dim));
  });
  if (indices.rank !== x.rank || !fits) {
    throw new ShapeError(
      `${where}: expected indices that fit ${formatShape(x.shape)} but for axis ${axis}, got ${formatShape(indices.shape)}`,
    );
  }
}

export type ScatterReduction = "none" | "add" | "mul" | "max" | "min";

/** The gradient of a scatter: dy passes to the data where nothing was written (everywhere, for add), and is read at what was written. */
export function refuseReduction(name: string, reduction: ScatterReduction): void {
  if (reduction === "none" || reduction === "add") return;
  throw new NoGradientError(
    `${name}: has no gradient for reduction "${reduction}", since it is defined for "none" and "add" only; use stopGradient before it`,
  );
}

/** x with updates[i] written (or added) at [.., indices[i], ..]; without a reduction indices must not repeat. */
export const ScatterElements: Op<{ axis: number; reduction: ScatterReduction }, Three> = {
  name: "ScatterElements",
  domain: "",
  attributes: { axis: "int", reduction: "string" },
  empty: ({ inputs: [x] }) => [x],
  infer: ([x, indices, updates], { axis }, where) => {
    expectDType(where, indices.dtype, INDEX, "int32 or int64 indices");
    expectSameDType(where, x, updates);
    expectElementwise(x, indices, normalizeAxis(axis, x.rank, where), where);
    if (!sameShape(indices.shape, updates.shape)) {
      throw new ShapeError(`${where}: expected updates ${formatShape(indices.shape)}, got ${formatShape(updates.shape)}`);
    }
    return [x];
  },
  gradient: ({ inputs: [, indices, updates], dy, attributes: { axis, reduction }, needs }) => {
    refuseReduction("ScatterElements", reduction);
    const kept =
      reduction === "add"
        ? dy
        : emitOne(ScatterElements, [dy, indices, zeros(updates.shape, dy.dtype)], { axis, reduction: "none" });
    return [needs[0] ? kept : null, null, needs[2] ? emitOne(GatherElements, [dy, indices], { axis }) : null];
  },
  cost: moves,
  batch: (c) => [
    emitOne(ScatterElements, allMapped(c), {
      axis: normalizeAxis(c.attributes.axis, c.ranks[0] as number, "ScatterElements") + 1,
      reduction: c.attributes.reduction,
    }),
  ],
};

/** One element of x along an axis for each place of `indices`, which has x's rank. */
export const gatherElements = (x: Tensor, indices: Tensor, axis = 0): Tensor => emitOne(GatherElements, [x, indices], { axis });
export const scatterElements = (
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  options: { axis?: number; reduction?: ScatterReduction } = {},
): Tensor => emitOne(ScatterElements, [x, indices, updates], { axis: 0, reduction: "none", ...options });
