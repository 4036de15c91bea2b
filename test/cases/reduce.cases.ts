/**
 * @module Rows of the ops that fold axes.
 */
import type { Domain, OpCase } from "./case.js";
import { distinct, float, integers, nonzero, normal, positive, ties, typed } from "./case.js";

const FOLDS: readonly { shape: readonly number[]; axes: readonly number[]; keepdims: boolean }[] = [
  { shape: [5], axes: [0], keepdims: false },
  { shape: [2, 3], axes: [1], keepdims: true },
  { shape: [2, 3], axes: [0, 1], keepdims: false },
  { shape: [3, 2, 4], axes: [0, 2], keepdims: false },
  { shape: [3, 2, 4], axes: [1], keepdims: false },
  { shape: [2, 3, 2, 2], axes: [1, 3], keepdims: true },
  { shape: [1, 4, 1], axes: [0], keepdims: false },
];

const folds = (op: string, domain: Domain): OpCase[] =>
  FOLDS.map(({ shape, axes, keepdims }) => ({
    op,
    variant: `over ${axes.join(", ")}${keepdims ? ", kept" : ""}`,
    operands: [float(shape, domain)],
    attributes: { axes, keepdims },
  }));
const folded = { axes: [1], keepdims: false };

export const reduceCases: readonly OpCase[] = [
  ...folds("ReduceSum", normal),
  ...folds("ReduceMean", normal),
  ...folds("ReduceMax", distinct),
  ...folds("ReduceMin", distinct),
  ...folds("ReduceProd", nonzero),
  ...folds("ReduceL1", nonzero),
  ...folds("ReduceL2", normal),
  ...folds("ReduceSumSquare", normal),
  ...folds("ReduceLogSum", positive),
  ...folds("ReduceLogSumExp", normal),
  // Long leading axes take the product with ones.
  { op: "ReduceSum", variant: "many rows", operands: [float([80, 9])], attributes: { axes: [0], keepdims: false } },
  { op: "ReduceSum", variant: "many rows, kept", operands: [float([10, 8, 9])], attributes: { axes: [0, 1], keepdims: true } },
  { op: "ReduceProd", variant: "a zero and two zeros", operands: [float([4, 4], ties)], attributes: folded },
  ...["ReduceMax", "ReduceMin"].map((op) => ({
    op,
    variant: "ties",
    operands: [float([4, 6], ties)],
    attributes: folded,
    noGradientCheck: "kink at a tie",
  })),
  ...["ReduceSum", "ReduceMax", "ReduceMin"].flatMap((op) =>
    (["int32", "int64"] as const).map((dtype) => ({
      op,
      operands: [typed(dtype, [3, 4], integers(-9, 9))],
      attributes: folded,
    })),
  ),
];
