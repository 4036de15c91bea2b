/**
 * @module Image files as pixels: decoded, turned upright, resized. Decoding is sharp's work.
 */
import sharp from "sharp";
import type { TensorData } from "../graph/index.js";
import { DataError } from "../util/errors.js";

/** An image larger than this is refused before it is decoded. */
const MAX_PIXELS = 100_000_000;

/**
 * An image file as uint8 [C, H, W]: EXIF orientation honoured, transparency over white, resized to cover and cut to the middle.
 * Errors: DataError, naming the file, if it is missing, no image, truncated, or larger than 100 megapixels.
 */
export async function readImage(path: string, [channels = 3, height = 1, width = 1]: readonly number[]): Promise<TensorData> {
  try {
    const upright = sharp(path, { limitInputPixels: MAX_PIXELS, failOn: "truncated" }).rotate().flatten({ background: "white" });
    const colored = channels === 1 ? upright.toColourspace("b-w") : upright.toColourspace("srgb");
    const { data, info } = await colored
      .resize(width, height, { fit: "cover" })
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const pixels = new Uint8Array(channels * height * width);
    for (let p = 0; p < height * width; p++) {
      for (let c = 0; c < channels; c++)
        pixels[c * height * width + p] = data[p * info.channels + Math.min(c, info.channels - 1)] as number;
    }
    return { dtype: "uint8", shape: [channels, height, width], data: pixels };
  } catch (cause) {
    if (/missing/.test((cause as Error).message)) throw new DataError(`${path}: expected an image, got no such file`, { cause });
    throw new DataError(`${path}: expected a readable image, got ${(cause as Error).message.split("\n")[0]}`, { cause });
  }
}
