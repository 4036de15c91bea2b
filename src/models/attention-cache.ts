/**
 * @module What a decoder's attention keeps of earlier tokens: the keys and values of each layer, as inputs and outputs of a graph that
 * generates. A decoder without one attends within its own input alone.
 */
import type { Dim, DType, Tensor } from "../graph/index.js";
import { input } from "../graph/index.js";
import type { AttentionOptions } from "../nn/index.js";
import { scaledDotProductAttention } from "../nn/index.js";
import { concat } from "../ops/index.js";

/** Keys and values of one layer: [N, g, P, d] each. */
export interface KeyValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** The inputs of one decoder that hold the past. */
export interface CacheShape {
  readonly layers: number;
  /** Heads of keys and values. */
  readonly groups: number;
  readonly headSize: number;
  readonly batch: Dim;
  /** Tokens before. */
  readonly past: Dim;
  readonly dtype?: DType;
}

/** How one trace attends: each layer, in order, gives its queries, keys and values, and gets their mixture. */
export interface AttentionCache {
  /** q [N, h, T, d], k and v [N, g, T, d] → [N, h, T, d]. */
  attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor;
}

/** The names of the inputs that hold a layer's past, and of the outputs that hold it for the next call. */
export const cacheNames = (layer: number): { past: [string, string]; present: [string, string] } => ({
  past: [`past.${layer}.key`, `past.${layer}.value`],
  present: [`present.${layer}.key`, `present.${layer}.value`],
});

/** A cache of free length, in standard ops: what was before and what comes now, one after another. */
export class GrowingCache implements AttentionCache {
  readonly past: readonly KeyValues[];
  readonly #present: KeyValues[] = [];

  constructor({ layers, groups, headSize, batch, past, dtype = "float32" }: CacheShape) {
    const shape = [batch, groups, past, headSize];
    this.past = Array.from({ length: layers }, (_, layer) => {
      const [key, value] = cacheNames(layer).past;
      return { key: input(key, shape, dtype), value: input(value, shape, dtype) };
    });
  }

  attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
    const before = this.past[this.#present.length] as KeyValues;
    const present = { key: concat([before.key, k], 2), value: concat([before.value, v], 2) };
    this.#present.push(present);
    return scaledDotProductAttention(q, present.key, present.value, options);
  }

  /** After the trace: what the next call takes as its past, by output name. */
  get outputs(): Record<string, Tensor> {
    return Object.fromEntries(
      this.#present.flatMap(({ key, value }, layer) => {
        const [keyName, valueName] = cacheNames(layer).present;
        return [
          [keyName, key],
          [valueName, value],
        ];
      }),
    );
  }
}

/** Attention within the input alone, or with what a cache holds. */
export const attend = (cache: AttentionCache | undefined, q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor =>
  cache === undefined ? scaledDotProductAttention(q, k, v, options) : cache.attend(q, k, v, options);
