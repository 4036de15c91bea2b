/**
 * @module RISE: the mean of random masks, weighted by the score that the masked image gets.
 */
import type { TensorData } from "../../graph/index.js";
import { DTYPES, toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { Random } from "../../util/random.js";
import { takeRows } from "../batch.js";
import type { SamplingMethod } from "../method.js";
import { planesOf } from "../parts.js";

/** Masked copies whose inputs are made at once. */
const AT_ONCE = 32;

/** A mask [rows · columns] in 0…1: a coarse random grid, enlarged smoothly and shifted by less than a cell. */
export function riseMask(rows: number, columns: number, cells: number, probability: number, random: Random): Float64Array {
  const grid = Float64Array.from({ length: (cells + 1) ** 2 }, () => (random.uniform() < probability ? 1 : 0));
  const [high, wide] = [Math.ceil(rows / cells), Math.ceil(columns / cells)];
  const [down, right] = [random.integer(high), random.integer(wide)];
  return Float64Array.from({ length: rows * columns }, (_, p) => {
    // A pixel's middle lies between four cells' middles.
    const y = Math.max(0, (Math.floor(p / columns) + down + 0.5) / high - 0.5);
    const x = Math.max(0, ((p % columns) + right + 0.5) / wide - 0.5);
    const [r, c] = [Math.min(Math.floor(y), cells - 1), Math.min(Math.floor(x), cells - 1)];
    const [fy, fx] = [Math.min(y - r, 1), Math.min(x - c, 1)];
    const at = (row: number, column: number): number => grid[row * (cells + 1) + column] as number;
    return (1 - fy) * ((1 - fx) * at(r, c) + fx * at(r, c + 1)) + fy * ((1 - fx) * at(r + 1, c) + fx * at(r + 1, c + 1));
  });
}

/**
 * E[f(x ⊙ m + b ⊙ (1 − m)) | pixel shown] − E[f], over random masks m: a map of the image.
 *
 * Shapes: x [1, C, H, W] → [1, 1, H, W].
 * Cost:   `samples` answers.
 * Source: Petsiuk et al., RISE: randomized input sampling for explanation of black-box models, 2018, equation 6, arXiv:1806.07421.
 * Differs from the source: what is hidden becomes the baseline, not black; each pixel's sum is divided by how often it was shown, not by how often that is
 * expected, and the mean score is taken off.
 * Checked against: a score that is the mean of one patch, where the map's highest place is the patch.
 */
export const rise: SamplingMethod = {
  name: "rise",
  kind: "sampling",
  asserts: "Where the map is bright, showing the place raises the score, whatever else is shown.",
  misleads: "Few masks leave blotches, and no detail is finer than a cell of the masks' grid.",
  source: "Petsiuk et al. 2018, arXiv:1806.07421",
  needs: ["baseline", "image"],
  defaults: { samples: 2000, cells: 7, probability: 0.5, seed: 0 },
  run: async ({ x, baselines, model, settings, random, score, progress, signal }) => {
    const { samples, cells, probability } = settings;
    if (probability <= 0 || probability >= 1)
      throw new ConfigError(`rise: probability: expected a number between 0 and 1, got ${probability}`);
    const { rows, columns, plane, pixelOf } = planesOf(model.features, x.shape.slice(1));
    const [own, absent] = [toNumbers(x), toNumbers(takeRows(baselines, 0, 1))];
    const size = own.length;
    const sums = new Float64Array(plane);
    const shown = new Float64Array(plane);
    let total = 0;
    for (let from = 0; from < samples; from += AT_ONCE) {
      signal?.throwIfAborted();
      const count = Math.min(AT_ONCE, samples - from);
      const data = DTYPES[x.dtype].create(count * size) as Float32Array;
      const masks = Array.from({ length: count }, (_, i) =>
        riseMask(rows, columns, cells, probability, random("rise", from + i)),
      );
      masks.forEach((mask, i) => {
        for (let e = 0; e < size; e++) {
          const m = mask[pixelOf(e)] as number;
          data[i * size + e] = m * (own[e] as number) + (1 - m) * (absent[e] as number);
        }
      });
      const masked: TensorData = { dtype: x.dtype, shape: [count, ...x.shape.slice(1)], data };
      const scores = await score(masked);
      masks.forEach((mask, i) => {
        const s = scores[i] as number;
        total += s;
        for (let p = 0; p < plane; p++) {
          sums[p] = (sums[p] as number) + s * (mask[p] as number);
          shown[p] = (shown[p] as number) + (mask[p] as number);
        }
      });
      progress((from + count) / samples);
    }
    // E[f | shown] − E[f]: what showing the pixel adds.
    const map = Float32Array.from(sums, (sum, p) => (shown[p] === 0 ? 0 : sum / (shown[p] as number) - total / samples));
    return { values: { dtype: "float32", shape: [1, 1, rows, columns], data: map } };
  },
};
