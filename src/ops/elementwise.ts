/**
 * @module Ops that treat each element by itself, together, and as methods of tensors. Two operands broadcast as in NumPy.
 */
import type { DType } from "../graph/index.js";
import { Tensor } from "../graph/index.js";
import { activations, Relu, Sigmoid, Softplus, Tanh } from "./activation.js";
import {
  Abs,
  Add,
  arithmetic,
  Ceil,
  Div,
  Floor,
  Max,
  Min,
  mod,
  Mul,
  Neg,
  Pow,
  Reciprocal,
  Round,
  Sign,
  Sqrt,
  Sub,
} from "./arithmetic.js";
import { cast, choices, clip, where } from "./choice.js";
import { And, comparisons, Equal, Greater, GreaterOrEqual, IsInf, IsNaN, Less, LessOrEqual, Not, Or, Xor } from "./comparison.js";
import { apply2 } from "./elementwise-op.js";
import { Acos, Acosh, Asin, Asinh, Atan, Atanh, Cos, Cosh, Erf, Exp, mathFunctions, Log, Sin, Sinh, Tan } from "./math.js";
import type { TensorLike } from "./op.js";
import { emitOne } from "./op.js";

export * from "./activation.js";
export * from "./arithmetic.js";
export * from "./choice.js";
export * from "./comparison.js";
export * from "./math.js";

/** Entries of the op table: ops that work element by element. */
export const elementwise = [...arithmetic, ...mathFunctions, ...activations, ...comparisons, ...choices] as const;

declare module "../graph/tensor.js" {
  interface Tensor {
    add(other: TensorLike): Tensor;
    sub(other: TensorLike): Tensor;
    mul(other: TensorLike): Tensor;
    div(other: TensorLike): Tensor;
    pow(exponent: TensorLike): Tensor;
    mod(divisor: TensorLike): Tensor;
    /** Elementwise, of two tensors; `reduceMax` and `reduceMin` are the reductions. */
    max(other: TensorLike): Tensor;
    min(other: TensorLike): Tensor;
    equal(other: TensorLike): Tensor;
    less(other: TensorLike): Tensor;
    lessOrEqual(other: TensorLike): Tensor;
    greater(other: TensorLike): Tensor;
    greaterOrEqual(other: TensorLike): Tensor;
    and(other: Tensor): Tensor;
    or(other: Tensor): Tensor;
    xor(other: Tensor): Tensor;
    not(): Tensor;
    neg(): Tensor;
    abs(): Tensor;
    sign(): Tensor;
    reciprocal(): Tensor;
    sqrt(): Tensor;
    /** x·x. */
    square(): Tensor;
    floor(): Tensor;
    ceil(): Tensor;
    round(): Tensor;
    exp(): Tensor;
    log(): Tensor;
    sin(): Tensor;
    cos(): Tensor;
    tan(): Tensor;
    asin(): Tensor;
    acos(): Tensor;
    atan(): Tensor;
    sinh(): Tensor;
    cosh(): Tensor;
    asinh(): Tensor;
    acosh(): Tensor;
    atanh(): Tensor;
    erf(): Tensor;
    sigmoid(): Tensor;
    tanh(): Tensor;
    relu(): Tensor;
    softplus(): Tensor;
    isNaN(): Tensor;
    isInf(): Tensor;
    clip(low: TensorLike | null, high: TensorLike | null): Tensor;
    cast(to: DType): Tensor;
    /** Elements of `a` where this bool tensor is true, of `b` elsewhere. */
    where(a: TensorLike, b: TensorLike): Tensor;
  }
}

const METHODS_2 = {
  add: Add,
  sub: Sub,
  mul: Mul,
  div: Div,
  pow: Pow,
  max: Max,
  min: Min,
  equal: Equal,
  less: Less,
  lessOrEqual: LessOrEqual,
  greater: Greater,
  greaterOrEqual: GreaterOrEqual,
  and: And,
  or: Or,
  xor: Xor,
};
for (const [name, op] of Object.entries(METHODS_2)) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, other: TensorLike) {
      return apply2(op, this, other);
    },
  });
}
const METHODS_1 = {
  not: Not,
  neg: Neg,
  abs: Abs,
  sign: Sign,
  reciprocal: Reciprocal,
  sqrt: Sqrt,
  floor: Floor,
  ceil: Ceil,
  round: Round,
  exp: Exp,
  log: Log,
  sin: Sin,
  cos: Cos,
  tan: Tan,
  asin: Asin,
  acos: Acos,
  atan: Atan,
  sinh: Sinh,
  cosh: Cosh,
  asinh: Asinh,
  acosh: Acosh,
  atanh: Atanh,
  erf: Erf,
  sigmoid: Sigmoid,
  tanh: Tanh,
  relu: Relu,
  softplus: Softplus,
  isNaN: IsNaN,
  isInf: IsInf,
};
for (const [name, op] of Object.entries(METHODS_1)) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor) {
      return emitOne(op, [this], {});
    },
  });
}
Tensor.prototype.square = function () {
  return this.mul(this);
};
Tensor.prototype.mod = function (divisor) {
  return mod(this, divisor);
};
Tensor.prototype.clip = function (low, high) {
  return clip(this, low, high);
};
Tensor.prototype.cast = function (to) {
  return cast(this, to);
};
Tensor.prototype.where = function (a, b) {
  return where(this, a, b);
};
