/**
 * @module Geometry of images: crops, mirror images, rotations, shears, erasures. Pure functions on planes; nothing is random here.
 */
import type { Box, Pixels } from "./pixels.js";
import { blank } from "./pixels.js";

/** Values for what lies outside an image, one a channel; black where left out. */
export type Fill = readonly number[];

/**
 * A rectangle of an image, which may reach over its edges (a crop with padding); optionally mirrored left to right.
 *
 * Shapes: [C, H, W] → [C, box.height, box.width].
 */
export function crop(image: Pixels, box: Box, options: { readonly mirror?: boolean; readonly fill?: Fill } = {}): Pixels {
  const { mirror = false, fill } = options;
  const { channels, height, width, data } = image;
  const out = blank(channels, box.height, box.width);
  const [first, last] = [Math.max(0, -box.left), Math.min(box.width, width - box.left)];
  for (let c = 0; c < channels; c++) {
    const background = fill?.[c] ?? 0;
    if (background !== 0) out.data.fill(background, c * box.height * box.width, (c + 1) * box.height * box.width);
    for (let y = Math.max(0, -box.top); y < Math.min(box.height, height - box.top); y++) {
      const from = (c * height + y + box.top) * width + box.left;
      const to = (c * box.height + y) * box.width;
      if (mirror) for (let x = first; x < last; x++) out.data[to + box.width - 1 - x] = data[from + x] as number;
      else for (let x = first; x < last; x++) out.data[to + x] = data[from + x] as number;
    }
  }
  return out;
}

/** The image mirrored left to right. */
export const flipHorizontal = (image: Pixels): Pixels =>
  crop(image, { top: 0, left: 0, height: image.height, width: image.width }, { mirror: true });

/** The image upside down. */
export function flipVertical(image: Pixels): Pixels {
  const { channels, height, width, data } = image;
  const out = blank(channels, height, width);
  for (let row = 0; row < channels * height; row++) {
    const c = Math.floor(row / height);
    const from = (c * height + (height - 1 - (row % height))) * width;
    out.data.set(data.subarray(from, from + width), row * width);
  }
  return out;
}

/** An affine map about the middle of the image: shear, scale and rotation, then translation. */
export interface Affine {
  /** Degrees, clockwise as a person sees the image. */
  readonly degrees?: number;
  /** Pixels to the right, and down. */
  readonly translateX?: number;
  readonly translateY?: number;
  readonly scale?: number;
  /** Degrees. */
  readonly shearX?: number;
  readonly shearY?: number;
}

/**
 * The image turned, moved, scaled and sheared about its middle, by bilinear interpolation; its size stays.
 *
 * Source: the parametrization and sampling of torchvision's `affine` (rotation · shear · scale, then translation).
 * Checked against: torchvision, within one grey level, vision.test.ts.
 */
export function affine(image: Pixels, map: Affine, fill?: Fill): Pixels {
  const { degrees = 0, translateX = 0, translateY = 0, scale = 1, shearX = 0, shearY = 0 } = map;
  const { channels, height, width, data } = image;
  const radians = (d: number): number => (d * Math.PI) / 180;
  const [turn, sx, sy] = [radians(degrees), radians(shearX), radians(shearY)];
  // The inverse of [a b; c d]: from a position in the result to the one in the image.
  const a = Math.cos(turn - sy) / Math.cos(sy);
  const b = (-Math.cos(turn - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(turn);
  const c = Math.sin(turn - sy) / Math.cos(sy);
  const d = (-Math.sin(turn - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(turn);
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  const out = blank(channels, height, width);
  const plane = height * width;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x - middleX - translateX, y - middleY - translateY];
      const fromX = m0 * dx + m1 * dy + middleX;
      const fromY = m3 * dx + m4 * dy + middleY;
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [u, v] = [fromX - left, fromY - top];
      const to = y * width + x;
      const isInside = left >= 0 && top >= 0 && left + 1 < width && top + 1 < height;
      for (let k = 0; k < channels; k++) {
        const background = fill?.[k] ?? 0;
        const at = k * plane + top * width + left;
        const pixel = (dxx: number, dyy: number): number => {
          const inside = isInside || (left + dxx >= 0 && left + dxx < width && top + dyy >= 0 && top + dyy < height);
          return inside ? (data[at + dyy * width + dxx] as number) : background;
        };
        const upper = pixel(0, 0) * (1 - u) + pixel(1, 0) * u;
        const lower = pixel(0, 1) * (1 - u) + pixel(1, 1) * u;
        out.data[k * plane + to] = Math.round(upper * (1 - v) + lower * v);
      }
    }
  }
  return out;
}

/** The image with a rectangle of it painted over. */
export function erase(image: Pixels, box: Box, fill?: Fill): Pixels {
  const { channels, height, width } = image;
  const data = image.data.slice();
  const [left, right] = [Math.max(0, box.left), Math.min(width, box.left + box.width)];
  for (let c = 0; c < channels; c++)
    for (let y = Math.max(0, box.top); y < Math.min(height, box.top + box.height); y++)
      data.fill(fill?.[c] ?? 0, (c * height + y) * width + left, (c * height + y) * width + right);
  return { ...image, data };
}
