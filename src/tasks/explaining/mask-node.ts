/**
 * @module A mask from a picture: pixels of one colour are one part.
 */
import type { TensorData } from "../../graph/index.js";
import { loadSharp } from "../../vision/sharp-node.js";
import { ConfigError } from "../../util/errors.js";
import { exists } from "../../run/run-folder-reader-node.js";

/** Parts [H, W] by the colours of a picture, numbered from 0 as they appear. Errors: ConfigError for what is no picture. */
export async function readMask(path: string): Promise<TensorData> {
  if (!(await exists(path))) throw new ConfigError(`--mask: expected a picture, got ${path}, which is not there`);
  const sharp = await loadSharp();
  const { data, info } = await sharp(path)
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw new ConfigError(`--mask: expected a picture, got ${path}, which cannot be read as one`, { cause });
    });
  const { width, height, channels } = info;
  const numbers = new Map<number, number>();
  const parts = Int32Array.from({ length: width * height }, (_, p) => {
    let color = 0;
    for (let c = 0; c < channels; c++) color = color * 256 + (data[p * channels + c] as number);
    const number = numbers.get(color) ?? numbers.size;
    numbers.set(color, number);
    return number;
  });
  return { dtype: "int32", shape: [height, width], data: parts };
}
