/**
 * @module The attention cache of a prompt that is read in pieces, between other work: what was read before lies in memory with room for more.
 */
import type { Tensor } from "../graph/index.js";
import type { AttentionOptions } from "../nn/index.js";
import { attentionMixture, attentionScores, causalMask, penalty } from "../nn/index.js";
import { concat } from "../ops/index.js";
import type { AttentionCache, CacheShape } from "./attention-cache.js";
import { CachedLayers, roomPenalty } from "./attention-cache.js";

/**
 * A past with room for more, of which the first `cache.length` positions are filled (none at first), before any number of new tokens: what is kept are the
 * new tokens' keys and values alone.
 */
export class ChunkCache implements AttentionCache {
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
    const scores = concat([old, own.add(penalty(causalMask(steps, steps), own.dtype))], -1);
    return attentionMixture(scores.softmax(-1), concat([before.value, value], 2)); // [N, h, T, d]
  }

  get outputs(): Record<string, Tensor> {
    return this.#layers.outputs;
  }
}
