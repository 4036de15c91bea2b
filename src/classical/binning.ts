/**
 * @module Bins: each column's values as small whole numbers, so that trees look at counts of bins in place of sorted rows.
 */
import type { DenseMatrix } from "./matrix.js";

/** One column's bins. */
export interface BinColumn {
  /** Bin b of a column of numbers holds values ≤ thresholds[b] that no lower bin has; the last bin, what lies above all. */
  readonly thresholds: Float32Array;
  /** The category of each bin; undefined of a column of numbers. */
  readonly categories: Float32Array | undefined;
  /** Bins, one for missing values included where the column has any: it is the last. */
  readonly count: number;
  readonly hasMissing: boolean;
}

/** Rows in bins. */
export interface BinnedMatrix {
  readonly rows: number;
  readonly columns: readonly BinColumn[];
  /** [F, N], column by column. */
  readonly bins: Uint8Array;
  /** [F + 1], the place of each column's first bin among all. */
  readonly offsets: Uint32Array;
}

export interface BinOptions {
  readonly maxBins?: number;
  /** Rows that a bin holds at least, where a column has few values; left out, 3. */
  readonly leastInBin?: number;
  /** Columns of category codes. */
  readonly categorical?: ReadonlySet<number>;
}

/** Rows that thresholds are found from, at most. */
const MOST_SAMPLED = 200_000;
/** Rows that a bin holds at least, where a column has few values: LightGBM's min_data_in_bin. */
const LEAST_IN_BIN = 3;

/** A number from a inclusive to b exclusive that float32 holds, near their middle. */
function between(a: number, b: number): number {
  const middle = Math.fround((a + b) / 2);
  return middle >= a && middle < b ? middle : Math.fround(a);
}

/** Distinct values of a sorted column, without missing ones, and how often each occurs. */
function distinct(sorted: Float32Array): { readonly values: Float32Array; readonly counts: Float64Array } {
  const values = new Float32Array(sorted.length);
  const counts = new Float64Array(sorted.length);
  let last = -1;
  for (let i = 0; i < sorted.length; i++) {
    const value = sorted[i] as number;
    if (Number.isNaN(value)) break; // NaN sorts last
    if (last < 0 || values[last] !== value) values[++last] = value;
    counts[last] = (counts[last] as number) + 1;
  }
  return { values: values.subarray(0, last + 1), counts: counts.subarray(0, last + 1) };
}

/**
 * Thresholds between bins of about equal numbers of rows; a value that would fill a bin gets one of its own.
 *
 * Source: Ke et al., LightGBM, 2017; its GreedyFindBin in outline.
 */
export function findThresholds(
  values: ArrayLike<number>,
  counts: ArrayLike<number>,
  mostBins: number,
  leastInBin = LEAST_IN_BIN,
): Float32Array {
  const thresholds: number[] = [];
  const cut = (i: number): void => {
    thresholds.push(between(values[i] as number, values[i + 1] as number));
  };
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  let filled = 0;
  if (values.length <= mostBins) {
    for (let i = 0; i + 1 < values.length; i++) {
      filled += counts[i] as number;
      if (filled < leastInBin) continue;
      cut(i);
      filled = 0;
    }
    return Float32Array.from(thresholds);
  }
  const least = total / mostBins;
  let left = mostBins;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] as number;
    if (count < least) continue;
    left--;
    total -= count;
  }
  let size = total / Math.max(1, left);
  for (let i = 0; i + 1 < values.length && thresholds.length < mostBins - 1; i++) {
    const count = counts[i] as number;
    const isLarge = count >= least;
    filled += count;
    if (!isLarge) total -= count;
    const isFull = isLarge || filled >= size || ((counts[i + 1] as number) >= least && filled >= Math.max(1, size / 2));
    if (!isFull) continue;
    cut(i);
    filled = 0;
    if (!isLarge) {
      left--;
      size = total / Math.max(1, left);
    }
  }
  return Float32Array.from(thresholds);
}

/** Every n-th value of a column, so that at most so many are looked at. */
function sample(x: DenseMatrix, column: number): Float32Array {
  const stride = Math.max(1, Math.ceil(x.rows / MOST_SAMPLED));
  const taken = new Float32Array(Math.ceil(x.rows / stride));
  for (let i = 0; i < taken.length; i++) taken[i] = x.values[i * stride * x.columns + column] as number;
  return taken;
}

/** Values that are sorted by comparing. */
const FEW = 4096;

