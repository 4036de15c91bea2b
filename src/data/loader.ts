/**
 * @module Batches in order: shuffled by (seed, epoch), weighted where classes are rare, and resumable at any batch. Who makes
 * a batch out of row numbers is a `BatchFetcher`: this thread, or a worker (`loader-worker-node.ts`).
 */
import { exampleAt } from "./column.js";
import type { Batch, Dataset, DatasetStream } from "./dataset.js";
import { concatenate, isStream } from "./dataset.js";
import { bucketOrder } from "./ragged.js";
import { groupRows } from "./split.js";
import { ConfigError, DataError } from "../util/errors.js";
import { Random } from "../util/random.js";

/** The rows of a batch, and the keys of everything random in it: (seed, epoch, row), never the thread. */
export interface BatchRequest {
  readonly indices: Uint32Array;
  readonly seed: number;
  readonly epoch: number;
  /** Examples given in this epoch before this batch. */
  readonly offset: number;
}

/** Makes a batch of rows: texts to padded ids, images decoded and augmented, or just the columns. */
export type Collate = (dataset: Dataset, request: BatchRequest) => Batch;

/** Makes batches. Requests are answered in any order; the loader keeps several under way. */
export interface BatchFetcher {
  fetch(request: BatchRequest): Batch | Promise<Batch>;
}

/** The position of an iteration; goes into a checkpoint. */
export interface LoaderPosition {
  readonly epoch: number;
  /** Examples already given in this epoch. */
  readonly offset: number;
}

/** Options of batches: their size, order, weights and balance of examples, lengths that go together. */
export interface LoaderOptions {
  readonly batchSize: number;
  readonly shuffle?: boolean;
  readonly seed?: number;
  /** Leave out a last batch that is not full: a training step is compiled for one size. */
  readonly dropLast?: boolean;
  /** Draw rows with replacement, by these weights (one per row, ≥ 0, in any unit). */
  readonly weights?: ArrayLike<number>;
  /** Draw rows with replacement so that each value of this column comes equally often. */
  readonly balance?: string;
  /** Draws per epoch where rows are drawn by weight; as many as there are rows if left out. */
  readonly examplesPerEpoch?: number;
  /**
   * The length of each row, and the widths that batches may have (ascending): rows of about one length then share a batch. All
   * batches but the last are full.
   */
  readonly buckets?: { readonly lengths: ArrayLike<number>; readonly bounds: readonly number[] };
  /** Makes a batch from rows; the number columns as they are if left out. */
  readonly collate?: Collate;
  /** Makes batches elsewhere, in place of `collate`. */
  readonly fetcher?: BatchFetcher;
  /** Batches kept under way ahead of the consumer. Has an effect where a fetcher or a stream is asynchronous. */
  readonly prefetch?: number;
  /**
   * Gathers each batch into the memory of an earlier one, for who is done with a batch when asking for the next: new memory of 400 kB
   * a step took longer than filling it. Batches of a `collate` or a `fetcher` are their maker's.
   */
  readonly reuse?: boolean;
  /** Rows that a shuffled stream holds and mixes at a time. */
  readonly shuffleBuffer?: number;
  /** Gives only a share of each batch: that of one of several processes, whose positions are those of the whole. */
  readonly share?: LoaderShare;
}

/** The share of one process in each batch: as many rows as the others, in the batch's order. */
export interface LoaderShare {
  readonly rank: number;
  readonly size: number;
  /** Batches that the share is given in, of equal size. */
  readonly pieces: number;
}

/** A batch under way. */
interface PendingBatch {
  readonly epoch: number;
  /** Examples before it in its epoch. */
  readonly offset: number;
  readonly rows: number;
  readonly batch: Batch | Promise<Batch>;
}

/** Refuses a share that is not whole rows. ConfigError. */
function checkShare({ size, pieces }: LoaderShare, batchSize: number, isStreamed: boolean): void {
  if (isStreamed) throw new ConfigError("loader: expected a data set in memory to share among processes, got a stream");
  if (batchSize % (size * pieces) !== 0)
    throw new ConfigError(
      `loader: expected a batch size that ${size} processes with ${pieces} pieces each divide, got ${batchSize}; ${nearestMultiples(batchSize, size * pieces)}`,
    );
}

