/**
 * @module Images as arrays: planes of 8-bit values, channel after channel, as a model reads them. Pure functions on such
 * planes are in `geometry.ts`, `resize.ts` and `color.ts`; files become planes in `images-node.ts`.
 */
import type { TensorData } from "../graph/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";

/** One image: `data[(c · height + y) · width + x]`, 0…255. */
export interface Pixels {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** A rectangle in pixels; `top` and `left` may lie outside the image. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Black planes. */
export const blank = (channels: number, height: number, width: number): Pixels => ({
  channels,
  height,
  width,
  data: new Uint8Array(channels * height * width),
});

/** An image of another size or content, with the same number of channels. */
export const withData = (image: Pixels, data: Uint8Array): Pixels => ({ ...image, data });

/** Image i of a uint8 tensor [N, C, H, W], sharing its memory. ShapeError for another tensor. */
export function pixelsOf(images: TensorData, i: number): Pixels {
  const [, channels = 0, height = 0, width = 0] = images.shape;
  if (images.dtype !== "uint8" || images.shape.length !== 4)
    throw new ShapeError(`images: expected uint8 [N, C, H, W], got ${images.dtype} [${images.shape.join(", ")}]`);
  const size = channels * height * width;
  return { channels, height, width, data: (images.data as Uint8Array).subarray(i * size, (i + 1) * size) };
}

/** Interleaved pixels (RGBRGB…), as decoders give them, as planes; the first `channels` of `stride` values a pixel. */
export function planesOf(
  interleaved: Uint8Array,
  stride: number,
  channels: number,
  height: number,
  width: number,
  into: Uint8Array = new Uint8Array(channels * height * width),
): Pixels {
  const plane = height * width;
  if (channels === 3 && stride === 3) {
    for (let p = 0, q = 0; p < plane; p++, q += 3) {
      into[p] = interleaved[q] as number;
      into[plane + p] = interleaved[q + 1] as number;
      into[2 * plane + p] = interleaved[q + 2] as number;
    }
  } else
    for (let c = 0; c < channels; c++)
      // Of a grey image every channel is the one there is.
      for (let p = 0, q = Math.min(c, stride - 1); p < plane; p++, q += stride) into[c * plane + p] = interleaved[q] as number;
  return { channels, height, width, data: into };
}

/** Planes as interleaved pixels. */
export function interleaved({ channels, height, width, data }: Pixels): Uint8Array {
  const plane = height * width;
  const out = new Uint8Array(channels * plane);
  for (let c = 0; c < channels; c++) for (let p = 0; p < plane; p++) out[p * channels + c] = data[c * plane + p] as number;
  return out;
}

/** The longest side of a model's images, in pixels. */
export const MAX_SIDE = 8192;

/** `224` or `320x240` (width, then height, as people say it) as height and width. ConfigError, beginning with `where`. */
export function parseImageSize(text: string, where: string): [height: number, width: number] {
  const match = /^(\d+)(?:[x×](\d+))?$/.exec(text.trim());
  const [width, height] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!(width >= 1 && height >= 1 && width <= MAX_SIDE && height <= MAX_SIDE))
    throw new ConfigError(`${where}: expected SIDE or WIDTHxHEIGHT in pixels, got "${text}"`);
  return [height, width];
}
