/**
 * @module Random numbers inside the graph, counter-based: value i of a node is a function of (seed, step, node, i) alone, so
 * runs repeat, resume and shard to the same bits on every device. The JavaScript side's generator is `util/random.ts`.
 */
import type { DType, Node, Shape } from "../graph/index.js";
import { constant, fromNumbers, input, isFloat, sizeOf, staticShape, Tensor } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { hashString, mix32 } from "../util/random.js";
import type { Op } from "./op.js";
import { emitOne, expectDType, perElement, unreachableOp } from "./op.js";

type None = Record<never, never>;
type Two = readonly [Tensor, Tensor];

/** The two scalar inputs that a graph with random nodes has. One of each per graph: the runtime feeds them by name. */
export const seedInput = (): Tensor => input("seed", [], "uint32");
/** The graph's scalar (uint32) with the number of the training step. */
export const stepInput = (): Tensor => input("step", [], "uint32");
/** The graph's scalars (uint32) that random nodes draw from: the seed and the step. */
export const randomInputs = (): { readonly seed: Tensor; readonly step: Tensor } => ({ seed: seedInput(), step: stepInput() });

const u32 = (value: number): Tensor => constant(value >>> 0, "uint32");

/** Odd constants with well-spread bits: the golden ratio's, and those of the "lowbias32" and murmur3 finalizers. */
const ODD = [0x9e3779b1, 0x7feb352d, 0x846ca68b, 0xc2b2ae35] as const;

/**
 * x spread over all 32 bits: rounds of x ← x·(2x + odd), a permutation that carries bits upwards (Rivest et al. 1998, RC6),
 * and x ← x·2¹⁶ + x / 2¹⁶, which swaps the halves. WebGPU has kernels for uint32 Add, Mul and Div but for no bit operation,
 * and one formula everywhere gives the same bits everywhere. (x + x / 2ᵏ in place of the usual x ^ (x >>> k) is nearly
 * linear: neighbours correlate.)
 */
function mix(x: Tensor): Tensor {
  ODD.forEach((odd, round) => {
    if (round > 0) x = x.mul(u32(2 ** 16)).add(x.div(u32(2 ** 16)));
    x = x.mul(x.mul(u32(2)).add(u32(odd)));
  });
  return x;
}

/** The largest divisor of n that is at most √n. */
function nearRoot(n: number): number {
  let divisor = Math.max(1, Math.floor(Math.sqrt(n)));
  while (n % divisor !== 0) divisor--;
  return divisor;
}

/**
 * 32 random bits per element: uint32 of `shape`, a function of (seed, step, key, element's number).
 *
 * Elements lie in a matrix that is about as high as wide. Each row has two random numbers a and d, each column b and e, by
 * thorough mixing; element [r, c] is ((aᵣ + b꜀)² / 2⁸ + e꜀)·(2dᵣ + 1). Five operations per element instead of the twenty of
 * thorough mixing, and as good in mean, variance, chi-square of each byte, and correlation between neighbours, blocks,
 * rows, columns, steps, seeds and keys (random.test.ts). Not for cryptography.
 */
export const RandomBits: Op<{ shape: readonly number[]; key: number }, Two> = {
  name: "RandomBits",
  domain: "descent",
  attributes: { shape: "ints", key: "int" },
  infer: ([seed, step], { shape }, where) => {
    for (const t of [seed, step]) expectDType(where, t.dtype, ["uint32"], "uint32 scalars as seed and step");
    return [{ shape, dtype: "uint32" }];
  },
  gradient: { none: "its result is random bits" },
  cost: perElement(5),
  batch: { unroll: "seed and step are scalars" },
  lower: ({ inputs: [seed, step], attributes: { shape, key } }) => {
    const count = sizeOf(shape);
    if (count === 0) return [constant(0, "uint32").expand(shape)];
    const rows = nearRoot(count);
    const columns = count / rows;
    // Rounds that nodes of one graph share come first: seed, then step, then the node's own key.
    const stream = mix(mix(mix(seed.add(u32(ODD[0]))).add(step)).add(u32(mix32(key))));
    const length = 2 * (rows + columns);
    const positions = constant(
      fromNumbers(
        "uint32",
        [length],
        Uint32Array.from({ length }, (_, i) => i),
      ),
    );
    const numbers = mix(positions.add(stream));
    const [a, d, b, e] = numbers.split([rows, rows, columns, columns], 0) as [Tensor, Tensor, Tensor, Tensor];
    const sum = a.unsqueeze(1).add(b); // [rows, columns]
    const bits = sum
      .mul(sum)
      .div(u32(2 ** 8))
      .add(e)
      .mul(d.unsqueeze(1).mul(u32(2)).add(u32(1)));
    return [bits.reshape(shape)];
  },
};

/** Bits as float32 in [0, 1): their upper 24, which float32 holds exactly. */
const unit = (bits: Tensor): Tensor =>
  bits
    .div(u32(256))
    .cast("float32")
    .mul(2 ** -24);

/** The stable key of a random node: a hash of its module path, its op, and its ordinal among such nodes there. */
const keyOf = ({ node, callIndex }: { node: Node; callIndex: number }): number =>
  hashString(`${node.scope}/${node.op}/${callIndex}`);

interface RandomSource {
  readonly seed: Tensor;
  readonly step: Tensor;
}
const bitsOf = ({ seed, step }: RandomSource, shape: readonly number[], key: number): Tensor =>
  emitOne(RandomBits, [seed, step], { shape, key });

interface UniformAttributes {
  readonly [name: string]: Shape | number;
  readonly shape: Shape;
  readonly low: number;
  readonly high: number;
}

