/**
 * @module Examples of different lengths: kept as rows of one width with their lengths, ordered so that those of about one length
 * share a batch, and cut to the smallest of a few widths when a batch is made (here, or in a loader's thread).
 */
import type { TensorColumn } from "./column.js";
import type { Batch, Dataset } from "./dataset.js";
import type { BatchRequest } from "./loader.js";
import type { WorkerCollate } from "./loader-worker-node.js";
import { DTYPES, sizeOf } from "../graph/index.js";
import type { TensorData } from "../graph/index.js";
import { ConfigError, DataError } from "../util/errors.js";
import type { Random } from "../util/random.js";
import { setOwn } from "../util/record.js";

/**
 * Rows of whole numbers, each of its own length, as int32 [N, T] with T the longest; the rest of a row is 0. Rows with `inner` numbers for each element
 * (one after the other) are [N, T, inner].
 */
export function raggedColumn(rows: readonly ArrayLike<number>[], inner?: number): TensorColumn {
  const width = rows.reduce((longest, row) => Math.max(longest, row.length), inner ?? 1);
  const data = new Int32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(row, i * width);
  return { dtype: "int32", shape: inner === undefined ? [rows.length, width] : [rows.length, width / inner, inner], data };
}

/** The index of the smallest bound that holds `length`; the last one if none does. */
function bucketOf(length: number, bounds: readonly number[]): number {
  const found = bounds.findIndex((bound) => bound >= length);
  return found < 0 ? bounds.length - 1 : found;
}

/**
 * An epoch's rows reordered so that each batch holds rows of one bucket of lengths. All batches but the last are full: what is
 * left of a bucket joins the next larger one. With `random`, batches come in random order; a short one stays the last.
 *
 * The order depends on its arguments alone, so a position in it can be resumed.
 */
export function bucketOrder(
  order: Uint32Array,
  lengths: ArrayLike<number>,
  bounds: readonly number[],
  batchSize: number,
  random?: Random,
): Uint32Array {
  const groups: number[][] = bounds.map(() => []);
  for (const row of order) groups[bucketOf(lengths[row] as number, bounds)]?.push(row);
  const sorted = Uint32Array.from(groups.flat());
  if (random === undefined) return sorted;
  const full = Math.floor(sorted.length / batchSize);
  const mixed = new Uint32Array(sorted.length);
  for (const [to, from] of random.permutation(full).entries())
    mixed.set(sorted.subarray(from * batchSize, (from + 1) * batchSize), to * batchSize);
  mixed.set(sorted.subarray(full * batchSize), full * batchSize);
  return mixed;
}

/** Bounds for lengths: at most `count`, such that about as many rows fall below each; the last holds the longest. */
export function bucketBounds(lengths: ArrayLike<number>, count: number, multipleOf = 8): number[] {
  const sorted = Float64Array.from(lengths).sort();
  const bounds = new Set<number>();
  for (let i = 1; i <= count; i++) {
    const length = sorted[Math.max(0, Math.ceil((i * sorted.length) / count) - 1)] ?? 1;
    bounds.add(Math.max(multipleOf, Math.ceil(length / multipleOf) * multipleOf));
  }
  return [...bounds];
}

/** The data of a ragged batch. Plain data, so that it can be sent to a loader's thread. */
export interface RaggedOptions {
  /** Column of each row's length. */
  readonly length: string;
  /** Widths that a batch may have, ascending. */
  readonly bounds: readonly number[];
  /** Each output from a column [N, T, ..], cut to the batch's width; `pad` stands behind a row's end. */
  readonly columns: Readonly<
    Record<string, { readonly from: string; readonly dtype: "int64" | "int32" | "float32"; readonly pad: number }>
  >;
  /** Name of an int64 output that is 1 where a row has a value and 0 behind its end. */
  readonly mask?: string;
  /** Columns that are given as they are: labels of whole rows. */
  readonly keep?: readonly string[];
}

/** Whole numbers as int64 by their two words: no BigInt is made. */
const asWords = (data: BigInt64Array): Int32Array => new Int32Array(data.buffer);

/**
 * A batch of rows cut to the smallest of the widths that holds them.
 *
 * Shapes: each output [n, T, ..] with T one of `bounds`.
 * Errors: DataError if a row is longer than the widest.
 */
export function raggedBatch(dataset: Dataset, request: BatchRequest, options: RaggedOptions): Batch {
  const { indices } = request;
  const lengths = dataset.tensor(options.length).data;
  let longest = 1;
  for (const i of indices) longest = Math.max(longest, Number(lengths[i]));
  const width = options.bounds.find((bound) => bound >= longest);
  if (width === undefined) throw new DataError(`batch: expected rows of at most ${options.bounds.at(-1)}, got one of ${longest}`);
  const batch: Record<string, TensorData> =
    options.keep === undefined ? {} : { ...dataset.pick(...options.keep).gather(indices) };
  const shape = [indices.length, width];
  for (const [name, { from, dtype, pad }] of Object.entries(options.columns)) {
    const column = dataset.tensor(from);
    const source = column.data as Int32Array;
    const [, longestRow = 1, ...rest] = column.shape;
    const inner = sizeOf(rest);
    const [stride, wide] = [longestRow * inner, width * inner];
    const data = DTYPES[dtype].create(indices.length * wide);
    const [into, step] = data instanceof BigInt64Array ? [asWords(data), 2] : [data as Int32Array, 1];
    for (const [n, i] of indices.entries()) {
      const length = Number(lengths[i]) * inner;
      for (let t = 0; t < wide; t++) {
        const value = t < length ? (source[i * stride + t] as number) : pad;
        const at = step * (n * wide + t);
        into[at] = value;
        // The high word carries the sign.
        if (step === 2 && value < 0) into[at + 1] = -1;
      }
    }
    setOwn(batch, name, { dtype, shape: [...shape, ...rest], data });
  }
  if (options.mask !== undefined) {
    const data = new BigInt64Array(indices.length * width);
    const words = asWords(data);
    for (const [n, i] of indices.entries()) for (let t = 0; t < Number(lengths[i]); t++) words[2 * (n * width + t)] = 1;
    setOwn(batch, options.mask, { dtype: "int64", shape, data });
  }
  return batch;
}

/** `raggedBatch` for a loader's thread. ConfigError if the widths are not ascending. */
export function raggedCollate(options: RaggedOptions): WorkerCollate {
  if (options.bounds.length === 0 || options.bounds.some((bound, i) => bound <= (options.bounds[i - 1] ?? 0)))
    throw new ConfigError(`batch: expected ascending widths, got ${options.bounds.join(", ")}`);
  return { module: import.meta.url, name: "raggedBatch", options };
}
