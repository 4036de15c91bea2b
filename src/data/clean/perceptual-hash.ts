/**
 * @module Perceptual hashes of images: dHash (the signs of brightness differences) and pHash (the signs of low frequencies), 64 bits each, and pairs of them that
 * differ in few bits.
 *
 * Source: dHash: Krawetz 2013, "Kind of like that"; pHash: Zauner 2010, Implementation and benchmarking of perceptual image hash functions.
 */
import type { Pixels } from "../../vision/index.js";
import { luminance, resize } from "../../vision/index.js";

/** 64 bits, as two halves. */
export type Hash64 = readonly [high: number, low: number];

/** An image's hashes, and its brightness on a grid of 16 × 16. */
export interface PerceptualHash {
  readonly d: Hash64;
  readonly p: Hash64;
  readonly thumbnail: Uint8Array;
}

const THUMBNAIL = 16;
const WAVES = 32;

const grey = (image: Pixels): Pixels =>
  image.channels === 1 ? image : { channels: 1, height: image.height, width: image.width, data: luminance(image) };

const bitsOf = (isSet: (i: number) => boolean): Hash64 => {
  const halves: [number, number] = [0, 0];
  for (let i = 0; i < 64; i++) if (isSet(i)) halves[i >> 5] = ((halves[i >> 5] as number) | (1 << (i & 31))) >>> 0;
  return halves;
};

/** Whether each pixel of 8 × 8 is darker than its right neighbour. */
function differenceHash(image: Pixels): Hash64 {
  const { data } = resize(image, 8, 9);
  return bitsOf((i) => {
    const at = (i >> 3) * 9 + (i & 7);
    return (data[at] as number) < (data[at + 1] as number);
  });
}

const COSINES = Float64Array.from({ length: 8 * WAVES }, (_, i) =>
  Math.cos((Math.PI / WAVES) * ((i % WAVES) + 0.5) * Math.floor(i / WAVES)),
);

/** Whether each of the 8 × 8 lowest frequencies (discrete cosine transform of 32 × 32) is above their median; the mean brightness does not count. */
function frequencyHash(image: Pixels): Hash64 {
  const { data } = resize(image, WAVES, WAVES);
  const rows = new Float64Array(WAVES * 8);
  for (let y = 0; y < WAVES; y++)
    for (let u = 0; u < 8; u++) {
      let sum = 0;
      for (let x = 0; x < WAVES; x++) sum += (data[y * WAVES + x] as number) * (COSINES[u * WAVES + x] as number);
      rows[y * 8 + u] = sum;
    }
  const waves = new Float64Array(64);
  for (let v = 0; v < 8; v++)
    for (let u = 0; u < 8; u++) {
      let sum = 0;
      for (let y = 0; y < WAVES; y++) sum += (rows[y * 8 + u] as number) * (COSINES[v * WAVES + y] as number);
      waves[v * 8 + u] = sum;
    }
  const sorted = Float64Array.from(waves.subarray(1)).sort();
  const median = sorted[31] as number;
  return bitsOf((i) => i > 0 && (waves[i] as number) > median);
}

/** The hashes of an image, whatever its size. */
export function perceptualHash(image: Pixels): PerceptualHash {
  const flat = grey(image);
  return { d: differenceHash(flat), p: frequencyHash(flat), thumbnail: resize(flat, THUMBNAIL, THUMBNAIL).data };
}

function ones(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Bits in which two hashes differ. */
export const hammingDistance = (a: Hash64, b: Hash64): number => ones(a[0] ^ b[0]) + ones(a[1] ^ b[1]);

/** Mean difference of brightness on the grid, 0 … 255. */
function thumbnailDifference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) - (b[i] as number));
  return sum / a.length;
}

export interface ImagePairOptions {
  /** Bits of 64 in which dHash may differ, and pHash twice as many. */
  readonly mostBits?: number;
}

/** Mean difference of brightness that the same picture may have after compression, 0 … 255. */
const MOST_DIFFERENCE = 6;

/** A pair of images that look the same, `a` before `b`; `similarity` is the share of equal bits. */
export interface ImagePair {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

/** The bits of a hash from `start`, up to 16 of them. */
function bitRange([high, low]: Hash64, start: number, count: number): number {
  const word = start < 32 ? high : low;
  const shift = start & 31;
  const spill = shift + count > 32 && start < 32 ? low << (32 - shift) : 0;
  return ((word >>> shift) | spill) & ((1 << count) - 1);
}

/**
 * Finds the pairs of images that look the same: dHash within `mostBits`, pHash within twice as many, brightness within `MOST_DIFFERENCE`.
 * With k = mostBits + 1 pieces of the hash, one piece of such a pair is equal (pigeonhole principle), so only those are compared.
 */
export function similarImages(
  hashes: readonly (PerceptualHash | undefined)[],
  { mostBits = 4 }: ImagePairOptions = {},
): ImagePair[] {
  const found = new Map<number, ImagePair>();
  const pieces = mostBits + 1;
  for (let piece = 0; piece < pieces; piece++) {
    const start = Math.floor((piece * 64) / pieces);
    const count = Math.min(16, Math.floor(((piece + 1) * 64) / pieces) - start);
    const buckets = new Map<number, number[]>();
    for (const [b, hash] of hashes.entries()) {
      if (hash === undefined) continue;
      const key = bitRange(hash.d, start, count);
      const bucket = buckets.get(key) ?? [];
      for (const a of bucket) {
        const other = hashes[a] as PerceptualHash;
        const distance = hammingDistance(hash.d, other.d);
        if (distance > mostBits || found.has(a * hashes.length + b)) continue;
        if (hammingDistance(hash.p, other.p) > 2 * mostBits) continue;
        if (thumbnailDifference(hash.thumbnail, other.thumbnail) > MOST_DIFFERENCE) continue;
        found.set(a * hashes.length + b, { a, b, similarity: 1 - distance / 64 });
      }
      bucket.push(b);
      buckets.set(key, bucket);
    }
  }
  return [...found.values()].sort((x, y) => x.a - y.a || x.b - y.b);
}
