/**
 * @module Arithmetic, element by element: sums, products, quotients, powers, remainders, the larger and the smaller, signs, rounding.
 */
import type { DType } from "../graph/index.js";
import { isFloat, isInteger, type Tensor } from "../graph/index.js";
import { where } from "./choice.js";
import { type Binary, binary, broadcastBatch, build2, isNumeric, unary } from "./elementwise-op.js";
import type { Op, TensorLike } from "./op.js";
import { asTensor, emitOne, expectDType, expectSameDType, perElement } from "./op.js";

/** d(a + b) = da + db. */
export const Add = binary("Add", { gradient: ({ dy }) => [dy, dy] });

/** y = a − b, broadcast. */
export const Sub = binary("Sub", { gradient: ({ dy, needs }) => [dy, needs[1] ? dy.neg() : null] });

/** d(ab) = b·da + a·db. */
export const Mul = binary("Mul", {
  gradient: ({ inputs: [a, b], dy, needs }) => [needs[0] ? dy.mul(b) : null, needs[1] ? dy.mul(a) : null],
});

/** d(a/b) = da/b − (a/b)·db/b. */
export const Div = binary("Div", {
  gradient: ({ inputs: [, b], y, dy, needs }) => [needs[0] ? dy.div(b) : null, needs[1] ? dy.mul(y).div(b).neg() : null],
});

/** d(aᵇ) = b·aᵇ⁻¹·da + aᵇ·ln(a)·db; the second is 0 where a ≤ 0, as it has no real value there (PyTorch: 0 at a = 0). */
export const Pow = binary("Pow", {
  takes: (d) => isFloat(d) || isInteger(d),
  gradient: ({ inputs: [a, b], y, dy, needs }) => {
    // b = 0 gives 0 · a⁻¹, which is not a number at a = 0.
    const da = needs[0] ? where(b.equal(0), asTensor(0, a.dtype), dy.mul(b).mul(a.pow(b.sub(1)))) : null;
    const positive = a.greater(0);
    const db = needs[1]
      ? where(positive, dy.mul(y).mul(where(positive, a, asTensor(1, a.dtype)).log()), asTensor(0, a.dtype))
      : null;
    return [da, db];
  },
});

/** Weights of the two operands in Max or Min: 1 for the chosen one, one half each on ties (as PyTorch does). */
function chosen(first: Tensor, tie: Tensor, dtype: DType): Tensor {
  return first.cast(dtype).add(tie.cast(dtype).mul(0.5));
}

/** y = max(a, b), broadcast; where both are equal the gradient is shared. */
export const Max = binary("Max", {
  gradient: ({ inputs: [a, b], dy, needs }) => [
    needs[0] ? dy.mul(chosen(a.greater(b), a.equal(b), a.dtype)) : null,
    needs[1] ? dy.mul(chosen(b.greater(a), a.equal(b), a.dtype)) : null,
  ],
});

/** y = min(a, b), broadcast; where both are equal the gradient is shared. */
export const Min = binary("Min", {
  gradient: ({ inputs: [a, b], dy, needs }) => [
    needs[0] ? dy.mul(chosen(a.less(b), a.equal(b), a.dtype)) : null,
    needs[1] ? dy.mul(chosen(b.less(a), a.equal(b), a.dtype)) : null,
  ],
});

