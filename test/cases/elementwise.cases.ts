/**
 * @module Rows of the elementwise ops.
 */
import type { Attributes, DType, Tensor } from "../../src/graph/index.js";
import type { Domain, OpCase, Operand } from "./case.js";
import { awayFrom, choice, distinct, exactly, float, integers, nonzero, normal, positive, ties, typed, uniform } from "./case.js";

const SHAPES: readonly (readonly number[])[] = [[], [5], [2, 3], [2, 1, 3, 2]];

/** One row per rank. */
const unary = (op: string, domain: Domain = normal, attributes: Attributes = {}, more: Partial<OpCase> = {}): OpCase[] =>
  SHAPES.map((shape) => ({ op, operands: [float(shape, domain)], attributes, ...more }));

/** Pairs that broadcast in every way: equal, scalar, missing axes, ones on either side, ones on both. */
const PAIRS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[], [4]],
  [[2, 3], []],
  [[2, 3, 2], [2]],
  [
    [3, 1],
    [2, 1, 4],
  ],
  [
    [2, 3, 1, 2],
    [3, 2, 1],
  ],
];
const binary = (op: string, a: Domain, b: Domain = a, more: Partial<OpCase> = {}): OpCase[] =>
  PAIRS.map(([left, right]) => ({ op, operands: [float(left, a), float(right, b)], ...more }));

const integerBinary = (op: string, dtypes: readonly DType[], a: Domain, b: Domain = a, attributes: Attributes = {}): OpCase[] =>
  dtypes.map((dtype) => ({ op, operands: [typed(dtype, [2, 3], a), typed(dtype, [3], b)], attributes }));

const signed = integers(-9, 9);
const unsigned = integers(0, 200);
const divisors = choice([-5, -3, -2, 1, 2, 4, 7]);
const anyBits = uniform(0, 2 ** 32);
const bool = (shape: readonly number[]): Operand => typed("bool", shape, integers(0, 1));

/** Two sets of numbers none of which comes near one of the other. */
const low = choice([-1.3, -0.7, 0.2, 0.9]);
const high = choice([-1, -0.4, 0.5, 1.2]);

