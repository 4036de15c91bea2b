/**
 * @module Reference kernels: ops that treat each element by itself.
 */
import type { DType } from "../../src/graph/index.js";
import { isFloat } from "../../src/graph/index.js";
import type { Call, Kernel, RefValue } from "./value.js";
import { asElement, broadcastData, broadcastShape, build } from "./value.js";

/**
 * The error function to float64 precision: the series 2/√π·e^−x² Σ 2ⁿx²ⁿ⁺¹/(2n+1)!! (all terms of one sign), and beyond
 * |x| = 3 the continued fraction of erfc (Abramowitz and Stegun 1964, 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (!(magnitude < 6)) return Number.isNaN(x) ? NaN : Math.sign(x);
  if (magnitude < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = magnitude;
  for (let n = 60; n > 0; n--) fraction = magnitude + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI)));
}

export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 ? down : rest > 0.5 ? down + 1 : down % 2 === 0 ? down : down + 1;
}

const map =
  (f: (x: number) => number, dtype?: DType): Kernel =>
  (call) => {
    const x = call.x();
    return [build(dtype ?? x.dtype, x.shape, (i) => f(x.data[i] as number))];
  };
/** A function of one element and of attributes. */
const mapWith =
  (make: (call: Call) => (x: number) => number): Kernel =>
  (call) =>
    map(make(call))(call);

/** Applies f to the broadcast operands, two by two from the left. */
function zip(operands: readonly RefValue[], f: (a: number, b: number, dtype: DType) => number, gives?: DType): RefValue {
  let result = operands[0] as RefValue;
  for (const b of operands.slice(1)) {
    const shape = broadcastShape(result.shape, b.shape);
    const left = broadcastData(result, shape);
    const right = broadcastData(b, shape);
    const { dtype } = result;
    result = build(gives ?? dtype, shape, (i) => f(left[i] as number, right[i] as number, dtype));
  }
  return result;
}
const zipped =
  (f: (a: number, b: number, dtype: DType) => number, gives?: DType): Kernel =>
  (call) => [
    zip(
      call.inputs.map((_, i) => call.x(i)),
      f,
      gives,
    ),
  ];
const compared = (f: (a: number, b: number) => boolean): Kernel => zipped((a, b) => (f(a, b) ? 1 : 0), "bool");
const bits = (f: (a: bigint, b: bigint) => bigint): Kernel =>
  zipped((a, b, dtype) => {
    const unsigned = dtype.startsWith("uint");
    const result = f(BigInt(a), BigInt(b));
    return Number(unsigned ? BigInt.asUintN(64, result) : BigInt.asIntN(64, result));
  });

function multiply(a: number, b: number, dtype: DType): number {
  if (dtype === "int32") return Math.imul(a, b);
  if (dtype === "uint32") return Math.imul(a, b) >>> 0;
  return a * b;
}

/** The larger or smaller; NaN wins, as in NumPy. */
const larger = (a: number, b: number): number => Math.max(a, b);
const smaller = (a: number, b: number): number => Math.min(a, b);

function remainder(a: number, b: number, fmod: boolean): number {
  const rest = a % b; // the dividend's sign
  return !fmod && rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

export const elementwise: Readonly<Record<string, Kernel>> = {
  Add: zipped((a, b) => a + b),
  Sub: zipped((a, b) => a - b),
  Mul: zipped(multiply),
  Div: zipped((a, b, dtype) => (isFloat(dtype) ? a / b : Math.trunc(a / b))),
  Pow: zipped((a, b) => a ** b),
  Max: zipped(larger),
  Min: zipped(smaller),
  Mod: (call) => zipped((a, b) => remainder(a, b, call.flag("fmod")))(call),

  Neg: map((x) => -x),
  Abs: map(Math.abs),
  Sign: map(Math.sign),
  Reciprocal: map((x) => 1 / x),
  Sqrt: map(Math.sqrt),
  Floor: map(Math.floor),
  Ceil: map(Math.ceil),
  Round: map(roundHalfEven),
  Exp: map(Math.exp),
  Log: map(Math.log),
  Sin: map(Math.sin),
  Cos: map(Math.cos),
  Tan: map(Math.tan),
  Asin: map(Math.asin),
  Acos: map(Math.acos),
  Atan: map(Math.atan),
  Sinh: map(Math.sinh),
  Cosh: map(Math.cosh),
  Asinh: map(Math.asinh),
  Acosh: map(Math.acosh),
  Atanh: map(Math.atanh),
  Erf: map(erf),

  Sigmoid: map(sigmoid),
  Tanh: map(Math.tanh),
  Relu: map((x) => (x < 0 ? 0 : x)),
  ReluGradient: zipped((dy, y) => (y > 0 ? dy : 0)),
  LeakyRelu: mapWith((call) => {
    const alpha = call.number("alpha", 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  }),
  Elu: mapWith((call) => {
    const alpha = call.number("alpha", 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
  }),
  Selu: mapWith((call) => {
    const [alpha, gamma] = [call.number("alpha"), call.number("gamma")];
    return (x) => gamma * (x > 0 ? x : alpha * Math.expm1(x));
  }),
  Gelu: mapWith((call) =>
    call.text("approximate", "none") === "tanh"
      ? (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
      : (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  ),
  Silu: map((x) => x * sigmoid(x)),
  Softplus: map(softplus),
  Mish: map((x) => x * Math.tanh(softplus(x))),
  HardSigmoid: mapWith((call) => {
    const [alpha, beta] = [call.number("alpha", 0.2), call.number("beta", 0.5)];
    return (x) => Math.max(0, Math.min(1, alpha * x + beta));
  }),
  HardSwish: map((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  PRelu: zipped((x, slope) => (x < 0 ? slope * x : x)),

  Equal: compared((a, b) => a === b),
  Less: compared((a, b) => a < b),
  LessOrEqual: compared((a, b) => a <= b),
  Greater: compared((a, b) => a > b),
  GreaterOrEqual: compared((a, b) => a >= b),
  And: compared((a, b) => a !== 0 && b !== 0),
  Or: compared((a, b) => a !== 0 || b !== 0),
  Xor: compared((a, b) => a !== b),
  Not: map((x) => (x === 0 ? 1 : 0)),
  IsNaN: map((x) => (Number.isNaN(x) ? 1 : 0), "bool"),
  IsInf: map((x) => (x === Infinity || x === -Infinity ? 1 : 0), "bool"),
  BitwiseAnd: bits((a, b) => a & b),
  BitwiseOr: bits((a, b) => a | b),
  BitwiseXor: bits((a, b) => a ^ b),

  Where: (call) => {
    const [condition, a, b] = [call.x(0), call.x(1), call.x(2)];
    const shape = broadcastShape(condition.shape, a.shape, b.shape);
    const [c, x, y] = [condition, a, b].map((t) => broadcastData(t, shape)) as [Float64Array, Float64Array, Float64Array];
    return [build(a.dtype, shape, (i) => (c[i] === 0 ? y[i] : x[i]) as number)];
  },
  Clip: (call) => {
    const [low, high] = [call.optional(1)?.data[0], call.optional(2)?.data[0]];
    // Where low > high the specification gives high.
    return map((x) => Math.min(Math.max(x, low ?? -Infinity), high ?? Infinity))(call);
  },
  Cast: (call) => {
    const x = call.x();
    const to = call.text("to") as DType;
    return [build(to, x.shape, (i) => asElement(to, x.data[i] as number))];
  },
  Identity: (call) => [call.x()],
  StopGradient: (call) => [call.x()],
  CustomGradient: (call) => [call.x()],
};