/** Uniform in [low, high), float32 of `shape`; new numbers at each step, the same for equal (seed, step, position in the model). */
export const RandomUniform: Op<UniformAttributes, readonly []> = {
  name: "RandomUniform",
  domain: "descent",
  attributes: { shape: "shape", low: "float", high: "float" },
  infer: (_inputs, { shape }) => [{ shape, dtype: "float32" }],
  gradient: { none: "it has no inputs" },
  cost: perElement(10),
  batch: { unroll: "it has no inputs that could be mapped" },
  random: true,
  resolve: (c) => {
    const { low, high } = c.attributes;
    const shape = staticShape(c.attributes.shape, "RandomUniform");
    return [
      unit(bitsOf(c, shape, keyOf(c)))
        .mul(high - low)
        .add(low),
    ];
  },
  lower: () => unreachableOp("RandomUniform", "lowering"),
};

interface NormalAttributes {
  readonly [name: string]: Shape | number;
  readonly shape: Shape;
  readonly mean: number;
  readonly scale: number;
}

/** Normal with `mean` and standard deviation `scale`, float32 of `shape`, by Box and Muller 1958: √(−2 ln u)·cos 2πv. */
export const RandomNormal: Op<NormalAttributes, readonly []> = {
  name: "RandomNormal",
  domain: "descent",
  attributes: { shape: "shape", mean: "float", scale: "float" },
  infer: (_inputs, { shape }) => [{ shape, dtype: "float32" }],
  gradient: { none: "it has no inputs" },
  cost: perElement(40),
  batch: { unroll: "it has no inputs that could be mapped" },
  random: true,
  resolve: (c) => {
    const { mean, scale } = c.attributes;
    const shape = staticShape(c.attributes.shape, "RandomNormal");
    const key = keyOf(c);
    // 1 − u lies in (0, 1], so that its logarithm is finite.
    const radius = unit(bitsOf(c, shape, key))
      .neg()
      .add(1)
      .log()
      .mul(-2)
      .sqrt();
    const angle = unit(bitsOf(c, shape, mix32(key + 1))).mul(2 * Math.PI);
    return [radius.mul(angle.cos()).mul(scale).add(mean)];
  },
  lower: () => unreachableOp("RandomNormal", "lowering"),
};

/** 1 / (1 − p) with probability 1 − p, else 0: what dropout multiplies with. 1 in use. */
export const DropoutMask: Op<{ shape: Shape; p: number; dtype: DType }, readonly []> = {
  name: "DropoutMask",
  domain: "descent",
  attributes: { shape: "shape", p: "float", dtype: "dtype" },
  infer: (_inputs, { shape, dtype }) => [{ shape, dtype }],
  gradient: { none: "it has no inputs" },
  cost: perElement(10),
  batch: { unroll: "it has no inputs that could be mapped: every mapped example has the same mask" },
  random: true,
  resolve: (c) => {
    const { p, dtype } = c.attributes;
    if (c.mode === "eval") return [constant(1, dtype).expand(c.attributes.shape)];
    const shape = staticShape(c.attributes.shape, "Dropout");
    const kept = bitsOf(c, shape, keyOf(c)).greaterOrEqual(u32(Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1)));
    return [kept.cast(dtype).mul(1 / (1 - p))];
  },
  lower: () => unreachableOp("DropoutMask", "lowering"),
};

/**
 * x with elements set to 0 at random and the others scaled up by 1 / (1 − p) while training, x itself otherwise. The mask is a
 * node of its own, so that the gradient, and the gradient's gradient, have the same one.
 * Srivastava et al. 2014; the scaling happens in training ("inverted"), as in PyTorch.
 */
export const Dropout: Op<None, Two> = {
  name: "Dropout",
  domain: "descent",
  attributes: {},
  infer: ([x], _attributes, where) => {
    expectDType(where, x.dtype, isFloat, "a floating-point operand");
    return [x];
  },
  gradient: ({ inputs: [, mask], dy }) => [emitOne(Dropout, [dy, mask], {}), null],
  cost: perElement(1),
  batch: ({ inputs: [x, mask], mapped, size }) => {
    if (!mapped[1]) return [emitOne(Dropout, [x, mask.expand([size, ...mask.shape])], {})];
    return [emitOne(Dropout, [mapped[0] ? x : x.expand([size, ...x.shape]), mask], {})];
  },
  resolve: ({ inputs: [x, mask], mode }) => [mode === "eval" ? x : x.mul(mask)],
  lower: () => unreachableOp("Dropout", "lowering"),
};

/** Entries of the op table: random ops. */
export const randomness = [RandomBits, RandomUniform, RandomNormal, DropoutMask, Dropout] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Elements dropped with probability p while training. ConfigError unless 0 ≤ p < 1. Shape and type of x. */
export function dropout(x: Tensor, p = 0.5): Tensor {
  if (!(p >= 0 && p < 1)) throw new ConfigError(`dropout: expected a probability p in 0 ≤ p < 1, got ${p}`);
  if (p === 0) return x;
  return emitOne(Dropout, [x, emitOne(DropoutMask, [], { shape: x.shape, p, dtype: x.dtype })], {});
}

/** Uniform random numbers in [low, high), new at each step. The result is float32 of that shape. */
export const randomUniform = (shape: Shape, low = 0, high = 1): Tensor => emitOne(RandomUniform, [], { shape, low, high });
/** Normal random numbers, new at each step. The result is float32 of that shape. */
export const randomNormal = (shape: Shape, mean = 0, scale = 1): Tensor => emitOne(RandomNormal, [], { shape, mean, scale });

declare module "../graph/tensor.js" {
  interface Tensor {
    /** Elements dropped with probability p while training. */
    dropout(p?: number): Tensor;
  }
}
Tensor.prototype.dropout = function (p) {
  return dropout(this, p);
};
