/**
 * @module Augmentation of pictures with boxes: mirrored, enlarged or shrunk about a random place, recoloured. Pure functions of
 * pixels and a random stream.
 */
import type { Random } from "../util/random.js";

/** Pixels as planes, uint8 [C, H, W]. */
export interface Planes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** Corners in pixels, and the class: (x₁, y₁, x₂, y₂, class). */
export type BoxRow = readonly [number, number, number, number, number];

export interface BoxAugmentation {
  /** Mirror left and right, half of the time. */
  readonly flipHorizontal: boolean;
  /** Mirror top and bottom, half of the time: where up has no meaning, as under a microscope. */
  readonly flipVertical: boolean;
  /** Factor that the picture is enlarged by: between 1/(1 + s) and 1 + s. */
  readonly scale: number;
  /** Share of its width and height that the picture is moved by, at most. */
  readonly translate: number;
  /** How far brightness, contrast and saturation differ from 1 at most. */
  readonly colour: number;
}

/** What lies beyond the border of a picture that was moved or shrunk. */
const BORDER = 114;
/** Of a box's area: with less of it in the picture, the object cannot be told any more. */
const LEAST_VISIBLE = 0.35;

/** Where a point of the new picture lies in the old one, along one axis: old = offset + step · new. */
interface AxisMap {
  readonly offset: number;
  readonly step: number;
}

function axisMap(random: Random, length: number, scale: number, translate: number, flip: boolean): AxisMap {
  const step = 1 / scale;
  // The middle stays in the middle, but for the shift.
  const offset = (length * (1 - step)) / 2 + random.uniform(-translate, translate) * length;
  return flip ? { offset: offset + step * length, step: -step } : { offset, step };
}

/** The two nearest places and their weights for each place of a new axis; weight 0 beyond the border. */
function samples({ offset, step }: AxisMap, length: number): { low: Int32Array; weight: Float32Array; inside: Uint8Array } {
  const low = new Int32Array(length);
  const weight = new Float32Array(length);
  const inside = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const at = offset + step * (i + 0.5) - 0.5;
    const first = Math.min(Math.max(Math.floor(at), 0), length - 2);
    low[i] = first;
    weight[i] = Math.min(Math.max(at - first, 0), 1);
    inside[i] = at > -1 && at < length ? 1 : 0;
  }
  return { low, weight, inside };
}

/** The picture seen through the two maps, by linear interpolation. */
function resample(image: Planes, horizontal: AxisMap, vertical: AxisMap): Uint8Array {
  const { channels, height, width, data } = image;
  const x = samples(horizontal, width);
  const y = samples(vertical, height);
  const result = new Uint8Array(data.length).fill(BORDER);
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      if (y.inside[row] === 0) continue;
      const wy = y.weight[row] as number;
      const top = c * height * width + (y.low[row] as number) * width;
      const target = (c * height + row) * width;
      for (let column = 0; column < width; column++) {
        if (x.inside[column] === 0) continue;
        const at = top + (x.low[column] as number);
        const wx = x.weight[column] as number;
        const upper = (data[at] as number) * (1 - wx) + (data[at + 1] as number) * wx;
        const lower = (data[at + width] as number) * (1 - wx) + (data[at + width + 1] as number) * wx;
        result[target + column] = upper * (1 - wy) + lower * wy + 0.5;
      }
    }
  }
  return result;
}

/** Brightness, contrast about the mean, and saturation, in place. Rec. 601 luma, as PIL and torchvision. */
function recolour(pixels: Uint8Array, channels: number, random: Random, strength: number): void {
  const factor = (): number => 1 + random.uniform(-strength, strength);
  const [brightness, contrast, saturation] = [factor(), factor(), factor()] as const;
  const plane = pixels.length / channels;
  const grey = (i: number): number =>
    channels === 3
      ? 0.299 * (pixels[i] as number) + 0.587 * (pixels[i + plane] as number) + 0.114 * (pixels[i + 2 * plane] as number)
      : (pixels[i] as number);
  let mean = 0;
  for (let i = 0; i < plane; i++) mean += grey(i);
  mean /= plane;
  for (let i = 0; i < plane; i++) {
    const luma = grey(i);
    for (let c = 0; c < channels; c++) {
      const at = c * plane + i;
      const saturated = luma + ((pixels[at] as number) - luma) * saturation;
      const value = (mean + (saturated - mean) * contrast) * brightness;
      pixels[at] = Math.min(255, Math.max(0, value + 0.5));
    }
  }
}

/** A picture and its boxes, changed at random. Boxes of which too little is left to see are dropped. */
export function augmentBoxes(
  image: Planes,
  boxes: readonly BoxRow[],
  { flipHorizontal, flipVertical, scale, translate, colour }: BoxAugmentation,
  random: Random,
): { pixels: Uint8Array; boxes: BoxRow[] } {
  const { width, height, channels } = image;
  const isFlipped = (wanted: boolean): boolean => random.uniform() < 0.5 && wanted;
  const [mirrored, overturned] = [isFlipped(flipHorizontal), isFlipped(flipVertical)];
  // As often enlarged as shrunk.
  const factor = Math.exp(random.uniform(-1, 1) * Math.log(1 + scale));
  const horizontal = axisMap(random, width, factor, translate, mirrored);
  const vertical = axisMap(random, height, factor, translate, overturned);
  const pixels = resample(image, horizontal, vertical);
  recolour(pixels, channels, random, colour);
  const moved = boxes.flatMap(([x1, y1, x2, y2, k]): BoxRow[] => {
    const [left, right] = [(x1 - horizontal.offset) / horizontal.step, (x2 - horizontal.offset) / horizontal.step];
    const [top, bottom] = [(y1 - vertical.offset) / vertical.step, (y2 - vertical.offset) / vertical.step];
    const area = Math.abs((right - left) * (bottom - top));
    const clipped: BoxRow = [
      Math.max(0, Math.min(left, right)),
      Math.max(0, Math.min(top, bottom)),
      Math.min(width, Math.max(left, right)),
      Math.min(height, Math.max(top, bottom)),
      k,
    ];
    const visible = Math.max(0, clipped[2] - clipped[0]) * Math.max(0, clipped[3] - clipped[1]);
    return visible >= LEAST_VISIBLE * area ? [clipped] : [];
  });
  return { pixels, boxes: moved };
}
