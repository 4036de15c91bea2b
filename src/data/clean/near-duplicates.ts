/**
 * @module Near duplicates among sets of tokens: MinHash, locality-sensitive hashing by bands, and each candidate pair verified by its true Jaccard index.
 *
 * Source: Broder 1997, On the resemblance and containment of documents; bands: Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4.
 * Differs from the source: the signature is never kept; a band's few permutations are computed for all sets, and its buckets looked at, before the
 * next. So memory is that of the tokens, and candidates are exact at the end.
 */
import { Random } from "../../util/random.js";
import { ConfigError } from "../../util/errors.js";
import type { TokenSets } from "./token-sets.js";
import { jaccard } from "./token-sets.js";

export interface NearDuplicateOptions {
  /** The Jaccard index from which two texts are near duplicates. */
  readonly threshold?: number;
  /** Permutations in all; bands are made of them. */
  readonly permutations?: number;
  readonly seed?: number;
}

/** A verified pair, `a` before `b`. */
export interface NearPair {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

export interface NearDuplicates {
  /** The first member of each one's cluster; itself where it is alone. */
  readonly clusterOf: Uint32Array;
  /** Pairs that joined clusters: not all pairs within one. */
  readonly pairs: readonly NearPair[];
  readonly bands: number;
  readonly rows: number;
}

/** Chance of finding a pair at the threshold, at least. */
const RECALL = 0.97;
/** Members of a bucket that a new one is compared with: the first of each cluster, the latest first. */
const MOST_COMPARED = 64;

/**
 * Chooses rows per band: the most (so the fewest false candidates) with which a pair of similarity t is still found with a chance of at least 0.97.
 *
 *     P(found) = 1 − (1 − tʳ)ᵇ     r rows, b = ⌊permutations / r⌋ bands
 */
export function chooseBands(threshold: number, permutations: number): { bands: number; rows: number } {
  let best = { bands: permutations, rows: 1 };
  for (let rows = 1; rows <= permutations; rows++) {
    const bands = Math.floor(permutations / rows);
    if (1 - (1 - threshold ** rows) ** bands >= RECALL) best = { bands, rows };
  }
  return best;
}

/** Clusters by union of pairs, each called by its first member. */
export class Clusters {
  readonly #parent: Uint32Array;

  constructor(length: number) {
    this.#parent = Uint32Array.from({ length }, (_, i) => i);
  }

  find(i: number): number {
    let root = i;
    while (this.#parent[root] !== root) root = this.#parent[root] as number;
    for (let at = i; at !== root;) {
      const next = this.#parent[at] as number;
      this.#parent[at] = root;
      at = next;
    }
    return root;
  }

  join(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)];
    this.#parent[Math.max(x, y)] = Math.min(x, y);
  }

