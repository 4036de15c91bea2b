/**
 * @module Keys and values of the texts that are written together: rows of one array for each layer, so that a step runs on the first of them as they lie.
 * Texts come and go; the last one takes the place of one that leaves.
 */
import type { TensorData } from "../graph/index.js";
import type { DecoderShape } from "../models/index.js";
import { own, setOwn } from "../util/record.js";
import { arrayNames } from "./key-value-store.js";

/** Room grows by this many tokens. */
const ROOM = 64;

/** Keys and values of a beginning, taken out of a row: [g, T, d] of each array. */
export interface KeptRow {
  readonly length: number;
  readonly arrays: readonly Float32Array[];
}

/** Arrays [S, g, C, d]: row r holds `lengths[r]` positions of a text. */
export class Slots {
  readonly lengths: Int32Array;
  readonly #names: ReturnType<typeof arrayNames>;
  readonly #groups: number;
  readonly #size: number;
  readonly #rows: number;
  #arrays: Float32Array<ArrayBuffer>[];
  #capacity = ROOM;
  /** Views of the first rows, and of one row: a step's inputs are the same arrays from step to step. */
  readonly #views = new Map<string, TensorData[]>();

  constructor({ layers, groups, headSize }: DecoderShape, rows: number) {
    this.#names = arrayNames(layers);
    this.#groups = groups;
    this.#size = headSize;
    this.#rows = rows;
    this.lengths = new Int32Array(rows);
    this.#arrays = this.#names.map(() => new Float32Array(rows * this.#stride));
  }

  /** Numbers of one row of one array. */
  get #stride(): number {
    return this.#groups * this.#capacity * this.#size;
  }

  /** Rows `from` to `from + count` as inputs of a graph. */
  feeds(from: number, count: number): Record<string, TensorData> {
    const key = `${from} ${count}`;
    let views = this.#views.get(key);
    if (views === undefined) {
      const [stride, shape] = [this.#stride, [count, this.#groups, this.#capacity, this.#size]];
      views = this.#arrays.map((data) => ({
        dtype: "float32",
        shape,
        data: data.subarray(from * stride, (from + count) * stride),
      }));
      this.#views.set(key, views);
    }
    const feeds: Record<string, TensorData> = {
      "cache.length": { dtype: "int32", shape: [count], data: this.lengths.slice(from, from + count) },
    };
    for (const [i, { past }] of this.#names.entries()) setOwn(feeds, past, views[i] as TensorData);
    return feeds;
  }

  /** Makes room for texts of this length. */
  reserve(length: number): void {
    if (length <= this.#capacity) return;
    const [old, oldStride] = [this.#capacity, this.#stride];
    this.#capacity = Math.ceil(length / ROOM) * ROOM;
    const stride = this.#stride;
    this.#arrays = this.#arrays.map((data) => {
      const made = new Float32Array(this.#rows * stride);
      for (let row = 0; row < this.#rows; row++) {
        const filled = (this.lengths[row] as number) * this.#size;
        for (let g = 0; g < this.#groups; g++) {
          const from = row * oldStride + g * old * this.#size;
          made.set(data.subarray(from, from + filled), row * stride + g * this.#capacity * this.#size);
        }
      }
      return made;
    });
    this.#views.clear();
  }

  /** Writes what a graph gave for rows from `from` on, [n, g, T, d] in each output, behind what is there; text i has `counts[i]` of them. */
  append(outputs: Readonly<Record<string, TensorData>>, from: number, counts: readonly number[]): void {
    this.reserve(Math.max(...counts.map((count, i) => (this.lengths[from + i] as number) + count)));
    const size = this.#size;
    for (const [a, { present }] of this.#names.entries()) {
      const { shape, data } = own(outputs, present) as TensorData;
      const steps = shape[2] as number;
      const to = this.#arrays[a] as Float32Array;
      for (const [i, count] of counts.entries()) {
        for (let g = 0; g < this.#groups; g++) {
          const first = (i * this.#groups + g) * steps * size;
          const at = (((from + i) * this.#groups + g) * this.#capacity + (this.lengths[from + i] as number)) * size;
          for (let k = 0; k < count * size; k++) to[at + k] = (data as Float32Array)[first + k] as number;
        }
      }
    }
    this.advance(from, counts);
  }

  /** Text i of those from `from` on has `counts[i]` more, which a step wrote where it was fed. */
  advance(from: number, counts: readonly number[]): void {
    for (const [i, count] of counts.entries()) this.lengths[from + i] = (this.lengths[from + i] as number) + count;
  }

  /** Row `from` becomes row `to` as well. */
  copy(from: number, to: number): void {
    if (from === to) return;
    const [stride, filled] = [this.#stride, (this.lengths[from] as number) * this.#size];
    for (const data of this.#arrays) {
      for (let g = 0; g < this.#groups; g++) {
        const start = from * stride + g * this.#capacity * this.#size;
        data.copyWithin(to * stride + g * this.#capacity * this.#size, start, start + filled);
      }
    }
    this.lengths[to] = this.lengths[from] as number;
  }

  /** The first `length` positions of a row, taken out. */
  take(row: number, length: number): KeptRow {
    const size = length * this.#size;
    const arrays = this.#arrays.map((data) => {
      const made = new Float32Array(this.#groups * size);
      for (let g = 0; g < this.#groups; g++) {
        const start = row * this.#stride + g * this.#capacity * this.#size;
        made.set(data.subarray(start, start + size), g * size);
      }
      return made;
    });
    return { length, arrays };
  }

  /** Row `row` begins with the first `length` positions that were taken out. */
  put(row: number, kept: KeptRow, length: number): void {
    this.lengths[row] = 0;
    this.reserve(length);
    const size = length * this.#size;
    for (const [a, data] of this.#arrays.entries()) {
      const from = kept.arrays[a] as Float32Array;
      for (let g = 0; g < this.#groups; g++) {
        const start = g * kept.length * this.#size;
        data.set(from.subarray(start, start + size), row * this.#stride + g * this.#capacity * this.#size);
      }
    }
    this.lengths[row] = length;
  }

  /** Row `row` is empty. */
  clear(row: number): void {
    this.lengths[row] = 0;
  }
}
