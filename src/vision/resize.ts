/**
 * @module Images of another size: bilinear, and averaged over what a pixel of the result covers where an image shrinks, so
 * that fine patterns do not turn into coarse ones.
 */
import type { Box, Pixels } from "./pixels.js";

/** For each pixel of the result: the start of its source pixels, and their weights, `taps` of them. */
interface Filter {
  readonly first: Int32Array;
  readonly weights: Float32Array;
  readonly taps: number;
}

/** The triangle filter of one axis: `size` places over [start, start + length), which sees no pixel outside; of `pixels` in all. */
function triangle(start: number, length: number, pixels: number, size: number): Filter {
  const scale = length / size;
  const support = Math.max(1, scale);
  const least = Math.max(0, Math.floor(start));
  const limit = Math.min(pixels, Math.ceil(start + length));
  const taps = Math.min(limit - least, 2 * Math.ceil(support) + 1);
  const first = new Int32Array(size);
  const weights = new Float32Array(size * taps);
  for (let i = 0; i < size; i++) {
    const center = start + (i + 0.5) * scale;
    const from = Math.max(least, Math.floor(center - support + 0.5));
    const until = Math.min(limit, Math.floor(center + support + 0.5));
    // Near the far edge the window is shifted inwards, with weight 0 for what it then has too much.
    const begin = Math.max(least, Math.min(from, limit - taps));
    first[i] = begin;
    let sum = 0;
    for (let p = from; p < until; p++) {
      const weight = Math.max(0, 1 - Math.abs((p + 0.5 - center) / support));
      weights[i * taps + p - begin] = weight;
      sum += weight;
    }
    if (sum === 0) weights[i * taps + Math.min(limit - 1, Math.max(least, Math.floor(center))) - begin] = 1;
    else for (let t = 0; t < taps; t++) weights[i * taps + t] = (weights[i * taps + t] as number) / sum;
  }
  return { first, weights, taps };
}

/**
 * A rectangle of an image, in fractions of a pixel if need be, at another size; optionally mirrored left to right.
 *
 * Shapes: [C, H, W] → [C, height, width].
 * Source: separable triangle filter, widened by the factor of shrinking, as in Pillow and torchvision (`antialias=True`).
 * Checked against: torchvision's `resize` and `resized_crop`, within one grey level, vision.test.ts.
 */
export function resizeBox(
  image: Pixels,
  box: Box,
  height: number,
  width: number,
  options: { readonly mirror?: boolean } = {},
): Pixels {
  const { channels, data } = image;
  const across = triangle(box.left, box.width, image.width, width);
  const down = triangle(box.top, box.height, image.height, height);
  // Only the rows that the result needs.
  const top = down.first[0] as number;
  const bottom = Math.min(image.height, (down.first[height - 1] as number) + down.taps);
  const rows = bottom - top;
  const narrow = new Float32Array(rows * width);
  const sums = new Float32Array(width);
  const out = new Uint8Array(channels * height * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < rows; y++) {
      const from = (c * image.height + top + y) * image.width;
      for (let x = 0; x < width; x++) {
        const start = from + (across.first[x] as number);
        let sum = 0;
        for (let t = 0, w = x * across.taps; t < across.taps; t++, w++)
          sum += (data[start + t] as number) * (across.weights[w] as number);
        narrow[y * width + x] = sum;
      }
    }
    for (let y = 0; y < height; y++) {
      const start = ((down.first[y] as number) - top) * width;
      sums.fill(0.5);
      for (let t = 0; t < down.taps; t++) {
        const weight = down.weights[y * down.taps + t] as number;
        if (weight === 0) continue;
        const row = start + t * width;
        for (let x = 0; x < width; x++) sums[x] = (sums[x] as number) + weight * (narrow[row + x] as number);
      }
      const to = (c * height + y) * width;
      if (options.mirror === true) for (let x = 0; x < width; x++) out[to + width - 1 - x] = sums[x] as number;
      else for (let x = 0; x < width; x++) out[to + x] = sums[x] as number;
    }
  }
  return { channels, height, width, data: out };
}

/** The whole image at another size. */
export const resize = (image: Pixels, height: number, width: number): Pixels =>
  resizeBox(image, { top: 0, left: 0, height: image.height, width: image.width }, height, width);

/** The largest rectangle in the middle of an image with the proportions of height × width: what a resize to cover keeps. */
export function middleBox(imageHeight: number, imageWidth: number, height: number, width: number): Box {
  const scale = Math.min(imageHeight / height, imageWidth / width);
  const [h, w] = [height * scale, width * scale];
  return { top: (imageHeight - h) / 2, left: (imageWidth - w) / 2, height: h, width: w };
}

/** The image resized to cover height × width, and cut to the middle. */
export const resizeToCover = (image: Pixels, height: number, width: number): Pixels =>
  image.height === height && image.width === width
    ? image
    : resizeBox(image, middleBox(image.height, image.width, height, width), height, width);