/** Suggests the multiples of a number around another one. */
export function nearestMultiples(value: number, of: number): string {
  const below = value - (value % of);
  return below === 0 ? `${of} would do` : `${below} or ${below + of} would do`;
}

/**
 * Draws indices with the given weights, each in constant time (alias method: Walker 1977, Vose 1991). ConfigError for weights that are negative or all
 * 0.
 */
export function weightedSampler(weights: ArrayLike<number>): (random: Random) => number {
  const n = weights.length;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const w = weights[i] as number;
    if (!(w >= 0 && w < Infinity)) throw new ConfigError(`weights: expected finite numbers ≥ 0, got ${w} for ${exampleAt(i)}`);
    sum += w;
  }
  if (!(sum > 0)) throw new ConfigError(`weights: expected at least one above 0 among ${n}`);
  const keep = Float64Array.from(weights, (w) => (w * n) / sum);
  const alias = Uint32Array.from({ length: n }, (_, i) => i);
  const small: number[] = [];
  const large: number[] = [];
  for (let i = 0; i < n; i++) ((keep[i] as number) < 1 ? small : large).push(i);
  while (small.length > 0 && large.length > 0) {
    const s = small.pop() as number;
    const l = large.at(-1) as number;
    alias[s] = l;
    keep[l] = (keep[l] as number) + (keep[s] as number) - 1;
    if (keep[l] < 1) small.push(large.pop() as number);
  }
  // What is left over differs from 1 by rounding alone, unless its weight is 0.
  for (const i of [...small, ...large]) keep[i] = (weights[i] as number) === 0 ? 0 : 1;
  return (random) => {
    const i = random.integer(n);
    return random.uniform() < (keep[i] as number) ? i : (alias[i] as number);
  };
}

/** The weight of each row that makes all values of a column equally frequent. */
export function balancedWeights(dataset: Dataset, column: string): Float64Array {
  const weights = new Float64Array(dataset.length);
  for (const rows of groupRows(dataset.column(column), dataset.length)) for (const i of rows) weights[i] = 1 / rows.length;
  return weights;
}

/**
 * Batches of a data set, one epoch per `for await`, from `position` on. After the last batch of an epoch the position is
 * (epoch, all); when the loop ends it is (epoch + 1, 0), so that a checkpoint taken inside the loop's body resumes with the
 * batch after it, bit for bit.
 *
 * @example
 * import { DataLoader, Dataset } from "descentjs/data";
 * const data = new Dataset({ x: Float32Array.of(1, 2, 3, 4), label: Int32Array.of(0, 1, 0, 1) });
 * for await (const batch of new DataLoader(data, { batchSize: 2, shuffle: true, seed: 1 })) console.log(batch["x"]?.shape); // [ 2 ]
 */
export class DataLoader implements AsyncIterable<Batch> {
  readonly source: Dataset | DatasetStream;
  readonly batchSize: number;
  readonly seed: number;
  readonly #options: LoaderOptions;
  readonly #sample: ((random: Random) => number) | undefined;
  #epoch = 0;
  #offset = 0;
  #order: { epoch: number; indices: Uint32Array } | undefined;
  /** Batches asked for and not yet given; after the last batch of an epoch, the first ones of the next. */
  readonly #ahead: PendingBatch[] = [];

  constructor(source: Dataset | DatasetStream, options: LoaderOptions) {
    const { batchSize, seed = 0, weights, balance, buckets } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new ConfigError(`loader: expected a batch size of at least 1, got ${batchSize}`);
    if (!isStream(source)) {
      if (source.length === 0) throw new DataError("loader: expected at least one example, got an empty data set");
      if (weights !== undefined && weights.length !== source.length)
        throw new ConfigError(`loader: expected ${source.length} weights, got ${weights.length}`);
      if (buckets !== undefined && (buckets.lengths.length !== source.length || buckets.bounds.length === 0))
        throw new ConfigError(
          `loader: expected ${source.length} lengths and a bound, got ${buckets.lengths.length} and ${buckets.bounds.length}`,
        );
    } else if (buckets !== undefined)
      throw new ConfigError("loader: expected a data set in memory to order by length, got a stream");
    else if (weights !== undefined || balance !== undefined)
      throw new ConfigError("loader: expected a data set in memory to draw by weight from, got a stream");
    if (options.share !== undefined) checkShare(options.share, batchSize, isStream(source));
    this.source = source;
    this.batchSize = batchSize;
    this.seed = seed;
    this.#options = options;
    if (!isStream(source)) {
      const effective = weights ?? (balance === undefined ? undefined : balancedWeights(source, balance));
      this.#sample = effective && weightedSampler(effective);
      if (this.examples === 0)
        throw new ConfigError(
          `loader: expected at least one full batch of ${batchSize}, got ${source.length} examples; use a smaller batch size`,
        );
    }
  }

