/**
 * @module Positions of nonzero elements: a list whose length depends on the values. No gradient passes through it.
 */
import { symbol, type Tensor } from "../graph/index.js";
import { anyDType, type None, type Unary } from "./elementwise-op.js";
import type { Op } from "./op.js";
import { emitOne, expectDType, perElement } from "./op.js";

/** How many elements are not zero is known only when the graph runs. */
const FOUND = symbol("found");

/** Element types that the engine has a kernel for. */
const ON_ENGINE: ReadonlySet<string> = new Set(["bool", "float32", "int32", "int64", "uint8"]);

/**
 * Positions of the elements that are not zero, in row-major order: one row for each axis.
 *
 * Shapes: x of any shape → int64 [rank, found]. Gradient: none, its result is an index; what is gathered by it has gradients.
 */
export const NonZero: Op<None, Unary> = {
  name: "NonZero",
  domain: "",
  attributes: {},
  infer: ([x], _attributes, where) => {
    expectDType(where, x.dtype, anyDType, "numbers or truth values");
    return [{ shape: [x.rank, FOUND], dtype: "int64" }];
  },
  gradient: { none: "its result is an index" },
  cost: perElement(1),
  batch: { unroll: "how many elements are found differs from example to example" },
  lower: ({ inputs: [x] }) => (ON_ENGINE.has(x.dtype) ? undefined : [emitOne(NonZero, [x.equal(0).not()], {})]),
};

/** Positions of the elements that are not zero: int64 [rank, found]. */
export const nonZero = (x: Tensor): Tensor => emitOne(NonZero, [x], {});
