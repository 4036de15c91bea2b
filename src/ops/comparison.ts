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
    ...(lower === undefined ? {} : { lower }),
  });

export const Equal = comparison("Equal", anyDType, ({ inputs: [a, b], target }) =>
  target === "webgpu" && a.dtype === "bool" ? [a.cast("int32").equal(b.cast("int32"))] : undefined,
);
export const Less = comparison("Less");
export const LessOrEqual = comparison("LessOrEqual");
export const Greater = comparison("Greater");
export const GreaterOrEqual = comparison("GreaterOrEqual");

export const And = comparison("And", isBool);
export const Or = binary("Or", {
  takes: isBool,
  gives: "bool",
  gradient: { none: "its result is a truth value" },
  lower: ({ inputs: [a, b], target }) => (target === "webgpu" ? [a.not().and(b.not()).not()] : undefined),
});
export const Xor = binary("Xor", {
  takes: isBool,
  gives: "bool",
  gradient: { none: "its result is a truth value" },
  lower: ({ inputs: [a, b], target }) => (target === "webgpu" ? [a.cast("int32").equal(b.cast("int32")).not()] : undefined),
});
export const Not = unary("Not", { takes: isBool, dx: { none: "its result is a truth value" } });
export const IsNaN = unary("IsNaN", {
  gives: "bool",
  dx: { none: "its result is a truth value" },
  lower: ({ inputs: [x], target }) => (target === "webgpu" ? [x.equal(x).not()] : undefined),
});
export const IsInf = unary("IsInf", {
  gives: "bool",
  dx: { none: "its result is a truth value" },
  lower: ({ inputs: [x], target }) => (target === "webgpu" ? [x.abs().equal(Infinity)] : undefined),
});

const bitwise = (name: string): Op<None, Binary> => binary(name, { takes: isInteger, gradient: { none: "it works on bits" } });
export const BitwiseAnd = bitwise("BitwiseAnd");
export const BitwiseOr = bitwise("BitwiseOr");
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
