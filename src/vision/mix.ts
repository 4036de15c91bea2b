/**
 * @module Images made of two, with labels in proportion: mixup and cutmix.
 *
 * Source: Zhang et al. 2017, arXiv:1710.09412; Yun et al. 2019, arXiv:1905.04899.
 * Differs from the sources: each image has its own share, not each batch; its partner is the next image of the batch.
 */
import type { Random } from "../util/random.js";
import type { Augmentation } from "./augment-list.js";

/** A batch to mix: images [N, C, H, W], labels as indices. */
export interface MixBatch {
  readonly images: Uint8Array;
  readonly labels: ArrayLike<number>;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
}

/** Images and the probability of each class: [N, C, H, W] and [N, K]. */
export interface Mixed {
  readonly images: Uint8Array<ArrayBuffer>;
  readonly labels: Float32Array<ArrayBuffer>;
}

/** A draw from Gamma(shape, 1). Marsaglia and Tsang 2000; shapes below 1 by their boost. */
function gamma(random: Random, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * random.uniform() ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A draw from Beta(a, a). */
export function beta(random: Random, a: number): number {
  const [x, y] = [gamma(random, a), gamma(random, a)];
  // Both may be 0 for a very small a: then one of the two ends.
  return x + y === 0 ? Math.round(random.uniform()) : x / (x + y);
}

/** Tells whether a list asks for soft labels. */
export const mixes = (list: readonly Augmentation[]): boolean => list.some(({ name }) => name === "mixup" || name === "cutmix");

/** Mixes each image with the next one, by one of the kinds in the list; `randomOf` gives the generator of an image. */
export function mixBatch(batch: MixBatch, list: readonly Augmentation[], randomOf: (i: number) => Random): Mixed {
  const { images, labels, channels, height, width, classes } = batch;
  const kinds = list.filter(({ name }) => name === "mixup" || name === "cutmix");
  const size = channels * height * width;
  const count = labels.length;
  const out = new Uint8Array(count * size);
  const soft = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) {
    const random = randomOf(i);
    const j = (i + 1) % count;
    const { name, values } = kinds[kinds.length === 1 ? 0 : random.integer(kinds.length)] as Augmentation;
    let share = beta(random, values[0] as number);
    const [own, other] = [images.subarray(i * size, (i + 1) * size), images.subarray(j * size, (j + 1) * size)];
    const target = out.subarray(i * size, (i + 1) * size);
    if (name === "mixup")
      for (let p = 0; p < size; p++) target[p] = (own[p] as number) * share + (other[p] as number) * (1 - share) + 0.5;
    else {
      target.set(own);
      const [h, w] = [Math.round(height * Math.sqrt(1 - share)), Math.round(width * Math.sqrt(1 - share))];
      const [y, x] = [random.integer(height), random.integer(width)];
      // Centred anywhere, so that it may reach over the edge: the share is what is left.
      const [top, bottom] = [Math.max(0, y - (h >> 1)), Math.min(height, y - (h >> 1) + h)];
      const [left, right] = [Math.max(0, x - (w >> 1)), Math.min(width, x - (w >> 1) + w)];
      for (let c = 0; c < channels; c++)
        for (let row = top; row < bottom; row++) {
          const at = (c * height + row) * width;
          target.set(other.subarray(at + left, at + right), at + left);
        }
      share = 1 - (Math.max(0, bottom - top) * Math.max(0, right - left)) / (height * width);
    }
    const [a, b] = [i * classes + (labels[i] as number), i * classes + (labels[j] as number)];
    soft[a] = (soft[a] as number) + share;
    soft[b] = (soft[b] as number) + 1 - share;
  }
  return { images: out, labels: soft };
}