  all(): Uint32Array {
    return Uint32Array.from(this.#parent, (_, i) => this.find(i));
  }
}

/** The order of keys: radix sort by 11 bits, stable. */
function orderOf(keys: Uint32Array, order: Uint32Array, spare: Uint32Array): void {
  for (let i = 0; i < order.length; i++) order[i] = i;
  let [from, to] = [order, spare];
  for (let shift = 0; shift < 32; shift += 11) {
    const starts = new Uint32Array(2049);
    for (let i = 0; i < keys.length; i++) {
      const digit = ((keys[i] as number) >>> shift) & 2047;
      starts[digit + 1] = (starts[digit + 1] as number) + 1;
    }
    for (let d = 0; d < 2048; d++) starts[d + 1] = (starts[d + 1] as number) + (starts[d] as number);
    for (let i = 0; i < from.length; i++) {
      const item = from[i] as number;
      const digit = ((keys[item] as number) >>> shift) & 2047;
      const place = starts[digit] as number;
      to[place] = item;
      starts[digit] = place + 1;
    }
    [from, to] = [to, from];
  }
  // Three passes end in the spare array.
  order.set(from);
}

/** The key of a band for every set: a hash of the least values of its permutations. */
export function bandKeys(
  { tokens, offsets, length }: TokenSets,
  factors: Uint32Array,
  terms: Uint32Array,
  keys: Uint32Array,
): void {
  const rows = factors.length;
  const least = new Uint32Array(rows);
  for (let s = 0; s < length; s++) {
    const [start, end] = [offsets[s] as number, offsets[s + 1] as number];
    let key = 0x811c9dc5;
    for (let r = 0; r < rows; r++) {
      const [a, b] = [factors[r] as number, terms[r] as number];
      let minimum = 0xffffffff;
      for (let t = start; t < end; t++) {
        const value = (Math.imul(a, tokens[t] as number) + b) >>> 0;
        if (value < minimum) minimum = value;
      }
      least[r] = minimum;
      key = Math.imul(key ^ minimum, 0x01000193);
      key = Math.imul(key ^ (key >>> 15), 0x85ebca6b);
    }
    keys[s] = (key ^ (key >>> 13)) >>> 0;
  }
}

/**
 * Finds clusters of near duplicates. Empty sets are alone.
 *
 * Cost: O(permutations · tokens), and the verification of candidates.
 * Errors: ConfigError for a threshold outside 0 … 1.
 * Checked against: exact Jaccard of all pairs, in clean.test.ts; rensa and exact Jaccard on a million texts, in benchmarks/near-duplicates.md.
 */
export function nearDuplicates(sets: TokenSets, options: NearDuplicateOptions = {}): NearDuplicates {
  const { threshold = 0.8, permutations = 64, seed = 0 } = options;
  if (!(threshold > 0 && threshold <= 1))
    throw new ConfigError(`near duplicates: expected a threshold in 0 … 1, got ${threshold}`);
  const { bands, rows } = chooseBands(threshold, permutations);
  const random = new Random(seed, "minhash");
  const N = sets.length;
  const [keys, order, spare] = [new Uint32Array(N), new Uint32Array(N), new Uint32Array(N)];
  const clusters = new Clusters(N);
  const pairs: NearPair[] = [];
  const isEmpty = (i: number): boolean => sets.offsets[i] === sets.offsets[i + 1];
  const size = (i: number): number => (sets.offsets[i + 1] as number) - (sets.offsets[i] as number);
  for (let band = 0; band < bands; band++) {
    const factors = Uint32Array.from({ length: rows }, () => random.bits() | 1);
    const terms = Uint32Array.from({ length: rows }, () => random.bits());
    bandKeys(sets, factors, terms, keys);
    orderOf(keys, order, spare);
    for (let start = 0; start < N;) {
      const key = keys[order[start] as number] as number;
      let end = start + 1;
      while (end < N && keys[order[end] as number] === key) end++;
      if (end - start > 1) verifyBucket(start, end);
      start = end;
    }
  }
  return { clusterOf: clusters.all(), pairs, bands, rows };

  /** Compares each member of a bucket with those before it that are not in its cluster already. */
  function verifyBucket(start: number, end: number): void {
    // One of each cluster stands for it, as far as this bucket goes.
    const seen: number[] = [];
    for (let at = start; at < end; at++) {
      const b = order[at] as number;
      if (isEmpty(b)) continue;
      let isNew = true;
      for (let k = seen.length - 1, left = MOST_COMPARED; k >= 0 && left > 0; k--, left--) {
        const a = seen[k] as number;
        if (clusters.find(a) === clusters.find(b)) {
          isNew = false;
          continue;
        }
        const [small, large] = size(a) < size(b) ? [size(a), size(b)] : [size(b), size(a)];
        if (small < threshold * large) continue;
        const similarity = jaccard(sets, a, b);
        if (similarity < threshold) continue;
        pairs.push(a < b ? { a, b, similarity } : { a: b, b: a, similarity });
        clusters.join(a, b);
        isNew = false;
      }
      if (isNew || seen.length < MOST_COMPARED) seen.push(b);
    }
  }
}
