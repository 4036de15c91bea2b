/**
 * @module The attention cache of a decoder: the keys and values of each layer, as inputs and outputs of a graph that
 * generates. A decoder without one attends within its own input alone.
 */
import type { Dim, DType, Tensor } from "../graph/index.js";
import { input } from "../graph/index.js";
import type { AttentionOptions } from "../nn/index.js";
import { attentionMixture, attentionScores, causalMask, penalty, scaledDotProductAttention } from "../nn/index.js";
import { arange, concat, groupQueryAttention } from "../ops/index.js";

/** Keys and values of one layer: [N, g, P, d] each. */
export interface KeyValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** The keys and values that a decoder with an encoder attends to: those of the text that it generates, or of the source. */
export type CacheSide = "decoder" | "encoder";

/** Sizes of a decoder's cache. */
export interface DecoderShape {
  readonly layers: number;
  /** Heads of keys and values. */
  readonly groups: number;
  readonly headSize: number;
  /** Only of a model with an encoder. */
  readonly side?: CacheSide;
}

/** The inputs of one decoder that hold the past. */
export interface CacheShape extends DecoderShape {
  readonly batch: Dim;
  /** Tokens that the past has, or has room for. */
  readonly past: Dim;
  readonly dtype?: DType;
}

/** The attention of one trace: each layer, in order, passes its queries, keys and values, and gets their mixture. */
export interface AttentionCache {
  /** q [N, h, T, d], k and v [N, g, T, d] → [N, h, T, d]. */
  attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor;
  /** After the trace, by output name: what is to be kept for the next call. */
  readonly outputs: Record<string, Tensor>;
}

/**
 * The names of the inputs that hold a layer's past, and of the outputs that the next past is made of: key and value; as in Hugging Face's
 * Optimum.
 */
export function cacheNames(layer: number, side?: CacheSide): { past: [string, string]; present: [string, string] } {
  const at = side === undefined ? String(layer) : `${layer}.${side}`;
  return {
    past: [`past_key_values.${at}.key`, `past_key_values.${at}.value`],
    present: [`present.${at}.key`, `present.${at}.value`],
  };
}

/** Renames the outputs of one call to the inputs of the next. */
export const pastOf = <T>(present: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(present).map(([name, data]) => [name.replace(/^present\./, "past_key_values."), data]));

/** The inputs that hold keys and values, layer by layer. */
export function pastInputs({ layers, groups, headSize, side, batch, past, dtype = "float32" }: CacheShape): KeyValues[] {
  const shape = [batch, groups, past, headSize];
  return Array.from({ length: layers }, (_, layer) => {
    const [key, value] = cacheNames(layer, side).past;
    return { key: input(key, shape, dtype), value: input(value, shape, dtype) };
  });
}

/** Keys and values of each layer, by output name. */
export const presentOutputs = (present: readonly KeyValues[], side?: CacheSide): Record<string, Tensor> =>
  Object.fromEntries(
    present.flatMap(({ key, value }, layer) => {
      const [keyName, valueName] = cacheNames(layer, side).present;
      return [
        [keyName, key],
        [valueName, value],
      ];
    }),
  );

/** The layers of one trace, in order: the past of each, and what is kept. */
export class CachedLayers {
  readonly past: readonly KeyValues[];
  readonly #side: CacheSide | undefined;
  readonly #kept: KeyValues[] = [];

  constructor(shape: CacheShape) {
    this.past = pastInputs(shape);
    this.#side = shape.side;
  }

  /** The past of the layer that is kept next. */
  get next(): KeyValues {
    return this.past[this.#kept.length] as KeyValues;
  }

  keep(layer: KeyValues): void {
    this.#kept.push(layer);
  }

  get outputs(): Record<string, Tensor> {
    return presentOutputs(this.#kept, this.#side);
  }

  /** By output name, the input that holds the same layer's past. */
  get inputOf(): Record<string, string> {
    return Object.fromEntries(
      this.#kept.flatMap((_, layer) => {
        const { past, present } = cacheNames(layer, this.#side);
        return present.map((name, i) => [name, past[i] as string]);
      }),
    );
  }
}

/** No past: the first tokens of a text. What is kept are their keys and values. */
export class PromptCache implements AttentionCache {
  readonly #present: KeyValues[] = [];

  attend(q: Tensor, key: Tensor, value: Tensor, options: AttentionOptions): Tensor {
    this.#present.push({ key, value });
    return scaledDotProductAttention(q, key, value, options);
  }

