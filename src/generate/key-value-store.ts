/**
 * @module The values behind a `PreallocatedCache` or an `InPlaceCache`: keys and values of all layers and texts, in memory with room to grow.
 */
import type { TensorData } from "../graph/index.js";
import type { DecoderShape } from "../models/index.js";
import { cacheNames } from "../models/index.js";
import { own, setOwn } from "../util/record.js";

/** Room grows by this many tokens: a step reads all of it, so it should not be much more than is filled. */
const ROOM = 64;

const roomFor = (length: number): number => Math.ceil(Math.max(1, length) / ROOM) * ROOM;

/** Names of the keys' and the values' array of each layer, as a step's inputs and outputs have them. */
export const arrayNames = (layers: number, side?: DecoderShape["side"]): { readonly past: string; readonly present: string }[] =>
  Array.from({ length: layers }, (_, layer) => cacheNames(layer, side)).flatMap(({ past, present }) =>
    [0, 1].map((i) => ({ past: past[i] as string, present: present[i] as string })),
  );

/** Keys and values of N texts: arrays [N, g, C, d], of which each text has filled its first positions. */
export class KeyValueStore {
  /** Filled positions of each text. */
  lengths: Int32Array;
  readonly #names: ReturnType<typeof arrayNames>;
  readonly #groups: number;
  readonly #size: number;
  readonly #arrays = new Map<string, Float32Array<ArrayBuffer>>();
  #capacity: number;

  constructor({ layers, groups, headSize, side }: DecoderShape, texts: number) {
    this.#names = arrayNames(layers, side);
    this.#groups = groups;
    this.#size = headSize;
    this.lengths = new Int32Array(texts);
    this.#capacity = ROOM;
    for (const { past } of this.#names) this.#arrays.set(past, new Float32Array(texts * groups * ROOM * headSize));
  }

  /** The inputs of the next step. */
  feeds(): Record<string, TensorData> {
    const shape = [this.lengths.length, this.#groups, this.#capacity, this.#size];
    const feeds: Record<string, TensorData> = {
      "cache.length": { dtype: "int32", shape: [this.lengths.length], data: this.lengths },
    };
    for (const [name, data] of this.#arrays) setOwn(feeds, name, { dtype: "float32", shape, data });
    return feeds;
  }

  /** Writes new keys and values, [N, g, T, d] in each output, behind the others; text n gets its first `counts[n]` of them. */
  append(outputs: Readonly<Record<string, TensorData>>, counts: ArrayLike<number>): void {
    this.reserve(Math.max(...Array.from(counts)));
    for (const { past, present } of this.#names) {
      const { shape, data } = own(outputs, present) as TensorData;
      const steps = shape[2] as number;
      const to = this.#arrays.get(past) as Float32Array;
      for (let row = 0; row < this.lengths.length * this.#groups; row++) {
        const n = Math.floor(row / this.#groups);
        const first = row * steps * this.#size;
        const at = (row * this.#capacity + (this.lengths[n] as number)) * this.#size;
        // A token has few values in each of many rows: views of them would take longer than their copies.
        for (let i = 0; i < (counts[n] as number) * this.#size; i++) to[at + i] = (data as Float32Array)[first + i] as number;
      }
    }
    this.advance(counts);
  }

  /** Text n has `counts[n]` more, which a step wrote into the arrays that it was fed. */
  advance(counts: ArrayLike<number>): void {
    this.lengths = this.lengths.map((length, n) => length + (counts[n] as number));
  }

  /** Makes room for this many more of the longest text. */
  reserve(count: number): void {
    const longest = Math.max(...this.lengths) + count;
    if (longest > this.#capacity) this.#rebuild(Array.from(this.lengths.keys()), roomFor(longest));
  }

  /** Text `from[i]` continues as text i; there may be more or fewer than before. */
  reorder(from: readonly number[]): void {
    if (from.length === this.lengths.length && from.every((n, i) => n === i)) return;
    // What is copied within the same memory must not come from a row that is written to.
    const isInPlace = from.length === this.lengths.length && from.every((n) => from[n] === n);
    if (isInPlace) this.#copyRows(from);
    else this.#rebuild(from, this.#capacity);
    this.lengths = Int32Array.from(from, (n) => this.lengths[n] as number);
  }

  #copyRows(from: readonly number[]): void {
    const [groups, stride] = [this.#groups, this.#capacity * this.#size];
    for (const data of this.#arrays.values()) {
      for (const [i, n] of from.entries()) {
        if (n === i) continue;
        const filled = (this.lengths[n] as number) * this.#size;
        for (let g = 0; g < groups; g++) {
          const start = (n * groups + g) * stride;
          data.copyWithin((i * groups + g) * stride, start, start + filled);
        }
      }
    }
  }

  #rebuild(from: readonly number[], capacity: number): void {
    const [old, size, groups] = [this.#capacity, this.#size, this.#groups];
    for (const [name, data] of this.#arrays) {
      const made = new Float32Array(from.length * groups * capacity * size);
      from.forEach((n, i) => {
        const filled = (this.lengths[n] as number) * size;
        for (let g = 0; g < groups; g++) {
          const start = (n * groups + g) * old * size;
          made.set(data.subarray(start, start + filled), (i * groups + g) * capacity * size);
        }
      });
      this.#arrays.set(name, made);
    }
    this.#capacity = capacity;
  }
}
