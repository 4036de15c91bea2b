/**
 * @module Single elements by index along one axis, read and written: GatherElements, ScatterElements.
 */
import type { Dim } from "../graph/index.js";
import { dimEquals, formatShape, normalizeAxis, sameShape, type Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { allMapped, INDEX } from "./indices.js";
import type { Op } from "./op.js";
import { emitOne, expectDType, expectSameDType, moves, picks } from "./op.js";
import { zeros } from "./reshape.js";

type Two = readonly [Tensor, Tensor];
type Three = readonly [Tensor, Tensor, Tensor];

/** y[.., i, ..] = x[.., indices[.., i, ..], ..]: one element along `axis` for each position of `indices`. */
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
  cost: picks,
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

/** Meaning of several values for one position: the last one, their sum, product, largest or smallest. */
export type ScatterReduction = "none" | "add" | "mul" | "max" | "min";

/** Inputs and output of a scatter with a reduction; the indices count along `axis`. */
export interface Scattered {
  readonly x: Tensor;
  readonly indices: Tensor;
  readonly updates: Tensor;
  readonly y: Tensor;
  readonly axis: number;
}

/** Gradients to data and updates where the largest or smallest was kept. Those that tie share it, as in PyTorch. */
function extremeGradients({ x, indices, updates, y, axis }: Scattered, dy: Tensor): [Tensor, Tensor] {
  const read = (t: Tensor): Tensor => emitOne(GatherElements, [t, indices], { axis });
  const [kept, won] = [x.equal(y).cast(dy.dtype), updates.equal(read(y)).cast(dy.dtype)];
  const share = dy.div(emitOne(ScatterElements, [kept, indices, won], { axis, reduction: "add" }));
  return [share.mul(kept), read(share).mul(won)];
}

/** Gradients where factors were multiplied: the product of all others, which does not divide by a zero. */
function productGradients({ x, indices, updates, y, axis }: Scattered, dy: Tensor): [Tensor, Tensor] {
  const read = (t: Tensor): Tensor => emitOne(GatherElements, [t, indices], { axis });
  const scattered = (into: Tensor, what: Tensor, reduction: ScatterReduction): Tensor =>
    emitOne(ScatterElements, [into, indices, what], { axis, reduction });
  const ofUpdates = scattered(zeros(x.shape, x.dtype).add(1), updates, "mul");
  const isZero = updates.equal(0);
  const nonzero = isZero.where(1, updates);
  // Beside a single zero the others' product is that of the nonzero ones; beside two it is 0.
  const zerosThere = scattered(zeros(x.shape, x.dtype), isZero.cast(x.dtype), "add");
  const besideZero = zerosThere.equal(1).where(scattered(x, nonzero, "mul"), 0);
  return [dy.mul(ofUpdates), isZero.where(read(dy.mul(besideZero)), read(dy.mul(y)).div(nonzero))];
}

/** Gradients of a scatter with any reduction to its data and its updates. Each has the shape of what it is the gradient of. */
export const reductionGradients = (scattered: Scattered, dy: Tensor, reduction: ScatterReduction): [Tensor, Tensor] =>
  reduction === "mul" ? productGradients(scattered, dy) : extremeGradients(scattered, dy);

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
  gradient: ({ inputs: [x, indices, updates], y, dy, attributes: { axis, reduction }, needs }) => {
    if (reduction !== "none" && reduction !== "add") {
      const [dx, dUpdates] = reductionGradients({ x, indices, updates, y, axis }, dy, reduction);
      return [needs[0] ? dx : null, null, needs[2] ? dUpdates : null];
    }
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
  // The CPU's kernel adds up no float16.
  lower: ({ inputs: [x, indices, updates], attributes, target }) => {
    if (x.dtype !== "float16" || attributes.reduction === "none" || target === "webgpu") return undefined;
    const [wide, added] = [x.cast("float32"), updates.cast("float32")];
    return [emitOne(ScatterElements, [wide, indices, added], attributes).cast("float16")];
  },
};

/** One element of x along an axis for each position of `indices`, which has x's rank. The result has the shape of `indices`. */
export const gatherElements = (x: Tensor, indices: Tensor, axis = 0): Tensor => emitOne(GatherElements, [x, indices], { axis });
/** x with `updates` put at `indices` (int64, both of one shape) along an axis; equal positions are combined by `reduction`. */
export const scatterElements = (
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  options: { axis?: number; reduction?: ScatterReduction } = {},
): Tensor => emitOne(ScatterElements, [x, indices, updates], { axis: 0, reduction: "none", ...options });