  get outputs(): Record<string, Tensor> {
    return presentOutputs(this.#present);
  }
}

/**
 * A past of free length in one piece: what is kept is the past and the new tokens, one after another. For files that others run, and for devices
 * where it stays.
 */
export class GrowingCache implements AttentionCache {
  readonly #layers: CachedLayers;

  constructor(shape: CacheShape) {
    this.#layers = new CachedLayers(shape);
  }

  get past(): readonly KeyValues[] {
    return this.#layers.past;
  }

  attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
    const before = this.#layers.next;
    const present = { key: concat([before.key, k], 2), value: concat([before.value, v], 2) };
    this.#layers.keep(present);
    return scaledDotProductAttention(q, present.key, present.value, options);
  }

  get outputs(): Record<string, Tensor> {
    return this.#layers.outputs;
  }
}

/** int32 [N]: filled positions of each text. */
const filledLengths = ({ batch }: CacheShape): Tensor => input("cache.length", [batch], "int32");

/** The term added to scores [N, h, T, C] of a past of which the first `cache.length` positions are filled: [N, 1, 1, C]. */
export function roomPenalty(shape: CacheShape): Tensor {
  const lengths = filledLengths(shape).reshape([shape.batch, 1, 1, 1]);
  return penalty(arange(shape.past).cast("int32").less(lengths), shape.dtype ?? "float32");
}

/**
 * A past with room for more, of which the first `cache.length` positions are filled: what is kept are the new tokens' keys and values alone,
 * and their owner writes them behind the others. Nothing of the past is copied.
 */
export class PreallocatedCache implements AttentionCache {
  readonly #layers: CachedLayers;
  readonly #room: Tensor;

  constructor(shape: CacheShape) {
    this.#layers = new CachedLayers(shape);
    this.#room = roomPenalty(shape);
  }

  attend(q: Tensor, key: Tensor, value: Tensor, options: AttentionOptions): Tensor {
    const before = this.#layers.next;
    this.#layers.keep({ key, value });
    const steps = q.shape[2] as number;
    const old = attentionScores(q, before.key, options).add(this.#room); // [N, h, T, C]
    const own = attentionScores(q, key, options); // [N, h, T, T]
    // The new ones come first, since their number is known.
    const scores = concat([steps === 1 ? own : own.add(penalty(causalMask(steps, steps), own.dtype)), old], -1);
    const weights = scores.softmax(-1);
    const mixed = attentionMixture(weights.slice(3, 0, steps), value);
    return mixed.add(attentionMixture(weights.slice(3, steps), before.value)); // [N, h, T, d]
  }

  get outputs(): Record<string, Tensor> {
    return this.#layers.outputs;
  }
}

/**
 * A past with room for one more token at least, as `PreallocatedCache`'s: what is kept is the past with the new token's keys and values, which the kernel
 * writes where they belong if a run has the same memory for both. One token at a time.
 */
export class InPlaceCache implements AttentionCache {
  readonly #layers: CachedLayers;
  /** int32 [N]: filled positions of each text. */
  readonly #lengths: Tensor;
  readonly #total: Tensor;

  constructor(shape: CacheShape) {
    this.#layers = new CachedLayers(shape);
    this.#lengths = filledLengths(shape);
    this.#total = this.#lengths.reduceMax().add(1);
  }

  attend(q: Tensor, k: Tensor, v: Tensor, { scale }: AttentionOptions): Tensor {
    const { key: pastKey, value: pastValue } = this.#layers.next;
    const [n, heads, , size] = q.shape as [Dim, number, number, number];
    const groups = k.shape[1] as number;
    // One token's heads lie side by side already.
    const [query, key, value] = [q, k, v].map((x) => x.reshape([n, 1, (x.shape[1] as number) * size])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const [mixed, ...present] = groupQueryAttention(
      { query, key, value, pastKey, pastValue, lengths: this.#lengths, total: this.#total },
      { heads, groups, scale: scale ?? 1 / Math.sqrt(size) },
    ) as [Tensor, Tensor, Tensor];
    this.#layers.keep({ key: present[0], value: present[1] });
    return mixed.reshape([n, heads, 1, size]);
  }

  get outputs(): Record<string, Tensor> {
    return this.#layers.outputs;
  }

  /** By output name, the input whose memory it takes. */
  get inPlace(): Record<string, string> {
    return this.#layers.inputOf;
  }
}

/** Attention within the input alone, or with what a cache holds. q [N, h, T, D], k and v [N, g, S, D] → [N, h, T, D]. */
export const attend = (cache: AttentionCache | undefined, q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor =>
  cache === undefined ? scaledDotProductAttention(q, k, v, options) : cache.attend(q, k, v, options);
