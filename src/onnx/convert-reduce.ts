/**
 * @module Reductions and what works along an axis, as files write them: axes as attributes or inputs, rows of a matrix before opset 13.
 */
import type { Tensor } from "../graph/index.js";
import { normalizeAxes, normalizeAxis, staticDim } from "../graph/index.js";
import type { TableOp } from "../ops/index.js";
import * as ops from "../ops/index.js";
import { emit, OPS } from "../ops/index.js";
import { range } from "../util/range.js";
import type { Call } from "./call.js";
import { type Conversion, apply } from "./conversion.js";
import { rootOf } from "./convert-window.js";

/** Before opset 13 these ops saw a matrix: the axes from `axis` on together are the columns. */
const rowwise =
  (f: (x: Tensor, axis: number) => Tensor): Conversion =>
  (c) => {
    const x = c.x(0);
    if (c.opset >= 13) return [f(x, normalizeAxis(c.int("axis", -1), x.rank, c.where))];
    const axis = normalizeAxis(c.int("axis", 1), x.rank, c.where);
    if (axis === x.rank - 1) return [f(x, axis)];
    return [f(x.reshape([...x.shape.slice(0, axis), -1]), axis).reshape(x.shape)];
  };

const reduction =
  (op: TableOp): Conversion =>
  (c) => {
    const x = c.x(0);
    let axes = c.list(1, "axes");
    const [keepsAll, keepdims] = [c.flag("noop_with_empty_axes", false), c.flag("keepdims", true)];
    if (axes === undefined || axes.length === 0) {
      if (keepsAll) return [x];
      axes = x.shape.map((_, i) => i);
    }
    if (axes.length === 0) return [x];
    // Truth values: the largest is "or", the smallest "and".
    const numbers = x.dtype === "bool" ? x.cast("int32") : x;
    return emit(op, [numbers], { axes: normalizeAxes(axes, x.rank, c.where), keepdims }).map((y) => y.cast(x.dtype));
  };

function hardmax(x: Tensor, axis: number): Tensor {
  return x.argMax(axis).oneHot(staticDim(x.shape[axis], "Hardmax"), { axis, dtype: x.dtype });
}

function topK(c: Call): readonly Tensor[] {
  const k = c.has(1) ? c.numbers(1, "k") : [c.int("k")];
  return apply("TopK", [c.x(0)], { axis: c.int("axis"), k, largest: c.flag("largest"), sorted: c.flag("sorted") });
}

/** Reductions, softmax and its kin, the largest k. */
export const REDUCING: readonly (readonly [string, Conversion])[] = [
  ...[...OPS.values()].filter((op) => op.name.startsWith("Reduce")).map((op): [string, Conversion] => [op.name, reduction(op)]),
  ["Softmax", rowwise(ops.softmax)],
  ["LogSoftmax", rowwise(ops.logSoftmax)],
  ["Hardmax", rowwise(hardmax)],
  ["TopK", topK],
  [
    "GlobalLpPool",
    (c) => {
      const [x, p] = [c.x(0), c.float("p", 2)];
      return [rootOf(x.abs().pow(p).sum(range(2, x.rank), true), p)];
    },
  ],
];
