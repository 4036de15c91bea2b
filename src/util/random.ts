/**
 * @module The one random number generator: counter-based, so that value i of a stream is a pure function of (key, i)
 * and a run can be repeated, resumed and sharded to the same bits. The graph's own random ops hash in the same way.
 */

const PRIME_A = 0x9e3779b1;
const PRIME_B = 0x85ebca77;

/** Mixes 32 bits so that every input bit reaches every output bit ("lowbias32", C. Wellons 2018). */
export function mix32(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A 32-bit hash of a text (FNV-1a, then mixed): the stable number of a module path or a sample's name. */
export function hashString(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix32(h);
}

/** A stream of random numbers, named by its key parts: `new Random(seed, "shuffle", epoch)`. Equal keys, equal streams. */
export class Random {
  readonly #key0: number;
  readonly #key1: number;
  #counter = 0;
  #spareNormal: number | undefined;

  constructor(...key: readonly (number | string)[]) {
    let a = PRIME_A;
    let b = PRIME_B;
    for (const part of key) {
      const low = typeof part === "string" ? hashString(part) : part >>> 0;
      const high = typeof part === "string" ? part.length : Math.floor(Math.abs(part) / 2 ** 32) >>> 0;
      a = mix32(a ^ low);
      b = mix32(Math.imul(b, PRIME_A) + (a ^ high));
    }
    this.#key0 = a;
    this.#key1 = b;
  }

  /** The next 32 random bits, as an unsigned integer. */
  bits(): number {
    const i = this.#counter++;
    return mix32(mix32((i ^ this.#key0) >>> 0) + Math.imul(this.#key1, PRIME_B) + Math.floor(i / 2 ** 32));
  }

  /** Uniform in [0, 1), 32 bits fine. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.bits() / 2 ** 32);
  }

  /** Standard normal by the polar method (Marsaglia and Bray 1964). */
  normal(mean = 0, standardDeviation = 1): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return mean + standardDeviation * spare;
    }
    for (;;) {
      const u = this.uniform(-1, 1);
      const v = this.uniform(-1, 1);
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        this.#spareNormal = v * scale;
        return mean + standardDeviation * u * scale;
      }
    }
  }

  /** A uniform integer in [0, bound), without modulo bias (Lemire 2019 needs 64 bits; rejection is enough here). */
  integer(bound: number): number {
    const limit = Math.floor(2 ** 32 / bound) * bound;
    for (;;) {
      const bits = this.bits();
      if (bits < limit) return bits % bound;
    }
  }

  /** A uniformly random order of 0 … length − 1 (Fisher–Yates). */
  permutation(length: number): Uint32Array {
    const order = new Uint32Array(length);
    for (let i = 0; i < length; i++) order[i] = i;
    for (let i = length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swapped = order[i] as number;
      order[i] = order[j] as number;
      order[j] = swapped;
    }
    return order;
  }
}
