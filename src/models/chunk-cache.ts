/**
 * @module The attention cache of a prompt that is read in pieces, between other work: what was read before lies in memory with room for more.
 */
import type { Tensor } from "../graph/index.js";
import { input } from "../graph/index.js";
import type { AttentionOptions } from "../nn/index.js";
import { attentionMixture, attentionScores, causalMask, penalty } from "../nn/index.js";
import { arange, concat } from "../ops/index.js";
import { setOwn } from "../util/record.js";
import type { AttentionCache, CacheShape } from "./attention-cache.js";
import { cacheNames, pastInputs } from "./attention-cache.js";

/**
 * A past with room for more, of which the first `cache.length` positions are filled (none at first), before any number of new tokens: what is kept are the
 * new tokens' keys and values alone.
 */
export class ChunkCache implements AttentionCache {
  readonly outputs: Record<string, Tensor> = {};
  readonly #past: ReturnType<typeof pastInputs>;
  readonly #room: Tensor;
  #layer = 0;

  constructor(shape: CacheShape) {
    this.#past = pastInputs(shape);
    const lengths = input("cache.length", [shape.batch], "int32");
    const filled = arange(shape.past)
      .cast("int32")
      .less(lengths.reshape([shape.batch, 1, 1, 1]));
    this.#room = penalty(filled, shape.dtype ?? "float32"); // [N, 1, 1, C]
  }

  attend(q: Tensor, key: Tensor, value: Tensor, options: AttentionOptions): Tensor {
    const layer = this.#layer++;
    const before = this.#past[layer];
    if (before === undefined) throw new RangeError(`chunk cache: expected ${this.#past.length} layers, got more`);
    const [keyName, valueName] = cacheNames(layer).present;
    setOwn(this.outputs, keyName, key);
    setOwn(this.outputs, valueName, value);
    const steps = q.shape[2] as number;
    const old = attentionScores(q, before.key, options).add(this.#room); // [N, h, T, C]
    const own = attentionScores(q, key, options); // [N, h, T, T]
    const scores = concat([old, own.add(penalty(causalMask(steps, steps), own.dtype))], -1);
    return attentionMixture(scores.softmax(-1), concat([before.value, value], 2)); // [N, h, T, d]
  }
}
