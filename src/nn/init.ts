/**
 * @module Initial values of parameters. An initializer is a pure function of (shape, stream): the stream is keyed by seed
 * and path, so one parameter's values do not depend on which others exist.
 */
import type { Initializer } from "../graph/index.js";
import { sizeOf } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import type { Random } from "../util/random.js";
import { dot } from "../util/vectors.js";

function fill(shape: readonly number[], value: () => number): Float32Array {
  const numbers = new Float32Array(sizeOf(shape));
  for (let i = 0; i < numbers.length; i++) numbers[i] = value();
  return numbers;
}

/** Every element the same. */
export const constantInit =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value);

/** Zeros. */
export const zerosInit: Initializer = constantInit(0);
/** Ones. */
export const onesInit: Initializer = constantInit(1);

/** Uniform in [low, high). */
export const uniformInit =
  (low: number, high: number): Initializer =>
  (shape, random) =>
    fill(shape, () => random.uniform(low, high));

/** Normally distributed values (standard deviation 1, mean 0, unless given). */
export const normalInit =
  (standardDeviation = 1, mean = 0): Initializer =>
  (shape, random) =>
    fill(shape, () => random.normal(mean, standardDeviation));

/** Normal, drawn again while more than `limit` standard deviations from the mean (TensorFlow's and BERT's; limit 2). */
export const truncatedNormalInit =
  (standardDeviation = 1, mean = 0, limit = 2): Initializer =>
  (shape, random) =>
    fill(shape, () => {
      for (;;) {
        const z = random.normal();
        if (Math.abs(z) <= limit) return mean + standardDeviation * z;
      }
    });

/** Inputs and outputs per unit, of a weight [out, in, ...kernel]. ConfigError for fewer than two dimensions. */
export function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const [out, inputs, ...kernel] = shape;
  if (out === undefined || inputs === undefined) {
    throw new ConfigError(`initializer: expected a weight of at least two dimensions, got [${shape.join(", ")}]`);
  }
  const field = sizeOf(kernel);
  return { fanIn: inputs * field, fanOut: out * field };
}

/** The activation behind the weight: decides the gain that keeps the variance. */
export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

/** The recommended gain: √2 for relu, 5/3 for tanh, … (PyTorch's `calculate_gain`). `slope` is leaky relu's. */
export function gain(nonlinearity: Nonlinearity, slope = 0.01): number {
  const gains = { linear: 1, sigmoid: 1, tanh: 5 / 3, relu: Math.SQRT2, leakyRelu: Math.sqrt(2 / (1 + slope ** 2)), selu: 3 / 4 };
  return gains[nonlinearity];
}

const byDeviation = (distribution: "uniform" | "normal", deviation: number): Initializer =>
  distribution === "normal" ? normalInit(deviation) : uniformInit(-Math.sqrt(3) * deviation, Math.sqrt(3) * deviation);

/** Variance 2·gain²/(fanIn + fanOut). Source: Glorot and Bengio, AISTATS 2010, equation 16. */
const xavier =
  (distribution: "uniform" | "normal") =>
  (g = 1): Initializer =>
  (shape, random) => {
    const { fanIn, fanOut } = fans(shape);
    return byDeviation(distribution, g * Math.sqrt(2 / (fanIn + fanOut)))(shape, random);
  };
/** Uniform values of variance 2·g² / (inputs + outputs). Glorot and Bengio 2010. */
export const xavierUniform = xavier("uniform");
/** Normal values of variance 2·g² / (inputs + outputs). Glorot and Bengio 2010. */
export const xavierNormal = xavier("normal");

/** Options of He's initialization: the count that is divided by, and the activation that follows. */
export interface KaimingOptions {
  /** The sum that keeps its variance: over inputs (forward) or outputs (backward). */
  readonly mode?: "fanIn" | "fanOut";
  readonly nonlinearity?: Nonlinearity;
  /** Leaky relu's slope. */
  readonly slope?: number;
}

/** Variance gain²/fan. Source: He et al. 2015, arXiv:1502.01852, equations 10 and 14. */
const kaiming =
  (distribution: "uniform" | "normal") =>
  ({ mode = "fanIn", nonlinearity = "relu", slope = 0.01 }: KaimingOptions = {}): Initializer =>
  (shape, random) =>
    byDeviation(distribution, gain(nonlinearity, slope) / Math.sqrt(fans(shape)[mode]))(shape, random);
/** Uniform values that keep variances through layers with relu. He et al. 2015, arXiv:1502.01852. */
export const kaimingUniform = kaiming("uniform");
/** Normal values that keep variances through layers with relu. He et al. 2015, arXiv:1502.01852. */
export const kaimingNormal = kaiming("normal");

/** PyTorch's default for the weights of Linear and Conv: uniform within ±1/√fanIn (Kaiming with a = √5). */
export const defaultWeightInit: Initializer = kaimingUniform({ nonlinearity: "leakyRelu", slope: Math.sqrt(5) });

/** PyTorch's default for their biases: uniform within ±1/√fanIn of the weight. */
export const defaultBiasInit = (fanIn: number): Initializer => uniformInit(-1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));

/**
 * Orthonormal rows (or columns, where there are fewer of those), times a gain, of the weight as a matrix [d₀, rest].
 *
 * Source: Saxe et al. 2013, arXiv:1312.6120. Gram–Schmidt, twice, on normal numbers; the sign of each vector is that of its
 * draw, so the distribution is uniform over orthogonal matrices.
 */
export const orthogonal =
  (g = 1): Initializer =>
  (shape, random) => {
    fans(shape);
    const rows = shape[0] as number;
    const columns = sizeOf(shape.slice(1));
    const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
    const basis = orthonormal(count, length, random);
    const numbers = new Float32Array(rows * columns);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const [vector, place] = rows < columns ? [i, j] : [j, i];
        numbers[i * columns + j] = g * ((basis[vector] as Float64Array)[place] as number);
      }
    }
    return numbers;
  };

function orthonormal(count: number, length: number, random: Random): Float64Array[] {
  const basis: Float64Array[] = [];
  while (basis.length < count) {
    const v = Float64Array.from({ length }, () => random.normal());
    const before = Math.sqrt(dot(v, v));
    // Once more takes away what rounding left of the first time.
    for (let pass = 0; pass < 2; pass++) {
      for (const b of basis) {
        const projection = dot(v, b);
        for (let i = 0; i < length; i++) v[i] = (v[i] as number) - projection * (b[i] as number);
      }
    }
    const norm = Math.sqrt(dot(v, v));
    if (norm < 1e-10 * before) continue;
    basis.push(v.map((x) => x / norm));
  }
  return basis;
}
