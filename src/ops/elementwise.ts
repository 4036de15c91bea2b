/**
 * @module Ops that treat each element by itself: arithmetic, comparison, logic, mathematical functions, activations,
 * conversion. Two operands broadcast as in NumPy; the gradient walk sums a broadcast gradient back down.
 */
import type { Attributes, DType } from "../graph/index.js";
import { broadcastShapes, formatShape, isFloat, isInteger, Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { BatchContext, GradientContext, Op, OptionalTensor, TensorLike } from "./op.js";
import { asTensor, emitOne, expectDType, expectSameDType, moves, perElement } from "./op.js";

const isNumeric = (d: DType): boolean => d !== "bool" && d !== "string";
const anyDType = (): boolean => true;

type Unary = readonly [Tensor];
type Binary = readonly [Tensor, Tensor];
type None = Record<never, never>;

/** Aligns mapped operands for broadcasting: each gets ones after the mapped axis, up to the largest rank. */
function alignMapped<A extends Attributes, I extends readonly OptionalTensor[]>(c: BatchContext<A, I>): OptionalTensor[] {
  const rank = Math.max(...c.ranks);
  return c.inputs.map((x, i) => {
    const missing = rank - (c.ranks[i] as number);
    if (x === null || !c.mapped[i] || missing === 0) return x;
    return x.unsqueeze(...Array.from({ length: missing }, (_, k) => k + 1));
  });
}

/** A batching rule for ops that broadcast: apply the op to the aligned operands. */
function broadcastBatch<A extends Attributes, I extends readonly OptionalTensor[]>(op: () => Op<A, I>) {
  return (c: BatchContext<A, I>): readonly Tensor[] => [emitOne(op(), alignMapped(c) as unknown as I, c.attributes)];
}

interface UnaryOptions<A extends Attributes> {
  readonly domain?: "descent";
  readonly attributes?: Op<A, Unary>["attributes"];
  readonly takes?: (dtype: DType) => boolean;
  readonly gives?: DType;
  /** dx, from x, y = f(x) and dy; null where the derivative is zero almost everywhere. */
  readonly dx: ((c: { x: Tensor; y: Tensor; dy: Tensor; attributes: A }) => Tensor | null) | { readonly none: string };
  readonly flops?: number;
  readonly lower?: Op<A, Unary>["lower"];
}

function unary<A extends Attributes = None>(name: string, o: UnaryOptions<A>): Op<A, Unary> {
  const { dx } = o;
  const op: Op<A, Unary> = {
    name,
    domain: o.domain ?? "",
    attributes: o.attributes ?? ({} as Op<A, Unary>["attributes"]),
    infer: ([x], _attributes, where) => {
      expectDType(where, x.dtype, o.takes ?? isFloat, "a floating-point operand");
      return [{ shape: x.shape, dtype: o.gives ?? x.dtype }];
    },
    gradient: typeof dx === "function" ? ({ inputs: [x], y, dy, attributes }) => [dx({ x, y, dy, attributes })] : dx,
    cost: perElement(o.flops ?? 1),
    batch: broadcastBatch(() => op),
    ...(o.lower === undefined ? {} : { lower: o.lower }),
  };
  return op;
}

interface BinaryOptions {
  readonly domain?: "descent";
  readonly takes?: (dtype: DType) => boolean;
  readonly gives?: DType;
  readonly gradient: ((c: GradientContext<None, Binary>) => readonly OptionalTensor[]) | { readonly none: string };
  readonly lower?: Op<None, Binary>["lower"];
}

function binary(name: string, o: BinaryOptions): Op<None, Binary> {
  const op: Op<None, Binary> = {
    name,
    domain: o.domain ?? "",
    attributes: {},
    infer: ([a, b], _attributes, where) => {
      expectSameDType(where, a, b);
      expectDType(where, a.dtype, o.takes ?? isNumeric, "numbers");
      const shape = broadcastShapes(a.shape, b.shape);
      if (shape === undefined) {
        throw new ShapeError(`${where}: expected shapes that broadcast, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
      }
      return [{ shape, dtype: o.gives ?? a.dtype }];
    },
    gradient: o.gradient,
    cost: perElement(1),
    batch: broadcastBatch(() => op),
    ...(o.lower === undefined ? {} : { lower: o.lower }),
  };
  return op;
}

const comparison = (name: string, takes: (d: DType) => boolean = isNumeric, lower?: BinaryOptions["lower"]): Op<None, Binary> =>
  binary(name, {
    takes,
    gives: "bool",
    gradient: { none: "its result is a truth value" },
    ...(lower === undefined ? {} : { lower }),
  });

// --- arithmetic -------------------------------------------------------------------------------------------------------

/** d(a + b) = da + db. */
export const Add = binary("Add", { gradient: ({ dy }) => [dy, dy] });

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

export const Max = binary("Max", {
  gradient: ({ inputs: [a, b], dy, needs }) => [
    needs[0] ? dy.mul(chosen(a.greater(b), a.equal(b), a.dtype)) : null,
    needs[1] ? dy.mul(chosen(b.greater(a), a.equal(b), a.dtype)) : null,
  ],
});

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

export const Neg = unary("Neg", {
  takes: isNumeric,
  dx: ({ dy }) => dy.neg(),
  lower: ({ inputs: [x], target }) => (target === "webgpu" && isInteger(x.dtype) ? [x.mul(-1)] : undefined),
});
export const Abs = unary("Abs", {
  takes: isNumeric,
  dx: ({ x, dy }) => dy.mul(x.sign()),
  lower: ({ inputs: [x], target }) => (target === "webgpu" && isInteger(x.dtype) ? [x.max(x.mul(-1))] : undefined),
});
export const Sign = unary("Sign", {
  takes: isNumeric,
  dx: () => null,
  lower: ({ inputs: [x], target }) => {
    if (target !== "webgpu") return undefined;
    return [x.greater(0).cast(x.dtype).sub(x.less(0).cast(x.dtype))];
  },
});
export const Reciprocal = unary("Reciprocal", { dx: ({ y, dy }) => dy.mul(y).mul(y).neg() });
export const Sqrt = unary("Sqrt", { dx: ({ y, dy }) => dy.div(y.mul(2)), flops: 4 });
export const Floor = unary("Floor", { dx: () => null });
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

// --- mathematical functions -------------------------------------------------------------------------------------------

export const Exp = unary("Exp", { dx: ({ y, dy }) => dy.mul(y), flops: 8 });
export const Log = unary("Log", { dx: ({ x, dy }) => dy.div(x), flops: 8 });
export const Sin = unary("Sin", { dx: ({ x, dy }) => dy.mul(x.cos()), flops: 8 });
export const Cos = unary("Cos", { dx: ({ x, dy }) => dy.mul(x.sin()).neg(), flops: 8 });
/** tan′ = 1 + tan². */
export const Tan = unary("Tan", { dx: ({ y, dy }) => dy.mul(y.square().add(1)), flops: 8 });
export const Asin = unary("Asin", { dx: ({ x, dy }) => dy.div(x.square().neg().add(1).sqrt()), flops: 8 });
export const Acos = unary("Acos", { dx: ({ x, dy }) => dy.div(x.square().neg().add(1).sqrt()).neg(), flops: 8 });
export const Atan = unary("Atan", { dx: ({ x, dy }) => dy.div(x.square().add(1)), flops: 8 });
export const Sinh = unary("Sinh", { dx: ({ x, dy }) => dy.mul(x.cosh()), flops: 8 });
export const Cosh = unary("Cosh", { dx: ({ x, dy }) => dy.mul(x.sinh()), flops: 8 });
export const Asinh = unary("Asinh", { dx: ({ x, dy }) => dy.div(x.square().add(1).sqrt()), flops: 8 });
export const Acosh = unary("Acosh", { dx: ({ x, dy }) => dy.div(x.square().sub(1).sqrt()), flops: 8 });
export const Atanh = unary("Atanh", { dx: ({ x, dy }) => dy.div(x.square().neg().add(1)), flops: 8 });
/** erf′(x) = 2/√π · exp(−x²). */
export const Erf = unary("Erf", {
  dx: ({ x, dy }) =>
    dy.mul(
      x
        .square()
        .neg()
        .exp()
        .mul(2 / Math.sqrt(Math.PI)),
    ),
  flops: 16,
});

// --- activations ------------------------------------------------------------------------------------------------------

/** σ′ = σ(1 − σ). */
export const Sigmoid = unary("Sigmoid", { dx: ({ y, dy }) => dy.mul(y.sub(y.square())), flops: 10 });
/** tanh′ = 1 − tanh². */
export const Tanh = unary("Tanh", { dx: ({ y, dy }) => dy.sub(dy.mul(y.square())), flops: 10 });

/** dy where y > 0, else 0: relu's gradient as one op, since the fastest nodes for it differ per device. */
export const ReluGradient = binary("ReluGradient", {
  domain: "descent",
  takes: isFloat,
  gradient: ({ inputs: [, y], dy }) => [reluGradient(dy, y), null],
  lower: ({ inputs: [dy, y], target }) => {
    if (target === "webgpu") return [where(y.greater(0), dy, asTensor(0, dy.dtype))];
    // min(1, max(0, y·3·10³⁸)), which is 0 or 1 for all but denormal numbers, in one pass in place of two: 0.86 ms with the product
    // at [128, 16, 32, 32] on 2 cores, Cast(y > 0) 1.09, Where(y > 0, dy, 0) 1.57, Sign(y) 1.9.
    if (target === "cpu" && dy.dtype === "float32") return [dy.mul(emitOne(HardSigmoid, [y], { alpha: 3e38, beta: 0 }))];
    return [dy.mul(y.greater(0).cast(dy.dtype))];
  },
});

/** max(x, 0); the derivative at 0 is 0, as in PyTorch. */
export const Relu = unary("Relu", { dx: ({ y, dy }) => reluGradient(dy, y) });

export const LeakyRelu = unary<{ alpha: number }>("LeakyRelu", {
  attributes: { alpha: "float" },
  dx: ({ x, dy, attributes: { alpha } }) => where(x.greater(0), dy, dy.mul(alpha)),
});

/** x for x > 0, else α(eˣ − 1). Clevert et al. 2015, arXiv:1511.07289. */
export const Elu = unary<{ alpha: number }>("Elu", {
  attributes: { alpha: "float" },
  dx: ({ x, dy, attributes: { alpha } }) => where(x.greater(0), dy, dy.mul(x.min(0).exp().mul(alpha))),
  flops: 9,
});

/** γ·x for x > 0, else γα(eˣ − 1). Klambauer et al. 2017, arXiv:1706.02515. */
export const Selu = unary<{ alpha: number; gamma: number }>("Selu", {
  attributes: { alpha: "float", gamma: "float" },
  dx: ({ x, dy, attributes: { alpha, gamma } }) =>
    where(
      x.greater(0),
      dy.mul(gamma),
      dy.mul(
        x
          .min(0)
          .exp()
          .mul(alpha * gamma),
      ),
    ),
  flops: 9,
  lower: ({ inputs: [x], attributes: { alpha, gamma }, target }) =>
    target === "webgpu" ? [elu(x, alpha).mul(gamma)] : undefined,
});

/** Φ(x): the share of a standard normal distribution below x. */
const normalShare = (x: Tensor): Tensor => x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);

/** What stands for erf in gelu's approximation: tanh(√(2/π)·(x + 0.044715·x³)). */
const geluTanh = (x: Tensor): Tensor =>
  x
    .add(x.square().mul(x).mul(0.044715))
    .mul(Math.sqrt(2 / Math.PI))
    .tanh();

/** Gelu in nodes that its gradient has as well, where both are wanted. */
export const geluNodes = (x: Tensor, approximate: "none" | "tanh"): Tensor =>
  approximate === "none" ? x.mul(normalShare(x)) : x.mul(0.5).mul(geluTanh(x).add(1));

/** x·Φ(x), by erf or by its tanh approximation. Hendrycks and Gimpel 2016, arXiv:1606.08415. */
export const Gelu = unary<{ approximate: "none" | "tanh" }>("Gelu", {
  attributes: { approximate: "string" },
  dx: ({ x, dy, attributes: { approximate } }) => {
    if (approximate === "none") {
      // Φ(x) + x·φ(x)
      const cdf = normalShare(x);
      const pdf = x
        .square()
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI));
      return dy.mul(cdf.add(x.mul(pdf)));
    }
    const t = geluTanh(x);
    const inner = x
      .square()
      .mul(3 * 0.044715)
      .add(1)
      .mul(Math.sqrt(2 / Math.PI));
    // ½(1 + t) + ½x(1 − t²)·inner
    return dy.mul(
      t
        .add(1)
        .add(x.mul(t.square().neg().add(1)).mul(inner))
        .mul(0.5),
    );
  },
  flops: 20,
  lower: ({ inputs: [x], attributes: { approximate }, target }) => {
    return target !== "webgpu" || approximate === "none" ? undefined : [geluNodes(x, approximate)];
  },
});

/** x·σ(x), also named swish. Elfwing et al. 2017, arXiv:1702.03118. */
export const Silu = unary("Silu", {
  domain: "descent",
  dx: ({ x, y, dy }) => {
    const s = x.sigmoid();
    return dy.mul(s.add(y.mul(s.neg().add(1)))); // σ + xσ(1 − σ)
  },
  flops: 11,
  lower: ({ inputs: [x] }) => [x.mul(x.sigmoid())],
});

/** ln(1 + eˣ). */
export const Softplus = unary("Softplus", {
  dx: ({ x, dy }) => dy.mul(x.sigmoid()),
  flops: 16,
  lower: ({ inputs: [x], target }) => {
    if (target !== "webgpu") return undefined;
    // max(x, 0) + ln(1 + e^−|x|) overflows nowhere.
    return [x.relu().add(x.abs().neg().exp().add(1).log())];
  },
});

/** x·tanh(softplus(x)). Misra 2019, arXiv:1908.08681. */
export const Mish = unary("Mish", {
  dx: ({ x, dy }) => {
    const t = x.softplus().tanh();
    return dy.mul(t.add(x.mul(x.sigmoid()).mul(t.square().neg().add(1))));
  },
  flops: 30,
  lower: ({ inputs: [x], target }) => (target === "webgpu" ? [x.mul(x.softplus().tanh())] : undefined),
});

/** clip(αx + β, 0, 1). */
export const HardSigmoid = unary<{ alpha: number; beta: number }>("HardSigmoid", {
  attributes: { alpha: "float", beta: "float" },
  dx: ({ y, dy, attributes: { alpha } }) => dy.mul(y.greater(0).and(y.less(1)).cast(y.dtype).mul(alpha)),
  flops: 3,
});

/** x·clip(x/6 + ½, 0, 1). Howard et al. 2019, arXiv:1905.02244. */
export const HardSwish = unary("HardSwish", {
  dx: ({ x, dy }) => {
    const inside = x.greater(-3).and(x.less(3));
    return dy.mul(where(inside, x.mul(1 / 3).add(0.5), x.greaterOrEqual(3).cast(x.dtype)));
  },
  flops: 4,
  lower: ({ inputs: [x], target }) =>
    target === "webgpu"
      ? [
          x.mul(
            x
              .mul(1 / 6)
              .add(0.5)
              .clip(0, 1),
          ),
        ]
      : undefined,
});

/** x for x > 0, else slope·x, with a learned slope. He et al. 2015, arXiv:1502.01852. */
export const PRelu = binary("PRelu", {
  takes: isFloat,
  gradient: ({ inputs: [x, slope], dy, needs }) => {
    const positive = x.greater(0);
    return [
      needs[0] ? where(positive, dy, dy.mul(slope)) : null,
      needs[1] ? where(positive, asTensor(0, x.dtype), dy.mul(x)) : null,
    ];
  },
  lower: ({ inputs: [x, slope], target }) => (target === "webgpu" ? [where(x.greater(0), x, x.mul(slope))] : undefined),
});

// --- comparison, logic, bits --------------------------------------------------------------------------------------------

export const Equal = comparison("Equal", anyDType, ({ inputs: [a, b], target }) =>
  target === "webgpu" && a.dtype === "bool" ? [a.cast("int32").equal(b.cast("int32"))] : undefined,
);
export const Less = comparison("Less");
export const LessOrEqual = comparison("LessOrEqual");
export const Greater = comparison("Greater");
export const GreaterOrEqual = comparison("GreaterOrEqual");

const isBool = (d: DType): boolean => d === "bool";
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

// --- choice, limits, conversion -------------------------------------------------------------------------------------------

/** Elements of `a` where the condition holds, else of `b`. */
export const Where: Op<None, readonly [Tensor, Tensor, Tensor]> = {
  name: "Where",
  domain: "",
  attributes: {},
  infer: ([condition, a, b], _attributes, where) => {
    expectDType(where, condition.dtype, isBool, "a bool condition");
    expectSameDType(where, a, b);
    const shape = broadcastShapes(condition.shape, a.shape, b.shape);
    if (shape === undefined) {
      const got = [condition, a, b].map((t) => formatShape(t.shape)).join(", ");
      throw new ShapeError(`${where}: expected shapes that broadcast, got ${got}`);
    }
    return [{ shape, dtype: a.dtype }];
  },
  gradient: ({ inputs: [condition, a], dy, needs }) => {
    const zero = asTensor(0, a.dtype);
    return [null, needs[1] ? where(condition, dy, zero) : null, needs[2] ? where(condition, zero, dy) : null];
  },
  cost: moves,
  batch: broadcastBatch(() => Where),
  // The engine has no kernel that chooses between truth values.
  lower: ({ inputs: [condition, a, b], target }) =>
    a.dtype === "bool" && target !== "onnx" ? [condition.and(a).or(condition.not().and(b))] : undefined,
};

/** min(max(x, low), high); a limit that is null is none. The gradient passes where low ≤ x ≤ high, as in PyTorch. */
export const Clip: Op<None, readonly [Tensor, Tensor | null, Tensor | null]> = {
  name: "Clip",
  domain: "",
  attributes: {},
  infer: ([x, low, high], _attributes, where) => {
    expectDType(where, x.dtype, isNumeric, "numbers");
    for (const limit of [low, high]) {
      if (limit === null) continue;
      expectSameDType(where, x, limit);
      if (limit.rank !== 0)
        throw new ShapeError(`${where}: expected scalar limits, got ${formatShape(limit.shape)}; use min and max`);
    }
    return [x];
  },
  gradient: ({ inputs: [x, low, high], dy, needs }) => {
    const zero = asTensor(0, x.dtype);
    const below = low === null ? null : x.less(low);
    const above = high === null ? null : x.greater(high);
    const outside = below !== null && above !== null ? below.or(above) : (below ?? above);
    return [
      outside === null ? dy : where(outside, zero, dy),
      needs[1] && below !== null ? where(below, dy, zero) : null,
      needs[2] && above !== null ? where(above, dy, zero) : null,
    ];
  },
  cost: perElement(2),
  batch: ({ inputs: [x, low, high], mapped }) => {
    if (!mapped[1] && !mapped[2]) return [emitOne(Clip, [x, low, high], {})];
    const tail = Array.from({ length: mapped[0] ? x.rank - 1 : x.rank }, (_, i) => i + 1);
    const limit = (t: Tensor, i: number): Tensor => (mapped[i] && tail.length > 0 ? t.unsqueeze(...tail) : t);
    let y = x;
    if (low !== null) y = y.max(limit(low, 1));
    if (high !== null) y = y.min(limit(high, 2));
    return [y];
  },
};

/** Conversion between element types; floats to integers truncate towards zero. */
export const Cast: Op<{ to: DType }, Unary> = {
  name: "Cast",
  domain: "",
  attributes: { to: "dtype" },
  infer: ([x], { to }) => [{ shape: x.shape, dtype: to }],
  gradient: ({ inputs: [x], dy, attributes: { to } }) => [isFloat(to) ? dy.cast(x.dtype) : null],
  cost: moves,
  batch: broadcastBatch(() => Cast),
};

export const Identity = unary("Identity", { takes: anyDType, dx: ({ dy }) => dy, flops: 0 });

/** x, through which no gradient passes. */
export const StopGradient = unary("StopGradient", {
  domain: "descent",
  takes: anyDType,
  dx: () => null,
  flops: 0,
  lower: ({ inputs: [x] }) => [x],
});

/** Every element type that the table's elementwise part defines. */
export const elementwise = [
  Add,
  Sub,
  Mul,
  Div,
  Pow,
  Max,
  Min,
  Mod,
  Neg,
  Abs,
  Sign,
  Reciprocal,
  Sqrt,
  Floor,
  Ceil,
  Round,
  Exp,
  Log,
  Sin,
  Cos,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Asinh,
  Acosh,
  Atanh,
  Erf,
  Sigmoid,
  Tanh,
  Relu,
  ReluGradient,
  LeakyRelu,
  Elu,
  Selu,
  Gelu,
  Silu,
  Softplus,
  Mish,
  HardSigmoid,
  HardSwish,
  PRelu,
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
  Where,
  Clip,
  Cast,
  Identity,
  StopGradient,
] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

type BinaryOp = Op<None, Binary>;

/** At least one operand is a tensor; a number takes its type. */
function apply2(op: BinaryOp, a: TensorLike, b: TensorLike): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "float32";
  return emitOne(op, [asTensor(a, dtype), asTensor(b, dtype)], {});
}

const build2 =
  (op: BinaryOp) =>
  (a: TensorLike, b: TensorLike): Tensor =>
    apply2(op, a, b);
const build1 =
  (op: Op<None, Unary>) =>
  (x: Tensor): Tensor =>
    emitOne(op, [x], {});

export const [add, sub, mul, div, pow] = [build2(Add), build2(Sub), build2(Mul), build2(Div), build2(Pow)];
export const [maximum, minimum, prelu] = [build2(Max), build2(Min), build2(PRelu)];
export const reluGradient = build2(ReluGradient);
export const [relu, sigmoid, tanh, silu, softplus, mish, hardSwish] = [Relu, Sigmoid, Tanh, Silu, Softplus, Mish, HardSwish].map(
  build1,
) as [
  (x: Tensor) => Tensor,
  (x: Tensor) => Tensor,
  (x: Tensor) => Tensor,
  (x: Tensor) => Tensor,
  (x: Tensor) => Tensor,
  (x: Tensor) => Tensor,
  (x: Tensor) => Tensor,
];
export const leakyRelu = (x: Tensor, alpha = 0.01): Tensor => emitOne(LeakyRelu, [x], { alpha });
export const elu = (x: Tensor, alpha = 1): Tensor => emitOne(Elu, [x], { alpha });
export const selu = (x: Tensor): Tensor => emitOne(Selu, [x], { alpha: 1.6732632423543772, gamma: 1.0507009873554805 });
export const gelu = (x: Tensor, approximate: "none" | "tanh" = "none"): Tensor => emitOne(Gelu, [x], { approximate });
/** PyTorch's hard sigmoid: clip(x/6 + ½, 0, 1). */
export const hardSigmoid = (x: Tensor): Tensor => emitOne(HardSigmoid, [x], { alpha: 1 / 6, beta: 0.5 });
export const mod = (a: Tensor, b: TensorLike): Tensor => emitOne(Mod, [a, asTensor(b, a.dtype)], { fmod: isFloat(a.dtype) });
export const stopGradient = build1(StopGradient);
/** The same value as a node of its own: a place to cut a graph, or to name. */
export const identity = build1(Identity);

/** Elements of `a` where `condition`, else of `b`. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "float32";
  return emitOne(Where, [condition, asTensor(a, dtype), asTensor(b, dtype)], {});
}

/** x held between two limits; leave one out with null. */
export function clip(x: Tensor, low: TensorLike | null, high: TensorLike | null): Tensor {
  const limit = (value: TensorLike | null): Tensor | null => (value === null ? null : asTensor(value, x.dtype));
  return emitOne(Clip, [x, limit(low), limit(high)], {});
}

/** The same value in another element type; the tensor itself if it has it already. */
export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : emitOne(Cast, [x], { to }));

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
    /** Of a bool tensor: elements of `a` where it holds, else of `b`. */
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
  return apply2(Mul, this, this);
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
