/**
 * @module Comparison, logic and bits, element by element; truth values have no gradient.
 */
import type { DType } from "../graph/index.js";
import { isInteger } from "../graph/index.js";
import { anyDType, type Binary, binary, isBool, isNumeric, type BinaryOptions, type None, unary } from "./elementwise-op.js";
import type { Op } from "./op.js";

const comparison = (name: string, takes: (d: DType) => boolean = isNumeric, lower?: BinaryOptions["lower"]): Op<None, Binary> =>
  binary(name, {
    takes,
    gives: "bool",
    gradient: { none: "its result is a truth value" },
    lower,
  });

/** y = (a = b), bool, broadcast. */
export const Equal = comparison("Equal", anyDType, ({ inputs: [a, b], target }) =>
  target === "webgpu" && a.dtype === "bool" ? [a.cast("int32").equal(b.cast("int32"))] : undefined,
);
/** y = (a < b), bool, broadcast. */
export const Less = comparison("Less");
/** y = (a ≤ b), bool, broadcast. */
export const LessOrEqual = comparison("LessOrEqual");
/** y = (a > b), bool, broadcast. */
export const Greater = comparison("Greater");
/** y = (a ≥ b), bool, broadcast. */
export const GreaterOrEqual = comparison("GreaterOrEqual");

/** y = a and b, of bools, broadcast. */
export const And = comparison("And", isBool);
/** y = a or b, of bools, broadcast. */
export const Or = binary("Or", {
  takes: isBool,
  gives: "bool",
  gradient: { none: "its result is a truth value" },
  lower: ({ inputs: [a, b], target }) => (target === "webgpu" ? [a.not().and(b.not()).not()] : undefined),
});
/** y = one of a and b but not both, of bools, broadcast. */
export const Xor = binary("Xor", {
  takes: isBool,
  gives: "bool",
  gradient: { none: "its result is a truth value" },
  lower: ({ inputs: [a, b], target }) => (target === "webgpu" ? [a.cast("int32").equal(b.cast("int32")).not()] : undefined),
});
/** y = not x, of bools. */
export const Not = unary("Not", { takes: isBool, dx: { none: "its result is a truth value" } });
/** y = true where x is not a number. */
export const IsNaN = unary("IsNaN", {
  gives: "bool",
  dx: { none: "its result is a truth value" },
  lower: ({ inputs: [x], target }) => (target === "webgpu" ? [x.equal(x).not()] : undefined),
});
/** y = true where x is infinite. */
export const IsInf = unary("IsInf", {
  gives: "bool",
  dx: { none: "its result is a truth value" },
  lower: ({ inputs: [x], target }) => (target === "webgpu" ? [x.abs().equal(Infinity)] : undefined),
});

const bitwise = (name: string): Op<None, Binary> => binary(name, { takes: isInteger, gradient: { none: "it works on bits" } });
/** Bits that both integers have, broadcast. */
export const BitwiseAnd = bitwise("BitwiseAnd");
/** Bits that one of two integers has, broadcast. */
export const BitwiseOr = bitwise("BitwiseOr");
/** Bits in which two integers differ, broadcast. */
export const BitwiseXor = bitwise("BitwiseXor");

/** The table's comparisons, logic and operations on bits. */
export const comparisons = [
  Equal,
  Less,
  LessOrEqual,
  Greater,
  GreaterOrEqual,
  And,
  Or,
  Xor,
  Not,
  IsNaN,
  IsInf,
  BitwiseAnd,
  BitwiseOr,
  BitwiseXor,
] as const;