export const elementwiseCases: readonly OpCase[] = [
  ...binary("Add", normal),
  ...binary("Sub", normal),
  ...binary("Mul", normal),
  ...binary("Div", normal, nonzero),
  ...binary("Pow", positive, normal),
  {
    op: "Pow",
    variant: "negative base, whole exponent",
    operands: [float([4], exactly([-1.5, -0.5, 0.7, 2])), float([2, 1], exactly([2, 3]))],
    noGradientCheck: "a negative base has no derivative by the exponent; the gradient by the base is checked in the next row",
  },
  {
    op: "Pow",
    variant: "square of a negative base",
    operands: [float([4], exactly([-1.5, -0.5, 0.7, 2]))],
    build: ([x]) => [x!.pow(2), x!.pow(3), x!.pow(0), x!.pow(-1)],
  },
  ...binary("Max", low, high),
  ...binary("Min", low, high),
  { op: "Max", variant: "ties", operands: [float([4, 4], ties), float([4], ties)], noGradientCheck: "kink at a tie" },
  { op: "Min", variant: "ties", operands: [float([4, 4], ties), float([4], ties)], noGradientCheck: "kink at a tie" },
  ...["Add", "Sub", "Mul", "Max", "Min"].flatMap((op) => integerBinary(op, ["int32", "int64"], signed)),
  ...["Add", "Mul"].flatMap((op) => integerBinary(op, ["uint32"], anyBits)),
  ...integerBinary("Mul", ["int32"], integers(-(2 ** 31), 2 ** 31 - 1)),
  ...integerBinary("Div", ["int32", "int64"], signed, divisors),
  ...integerBinary("Div", ["uint32"], anyBits, choice([1, 3, 65536, 2 ** 31])),
  ...integerBinary("Mod", ["int32", "int64"], signed, divisors, { fmod: false }),
  ...integerBinary("Mod", ["int32", "int64"], signed, divisors, { fmod: true }),
  {
    op: "Mod",
    variant: "floats",
    operands: [float([2, 4], exactly([-5.3, -1.2, 0.4, 1.1, 3.7, 4.9, -2.6, 8.3])), float([4], exactly([2, -1.5, 0.7, 3]))],
    attributes: { fmod: true },
  },

  ...unary("Neg"),
  ...unary("Abs", nonzero),
  ...unary("Sign", nonzero),
  { op: "Sign", variant: "at zero", operands: [float([3], exactly([-2, 0, 3]))], noGradientCheck: "jump at 0" },
  ...["Neg", "Abs", "Sign"].map((op) => ({ op, operands: [typed("int32", [2, 3], signed)] })),
  ...unary("Reciprocal", nonzero),
  ...unary("Sqrt", positive),
  ...unary("Floor", awayFrom([-2, -1, 0, 1, 2], uniform(-2.4, 2.4))),
  ...unary("Ceil", awayFrom([-2, -1, 0, 1, 2], uniform(-2.4, 2.4))),
  ...unary("Round", awayFrom([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], uniform(-2.4, 2.4))),
  {
    op: "Round",
    variant: "halves to even",
    operands: [float([8], exactly([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, -3.5]))],
    noGradientCheck: "jump at a half",
  },
  ...unary("Exp"),
  ...unary("Log", positive),
  ...unary("Sin"),
  ...unary("Cos"),
  ...unary("Tan", uniform(-1.2, 1.2)),
  ...unary("Asin", uniform(-0.9, 0.9)),
  ...unary("Acos", uniform(-0.9, 0.9)),
  ...unary("Atan"),
  ...unary("Sinh"),
  ...unary("Cosh"),
  ...unary("Asinh"),
  ...unary("Acosh", uniform(1.3, 4)),
  ...unary("Atanh", uniform(-0.9, 0.9)),
  ...unary("Erf"),
  { op: "Erf", variant: "tails", operands: [float([8], exactly([-7, -3.5, -2.9, -0.01, 0, 2.95, 3.05, 5.5]))] },

  ...unary("Sigmoid"),
  { op: "Sigmoid", variant: "far out", operands: [float([4], exactly([-90, -30, 30, 90]))] },
  ...unary("Tanh"),
  ...unary("Relu", nonzero),
  {
    op: "Relu",
    variant: "at zero",
    operands: [float([3], exactly([-1, 0, 2]))],
    noGradientCheck: "kink at 0",
  },
  {
    op: "ReluGradient",
    operands: [float([2, 4]), float([2, 4], choice([0, 0.5, 1.5]))],
    noGradientCheck: "jump where the second operand is 0; relu's own rows check its second derivative",
  },
  ...unary("LeakyRelu", nonzero, { alpha: 0.125 }),
  ...unary("Elu", nonzero, { alpha: 1.5 }),
  ...unary("Selu", nonzero, { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }),
  ...unary("Gelu", normal, { approximate: "none" }),
  ...unary("Gelu", normal, { approximate: "tanh" }, { variant: "tanh" }),
  ...unary("Silu"),
  ...unary("Softplus"),
  {
    op: "Softplus",
    variant: "far out",
    operands: [float([4], exactly([-60, -20, 20, 60]))],
  },
  ...unary("Mish"),
  ...unary("HardSigmoid", awayFrom([-2.5, 2.5], uniform(-4, 4)), { alpha: 0.2, beta: 0.5 }),
  ...unary("HardSwish", awayFrom([-3, 3], uniform(-5, 5))),
  ...[
    [2, 3],
    [2, 3, 2],
  ].map((shape) => ({ op: "PRelu", operands: [float(shape, nonzero), float(shape.slice(-1), positive)] })),
  { op: "PRelu", variant: "slope per channel", operands: [float([2, 3, 2, 2], nonzero), float([3, 1, 1], positive)] },

  ...["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"].flatMap((op): OpCase[] => [
    ...binary(op, ties),
    ...integerBinary(op, ["int32", "int64"], integers(0, 2)),
  ]),
  { op: "Equal", variant: "truth values", operands: [bool([2, 3]), bool([3])] },
  ...["And", "Or", "Xor"].flatMap((op) => PAIRS.map(([a, b]) => ({ op, operands: [bool(a), bool(b)] }))),
  ...SHAPES.map((shape) => ({ op: "Not", operands: [bool(shape)] })),
  { op: "IsNaN", operands: [float([4], exactly([NaN, 0, Infinity, -1]))] },
  { op: "IsInf", operands: [float([5], exactly([NaN, 0, Infinity, -Infinity, 1]))] },
  ...["BitwiseAnd", "BitwiseOr", "BitwiseXor"].flatMap((op) => [
    ...integerBinary(op, ["int32"], integers(-(2 ** 31), 2 ** 31 - 1)),
    ...integerBinary(op, ["uint32"], anyBits),
    ...integerBinary(op, ["int64"], integers(-1000, 1000)),
    ...integerBinary(op, ["uint8"], unsigned),
  ]),

  { op: "Where", operands: [bool([2, 3]), float([2, 3]), float([2, 3])] },
  { op: "Where", operands: [bool([3, 1]), float([4]), float([])] },
  { op: "Where", operands: [bool([2]), float([3, 2, 1]), float([3, 1, 2])] },
  { op: "Where", operands: [bool([2, 3]), typed("int64", [3], signed), typed("int64", [2, 1], signed)] },
  ...SHAPES.map((shape) => ({
    op: "Clip",
    operands: [float(shape, awayFrom([-0.8, 0.6])), float([], exactly([-0.8])), float([], exactly([0.6]))],
  })),
  { op: "Clip", variant: "below only", operands: [float([6], awayFrom([0.1])), float([], exactly([0.1])), null] },
  { op: "Clip", variant: "above only", operands: [float([6], awayFrom([0.1])), null, float([], exactly([0.1]))] },
  { op: "Clip", variant: "no limit", operands: [float([6]), null, null] },
  { op: "Clip", operands: [typed("int32", [6], signed), typed("int32", [], exactly([-3])), typed("int32", [], exactly([4]))] },

  ...(["float32", "float64", "float16"] as const).map((to) => ({
    op: "Cast",
    variant: `to ${to}`,
    operands: [float([2, 3])],
    attributes: { to },
    ...(to === "float16"
      ? { tolerance: { engine: { absolute: 2e-3, relative: 2e-3 }, because: "the result has 11 significant bits" } }
      : {}),
  })),
  ...(["int32", "int64", "uint8", "bool"] as const).map((to) => ({
    op: "Cast",
    variant: `to ${to}`,
    operands: [
      float([6], to === "uint8" ? exactly([0, 0.9, 1.1, 7.99, 200.5, 254.9]) : exactly([-2.7, -0.5, 0, 0.5, 1.9, 100.2])),
    ],
    attributes: { to },
    noGradientCheck: "constant between jumps",
  })),
  { op: "Cast", variant: "from int64", operands: [typed("int64", [4], signed)], attributes: { to: "float32" } },
  { op: "Cast", variant: "from bool", operands: [bool([4])], attributes: { to: "float32" } },
  { op: "Cast", variant: "int64 to int32", operands: [typed("int64", [4], signed)], attributes: { to: "int32" } },
  ...unary("Identity"),
  { op: "Identity", operands: [typed("int64", [3], signed)] },
  ...unary("StopGradient", normal, {}, { noGradientCheck: "stops the gradient on purpose" }),
  {
    op: "CustomGradient",
    operands: [float([2, 3], distinct), float([2, 3])],
    attributes: { rule: (dy: Tensor) => [dy, null] },
    noGradientCheck: "the rule is given by hand",
  },
];