  /** Examples in an epoch; undefined for a stream of unknown length. */
  get examples(): number | undefined {
    const { dropLast = false, examplesPerEpoch } = this.#options;
    const length = this.#sample === undefined ? this.source.length : (examplesPerEpoch ?? this.source.length);
    return length === undefined || !dropLast ? length : length - (length % this.batchSize);
  }

  /** Batches in an epoch; undefined for a stream of unknown length. */
  get length(): number | undefined {
    return this.examples === undefined ? undefined : Math.ceil(this.examples / this.batchSize);
  }

  get position(): LoaderPosition {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  /** Goes on from a saved position. */
  seek(position: LoaderPosition): void {
    const { epoch, offset } = position;
    if (![epoch, offset].every((x) => Number.isInteger(x) && x >= 0) || offset > (this.examples ?? Infinity))
      throw new ConfigError(`loader: expected a position within ${this.examples} examples, got epoch ${epoch}, offset ${offset}`);
    this.#epoch = epoch;
    this.#offset = offset;
    this.#ahead.length = 0;
  }

  /** Row numbers of an epoch, in the order in which they are given. In-memory data only. */
  order(epoch: number): Uint32Array {
    if (this.#order?.epoch === epoch) return this.#order.indices;
    const count = this.examples ?? 0;
    let indices: Uint32Array;
    if (this.#sample !== undefined) {
      const random = new Random(this.seed, "sample", epoch);
      indices = new Uint32Array(count);
      for (let i = 0; i < count; i++) indices[i] = this.#sample(random);
    } else if (this.#options.shuffle === true) {
      indices = new Random(this.seed, "shuffle", epoch).permutation(this.source.length ?? 0).subarray(0, count);
    } else indices = Uint32Array.from({ length: count }, (_, i) => i);
    const { buckets, shuffle } = this.#options;
    if (buckets !== undefined) {
      const random = shuffle === true || this.#sample !== undefined ? new Random(this.seed, "buckets", epoch) : undefined;
      indices = bucketOrder(indices, buckets.lengths, buckets.bounds, this.batchSize, random);
    }
    this.#order = { epoch, indices };
    return indices;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const epoch = this.#epoch;
    const batches = isStream(this.source) ? this.#fromStream(this.source) : this.#fromMemory(this.source);
    for await (const { batch, rows } of batches) {
      this.#offset += rows;
      yield batch;
    }
    this.#epoch = epoch + 1;
    this.#offset = 0;
  }

  async *#fromMemory(dataset: Dataset): AsyncGenerator<{ batch: Batch; rows: number }> {
    const { fetcher, collate, reuse = false, prefetch = fetcher === undefined ? 0 : 2, share } = this.#options;
    const epoch = this.#epoch;
    const pending = this.#ahead;
    // What was asked for ahead is of use only where this iteration begins.
    if (pending[0]?.epoch !== epoch || pending[0].offset !== this.#offset) pending.length = 0;
    const last = pending.at(-1);
    let next = last === undefined ? { epoch, offset: this.#offset } : { epoch: last.epoch, offset: last.offset + last.rows };
    const order = this.order(epoch);
    const spent: Batch[] = [];
    // The rows of the epoch after this one, once they are needed.
    let following: Uint32Array | undefined;
    const request = (): void => {
      if (next.epoch !== epoch) following ??= this.order(epoch + 1);
      const whole = (following ?? order).subarray(next.offset, next.offset + this.batchSize);
      for (const { indices, start, rows } of piecesOf(whole, share)) {
        const asked: BatchRequest = { indices, seed: this.seed, epoch: next.epoch, offset: next.offset + start };
        const batch = fetcher?.fetch(asked) ?? collate?.(dataset, asked) ?? dataset.gather(indices, spent.pop());
        // A failure is raised when its turn comes; until then it must not count as unhandled.
        if (batch instanceof Promise) batch.catch(() => undefined);
        pending.push({ ...next, batch, rows });
        next = { epoch: next.epoch, offset: next.offset + rows };
      }
      // Only who makes batches elsewhere goes on into the next epoch: the first batches are then there when it begins.
      if (next.offset >= order.length && next.epoch === epoch && fetcher !== undefined) next = { epoch: epoch + 1, offset: 0 };
    };
    for (;;) {
      while (pending.length <= prefetch && next.offset < order.length) request();
      if (pending[0]?.epoch !== epoch) return;
      const first = pending.shift() as PendingBatch;
      const batch = await first.batch;
      yield { batch, rows: first.rows };
      if (reuse && fetcher === undefined && collate === undefined) spent.push(batch);
    }
  }

  async *#fromStream(stream: DatasetStream): AsyncGenerator<{ batch: Batch; rows: number }> {
    const { shuffle = false, shuffleBuffer = 16_384, dropLast = false, collate } = this.#options;
    const epoch = this.#epoch;
    const window = Math.max(this.batchSize, shuffle ? shuffleBuffer : 1);
    let skip = this.#offset;
    let offset = 0;
    let windows = 0;
    let held: Dataset[] = [];
    let heldRows = 0;
    const { batchSize, seed } = this;
    const drain = function* (last: boolean): Generator<{ batch: Batch; rows: number }> {
      if (heldRows === 0) return;
      const rows = concatenate(held);
      const order = shuffle
        ? new Random(seed, "shuffle", epoch, windows).permutation(rows.length)
        : Uint32Array.from({ length: rows.length }, (_, i) => i);
      windows++;
      let start = 0;
      for (; start + (last && !dropLast ? 1 : batchSize) <= rows.length; start += batchSize) {
        const indices = order.subarray(start, start + batchSize);
        if (skip >= indices.length) skip -= indices.length;
        else {
          const batch = collate?.(rows, { indices, seed, epoch, offset }) ?? rows.gather(indices);
          yield { batch, rows: indices.length };
        }
        offset += indices.length;
      }
      held = start < rows.length ? [rows.select(order.subarray(start))] : [];
      heldRows = Math.max(0, rows.length - start);
    };
    for await (const chunk of readAhead(stream, this.#options.prefetch ?? 1)) {
      held.push(chunk);
      heldRows += chunk.length;
      if (heldRows >= window) yield* drain(false);
    }
    yield* drain(true);
    if (offset === 0) throw new DataError("loader: expected at least one full batch, got an empty stream");
  }
}

/**
 * The pieces of a share of a batch, and by how many rows each takes the position on: the last one by the whole batch, so that no
 * position lies inside it.
 */
function piecesOf(
  whole: Uint32Array,
  share: LoaderShare | undefined,
): { readonly indices: Uint32Array; readonly start: number; readonly rows: number }[] {
  if (share === undefined) return [{ indices: whole, start: 0, rows: whole.length }];
  const { rank, size, pieces } = share;
  const length = whole.length / (size * pieces);
  return Array.from({ length: pieces }, (_, i) => {
    const start = (rank * pieces + i) * length;
    return { indices: whole.subarray(start, start + length), start, rows: i === pieces - 1 ? whole.length : 0 };
  });
}

/** The items of a sequence, with up to `depth` of them asked for before they are needed. */
export async function* readAhead<T>(items: AsyncIterable<T>, depth: number): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  const pending: Promise<IteratorResult<T>>[] = [];
  try {
    for (;;) {
      while (pending.length <= depth) {
        const item = iterator.next();
        item.catch(() => undefined);
        pending.push(item);
      }
      const result = await (pending.shift() as Promise<IteratorResult<T>>);
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}