/** Sorts values in place, missing ones last: many by three digits of 11 bits each. */
export function sortFloats(values: Float32Array): Float32Array {
  if (values.length < FEW) return values.sort();
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  // Bits in the order of the numbers: of negative ones all are turned round, of others the sign.
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i] as number;
    const isMissing = (b & 0x7fffffff) > 0x7f800000;
    bits[i] = isMissing ? 0xffffffff : b >= 0x80000000 ? ~b : b | 0x80000000;
  }
  let [from, to]: [Uint32Array, Uint32Array] = [bits, new Uint32Array(bits.length)];
  const offsets = new Uint32Array(2048);
  for (let shift = 0; shift < 33; shift += 11) {
    offsets.fill(0);
    for (let i = 0; i < from.length; i++) {
      const digit = ((from[i] as number) >>> shift) & 2047;
      offsets[digit] = (offsets[digit] as number) + 1;
    }
    for (let digit = 0, before = 0; digit < offsets.length; digit++) {
      const count = offsets[digit] as number;
      offsets[digit] = before;
      before += count;
    }
    for (let i = 0; i < from.length; i++) {
      const b = from[i] as number;
      const digit = (b >>> shift) & 2047;
      const place = offsets[digit] as number;
      to[place] = b;
      offsets[digit] = place + 1;
    }
    [from, to] = [to, from];
  }
  for (let i = 0; i < from.length; i++) {
    const b = from[i] as number;
    bits[i] = b === 0xffffffff ? 0x7fc00000 : b >= 0x80000000 ? b & 0x7fffffff : ~b;
  }
  return values;
}

function binColumn(
  x: DenseMatrix,
  column: number,
  isCategorical: boolean,
  { maxBins = 255, leastInBin }: Pick<BinOptions, "maxBins" | "leastInBin">,
): BinColumn {
  const sorted = sortFloats(sample(x, column));
  const { values, counts } = distinct(sorted);
  const hasMissing = Number.isNaN(sorted.at(-1) ?? 0);
  if (isCategorical) {
    const order = Array.from(values, (_, i) => i).sort((a, b) => (counts[b] as number) - (counts[a] as number));
    const categories = Float32Array.from(order.slice(0, maxBins - 1), (i) => values[i] as number);
    // What is rarer, or was never seen, shares the last bin.
    return { thresholds: new Float32Array(), categories, count: categories.length + 1, hasMissing: true };
  }
  const thresholds = findThresholds(values, counts, hasMissing ? maxBins - 1 : maxBins, leastInBin);
  return { thresholds, categories: undefined, count: thresholds.length + 1 + (hasMissing ? 1 : 0), hasMissing };
}

/** Equal parts of the range of thresholds, so that a value's bin is looked for among few. */
const CELLS = 1024;

/** Gives the bin of a value: the first threshold that is not below it. */
function binFinder(thresholds: Float32Array): (value: number) => number {
  const [low = 0, high = 0] = [thresholds[0], thresholds.at(-1)];
  const scale = CELLS / (high - low);
  /** Thresholds below each cell, by the very arithmetic that puts a value into one. */
  const first = new Uint16Array(CELLS + 2);
  const cellOf = (value: number): number => Math.max(0, Math.min(CELLS, Math.floor((value - low) * scale))) || 0;
  for (const threshold of thresholds) {
    const after = cellOf(threshold) + 1;
    first[after] = (first[after] as number) + 1;
  }
  for (let cell = 0; cell <= CELLS; cell++) first[cell + 1] = (first[cell + 1] as number) + (first[cell] as number);
  return (value) => {
    const cell = cellOf(value);
    let [from, to] = [first[cell] as number, first[cell + 1] as number];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (value <= (thresholds[middle] as number)) to = middle;
      else from = middle + 1;
    }
    return from;
  };
}

/** Finds the bins of each column. */
export function findBins(x: DenseMatrix, options: BinOptions = {}): readonly BinColumn[] {
  return Array.from({ length: x.columns }, (_, j) => binColumn(x, j, options.categorical?.has(j) === true, options));
}

/** Rows in bins that are known, those of `findBins`, into memory that may be given. A missing value in a column that had none lies in the last bin. */
export function applyBins(
  x: DenseMatrix,
  columns: readonly BinColumn[],
  bins: Uint8Array = new Uint8Array(x.rows * columns.length),
): BinnedMatrix {
  const { rows } = x;
  for (const [j, { thresholds, categories, count }] of columns.entries()) {
    const binOfCategory = categories && new Map([...categories].map((category, b) => [category, b]));
    const own = bins.subarray(j * rows, (j + 1) * rows);
    const binOf = binFinder(thresholds);
    for (let i = 0; i < rows; i++) {
      const value = x.values[i * x.columns + j] as number;
      if (binOfCategory !== undefined) own[i] = binOfCategory.get(value) ?? count - 1;
      else own[i] = Number.isNaN(value) ? count - 1 : binOf(value);
    }
  }
  const offsets = new Uint32Array(columns.length + 1);
  for (const [j, { count }] of columns.entries()) offsets[j + 1] = (offsets[j] as number) + count;
  return { rows, columns, bins, offsets };
}
