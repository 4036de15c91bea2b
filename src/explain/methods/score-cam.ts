/**
 * @module Score-CAM: a layer's channels, weighted by the score of the image seen through each.
 */
import type { TensorData } from "../../graph/index.js";
import { DTYPES, toNumbers } from "../../graph/index.js";
import { takeRows } from "../batch.js";
import { enlargeMap } from "../enlarge.js";
import type { SamplingMethod } from "../method.js";
import { planesOf } from "../parts.js";

/** Masked copies whose inputs are made at once. */
const AT_ONCE = 32;

/**
 * relu(Σ_c w_c · A_c), w = softmax over channels of f(x ⊙ m_c), where m_c is A_c enlarged to the image and scaled to 0…1.
 *
 * Shapes: x [1, C, H, W] → [1, 1, H, W].
 * Cost:   one answer a channel of the layer.
 * Source: Wang et al., Score-CAM: score-weighted visual explanations for convolutional neural networks, 2019, algorithm 1, arXiv:1910.01279.
 * Differs from the source: what a mask hides becomes the baseline, which is zero unless said otherwise.
 * Checked against: pytorch-grad-cam 1.5, ScoreCAM, at a layer of the image's size.
 */
export const scoreCam: SamplingMethod = {
  name: "score-cam",
  kind: "sampling",
  asserts: "The layer's channels that show what the score needs are active where the map is bright.",
  misleads: "The map is as coarse as the layer; masked images may look like nothing that the model has learned.",
  source: "Wang et al. 2019, arXiv:1910.01279",
  needs: ["gradients", "image", "layer", "baseline"],
  defaults: { signed: false },
  run: async ({ x, at, baselines, model, settings, layer, score, progress, signal }) => {
    const found = await layer(x, at);
    const [, channels = 1, high = 1, wide = 1] = found.shape;
    const { rows, columns, pixelOf } = planesOf(model.features, x.shape.slice(1));
    const values = toNumbers(found);
    const [own, absent] = [toNumbers(x), toNumbers(takeRows(baselines, 0, 1))];
    const scores = new Float64Array(channels);
    for (let from = 0; from < channels; from += AT_ONCE) {
      signal?.throwIfAborted();
      const count = Math.min(AT_ONCE, channels - from);
      const data = DTYPES[x.dtype].create(count * own.length) as Float32Array;
      for (let i = 0; i < count; i++) {
        const start = (from + i) * high * wide;
        const mask = unitRange(enlargeMap(values.subarray(start, start + high * wide), high, wide, rows, columns));
        for (let e = 0; e < own.length; e++) {
          const m = mask[pixelOf(e)] as number;
          data[i * own.length + e] = m * (own[e] as number) + (1 - m) * (absent[e] as number);
        }
      }
      const masked: TensorData = { dtype: x.dtype, shape: [count, ...x.shape.slice(1)], data };
      scores.set(await score(masked), from);
      progress((from + count) / channels);
    }
    const most = Math.max(...scores);
    const exps = scores.map((s) => Math.exp(s - most));
    const total = exps.reduce((a, b) => a + b, 0);
    const map = new Float64Array(high * wide);
    values.forEach((v, e) => {
      const p = e % map.length;
      map[p] = (map[p] as number) + (v * (exps[Math.floor(e / map.length)] as number)) / total;
    });
    const signed = settings.signed ? map : map.map((v) => Math.max(v, 0));
    const large = Float32Array.from(enlargeMap(signed, high, wide, rows, columns));
    return { values: { dtype: "float32", shape: [1, 1, rows, columns], data: large }, figures: { channels } };
  },
};

function unitRange(map: Float64Array): Float64Array {
  let [low, high] = [Infinity, -Infinity];
  for (const v of map) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return high > low ? map.map((v) => (v - low) / (high - low)) : map.map(() => 0);
}
