/**
 * @module Points that fill a cube evenly: Sobol's and Halton's sequences, moved at random so that several sweeps see several of them.
 */
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";

/**
 * Primitive polynomials and initial direction numbers of the dimensions from the second on: degree, inner coefficients, m₁ ….
 *
 * Source: Joe and Kuo 2008, "Constructing Sobol sequences with better two-dimensional projections" (new-joe-kuo-6).
 */
const DIRECTIONS: readonly (readonly [degree: number, coefficients: number, ...initial: number[]])[] = [
  [1, 0, 1],
  [2, 1, 1, 3],
  [3, 1, 1, 3, 1],
  [3, 2, 1, 1, 1],
  [4, 1, 1, 1, 3, 3],
  [4, 4, 1, 3, 5, 13],
  [5, 2, 1, 1, 5, 5, 17],
  [5, 4, 1, 1, 5, 5, 5],
  [5, 7, 1, 1, 7, 11, 19],
  [5, 11, 1, 1, 5, 1, 1],
  [5, 13, 1, 1, 1, 3, 11],
  [5, 14, 1, 3, 5, 5, 31],
  [6, 1, 1, 3, 3, 9, 7, 49],
  [6, 13, 1, 1, 1, 15, 21, 21],
  [6, 16, 1, 3, 1, 13, 27, 49],
];
const BITS = 32;
/** Options that Sobol's points can have. */
export const MOST_DIMENSIONS = DIRECTIONS.length + 1;

/** The direction numbers of a dimension, each a fraction of 2³². */
function directionsOf(dimension: number): Uint32Array {
  const v = new Uint32Array(BITS);
  if (dimension === 0) return v.map((_, i) => 2 ** (BITS - 1 - i));
  const [degree = 1, coefficients = 0, ...initial] = DIRECTIONS[dimension - 1] ?? [];
  for (let i = 0; i < BITS; i++) {
    if (i < degree) {
      v[i] = (initial[i] as number) * 2 ** (BITS - 1 - i);
      continue;
    }
    let next = (v[i - degree] as number) ^ ((v[i - degree] as number) >>> degree);
    for (let k = 1; k < degree; k++) if (((coefficients >>> (degree - 1 - k)) & 1) === 1) next ^= v[i - k] as number;
    v[i] = next >>> 0;
  }
  return v;
}

/**
 * The first points of Sobol's sequence: [count][dimensions], in [0, 1). With a seed each dimension is shifted by random bits, which keeps how
 * evenly the points lie; without one they begin at the origin.
 *
 * Source: Sobol 1967; the order by Gray codes of Antonov and Saleev 1979.
 * Checked against: scipy, stats.qmc.Sobol(scramble=False), sweep.test.ts.
 * Errors: ConfigError for more than 16 dimensions.
 */
export function sobolPoints(count: number, dimensions: number, seed?: number): number[][] {
  if (dimensions > MOST_DIMENSIONS)
    throw new ConfigError(`sobol: expected at most ${MOST_DIMENSIONS} options, got ${dimensions}; use method: random`);
  const random = seed === undefined ? undefined : new Random(seed, "sobol");
  const shifts = Array.from({ length: dimensions }, () => random?.bits() ?? 0);
  const directions = Array.from({ length: dimensions }, (_, d) => directionsOf(d));
  const at = new Uint32Array(dimensions);
  return Array.from({ length: count }, (_, i) => {
    if (i > 0) {
      // The bit that the Gray code of i changes: the lowest one set.
      const bit = 31 - Math.clz32(i & -i);
      directions.forEach((v, d) => (at[d] = (at[d] as number) ^ (v[bit] as number)));
    }
    return Array.from(at, (x, d) => ((x ^ (shifts[d] as number)) >>> 0) / 2 ** BITS);
  });
}

const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71];

/** i with its digits to a base mirrored at the point. */
function radicalInverse(i: number, base: number): number {
  let [result, scale] = [0, 1 / base];
  for (; i > 0; i = Math.floor(i / base), scale /= base) result += (i % base) * scale;
  return result;
}

/**
 * The first points of Halton's sequence, [count][dimensions] in [0, 1), each dimension moved around the circle by a random number of the seed
 * (Cranley and Patterson 1976).
 *
 * Source: Halton 1960.
 * Checked against: scipy, stats.qmc.Halton(scramble=False), sweep.test.ts.
 * Errors: ConfigError for more than 20 dimensions.
 */
export function haltonPoints(count: number, dimensions: number, seed?: number): number[][] {
  if (dimensions > PRIMES.length)
    throw new ConfigError(`halton: expected at most ${PRIMES.length} options, got ${dimensions}; use method: random`);
  const random = seed === undefined ? undefined : new Random(seed, "halton");
  const shifts = Array.from({ length: dimensions }, () => random?.uniform() ?? 0);
  return Array.from({ length: count }, (_, i) => shifts.map((shift, d) => (radicalInverse(i, PRIMES[d] as number) + shift) % 1));
}
