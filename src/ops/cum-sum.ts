/**
 * @module Running sums along an axis, and counting.
 */
import type { Dim } from "../graph/index.js";
import { constant, dimAdd, dimSub, fromNumbers, isStatic, normalizeAxis, type Tensor } from "../graph/index.js";
import { range } from "../util/range.js";
import { isNumeric, type Unary } from "./elementwise-op.js";
import type { Op } from "./op.js";
import { emitOne, expectDType, moves, perElement } from "./op.js";

/** Attributes of CumSum: without the element itself, and from the end. */
export interface CumSumAttributes {
  readonly [name: string]: number | boolean;
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** Running sums along `axis`: `exclusive` leaves the element itself out, `reverse` runs from the end. Its gradient runs the other way. */
export const CumSum: Op<CumSumAttributes, Unary> = {
  name: "CumSum",
  domain: "",
  attributes: { axis: "int", exclusive: "bool", reverse: "bool" },
  attributeInputs: { axis: { slot: 1, scalar: true } },
  infer: ([x], { axis }, where) => {
    expectDType(where, x.dtype, isNumeric, "numbers");
    normalizeAxis(axis, x.rank, where);
    return [x];
  },
  gradient: ({ dy, attributes }) => [emitOne(CumSum, [dy], { ...attributes, reverse: !attributes.reverse })],
  cost: perElement(1),
  batch: ({ inputs: [x], ranks, attributes }) => [
    emitOne(CumSum, [x], { ...attributes, axis: normalizeAxis(attributes.axis, ranks[0] as number, "CumSum") + 1 }),
  ],
};

/** start, start + 1, … below `limit` (a dimension, which may be free) as int64. */
export const Range: Op<{ start: number; limit: readonly Dim[] }, readonly []> = {
  name: "Range",
  domain: "descent",
  attributes: { start: "int", limit: "shape" },
  infer: (_inputs, { start, limit }) => [{ shape: [dimSub(limit[0] as Dim, start)], dtype: "int64" }],
  gradient: { none: "it has no inputs" },
  cost: moves,
  batch: { unroll: "it has no inputs that could be mapped" },
  lower: ({ attributes: { start, limit } }) => {
    const length = dimSub(limit[0] as Dim, start);
    if (isStatic([length])) return [constant(fromNumbers("int64", [length as number], range(start, start + (length as number))))];
    const counted = emitOne(CumSum, [constant(1, "int64").expand([length])], { axis: 0, exclusive: true, reverse: false });
    return [start === 0 ? counted : counted.add(start)];
  },
};

/** Running sums along an axis; `exclusive` leaves the element itself out, `reverse` begins at the end. Shape and type of x. */
export const cumSum = (x: Tensor, axis = -1, options: { exclusive?: boolean; reverse?: boolean } = {}): Tensor =>
  emitOne(CumSum, [x], { axis: normalizeAxis(axis, x.rank, "CumSum"), exclusive: false, reverse: false, ...options });

/** start, …, start + length − 1 as int64; the length may be free. Shape [length]. */
export const arange = (length: Dim, start = 0): Tensor => emitOne(Range, [], { start, limit: [dimAdd(length, start)] });