/** The remainder with the sign of the divisor (integers), or of the dividend (`fmod: true`, needed for floats). */
export const Mod: Op<{ fmod: boolean }, Binary> = {
  name: "Mod",
  domain: "",
  attributes: { fmod: "bool" },
  infer: ([a, b], { fmod }, where) => {
    expectSameDType(where, a, b);
    expectDType(where, a.dtype, fmod ? isNumeric : isInteger, fmod ? "numbers" : "integers (fmod takes floats)");
    return Add.infer([a, b], {}, where);
  },
  // a − b·trunc(a/b)
  gradient: ({ inputs: [a, b], y, dy, needs }) => [dy, needs[1] ? dy.mul(a.sub(y).div(b).round()).neg() : null],
  cost: perElement(4),
  batch: broadcastBatch(() => Mod),
  lower: ({ inputs: [a, b], attributes: { fmod }, target }) => {
    if (target !== "webgpu") return undefined;
    // No kernel on WebGPU: a − b·trunc(a/b); the division of integers truncates, and is exact as float32's is not.
    const quotient = a.div(b);
    const whole = isFloat(a.dtype) ? where(quotient.less(0), quotient.ceil(), quotient.floor()) : quotient;
    const rest = a.sub(b.mul(whole));
    if (fmod) return [rest];
    const otherSign = rest.less(0).xor(b.less(0)).and(rest.equal(0).not());
    return [where(otherSign, rest.add(b), rest)];
  },
};

/** y = −x. */
export const Neg = unary("Neg", {
  takes: isNumeric,
  dx: ({ dy }) => dy.neg(),
  lower: ({ inputs: [x], target }) => (target === "webgpu" && isInteger(x.dtype) ? [x.mul(-1)] : undefined),
});
/** y = |x|; gradient sign(x). */
export const Abs = unary("Abs", {
  takes: isNumeric,
  dx: ({ x, dy }) => dy.mul(x.sign()),
  lower: ({ inputs: [x], target }) => (target === "webgpu" && isInteger(x.dtype) ? [x.max(x.mul(-1))] : undefined),
});
/** y = −1, 0 or 1; gradient 0. */
export const Sign = unary("Sign", {
  takes: isNumeric,
  dx: () => null,
  lower: ({ inputs: [x], target }) => {
    if (target !== "webgpu") return undefined;
    return [x.greater(0).cast(x.dtype).sub(x.less(0).cast(x.dtype))];
  },
});
/** y = 1/x. */
export const Reciprocal = unary("Reciprocal", { dx: ({ y, dy }) => dy.mul(y).mul(y).neg() });
/** y = √x. */
export const Sqrt = unary("Sqrt", { dx: ({ y, dy }) => dy.div(y.mul(2)), flops: 4 });
/** y = ⌊x⌋; gradient 0. */
export const Floor = unary("Floor", { dx: () => null });
/** y = ⌈x⌉; gradient 0. */
export const Ceil = unary("Ceil", { dx: () => null });
/** To the nearest integer, ties to even. */
export const Round = unary("Round", {
  dx: () => null,
  lower: ({ inputs: [x], target }) => {
    if (target !== "webgpu") return undefined;
    // floor(x + ½), less 1 where x + ½ is an odd integer.
    const up = x.add(0.5).floor();
    const odd = up.sub(up.mul(0.5).floor().mul(2));
    return [up.sub(x.add(0.5).equal(up).cast(x.dtype).mul(odd))];
  },
});

/**
 * Arithmetic, element by element, with NumPy's broadcasting; a plain number takes the tensor's type. ShapeError if shapes do not broadcast, DTypeError
 * if types differ.
 */
export const [add, sub, mul, div, pow] = [build2(Add), build2(Sub), build2(Mul), build2(Div), build2(Pow)];
/** The larger and the smaller of two, element by element, with broadcasting; a plain number takes the tensor's type. */
export const [maximum, minimum] = [build2(Max), build2(Min)];
/** Remainder of a division, with broadcasting: the sign of the divisor for integers, of the dividend for floats. ShapeError if shapes do not broadcast. */
export const mod = (a: Tensor, b: TensorLike): Tensor => emitOne(Mod, [a, asTensor(b, a.dtype)], { fmod: isFloat(a.dtype) });

/** The table's arithmetic. */
export const arithmetic = [Add, Sub, Mul, Div, Pow, Max, Min, Mod, Neg, Abs, Sign, Reciprocal, Sqrt, Floor, Ceil, Round] as const;
