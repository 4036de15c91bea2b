/**
 * @module A mask from a picture: pixels of one colour are one part.
 */
import type { TensorData } from "../../graph/index.js";
import { decodeImage } from "../../vision/images-node.js";

/** Parts [H, W] by the colours of a picture, numbered from 0 as they appear. Errors: those of `decodeImage`. */
export async function readMask(path: string): Promise<TensorData> {
  const { height, width, data } = await decodeImage(path, { channels: 3, where: `--mask ${path}` });
  const size = height * width;
  const numbers = new Map<number, number>();
  const parts = Int32Array.from({ length: size }, (_, p) => {
    const color = ((data[p] as number) * 256 + (data[p + size] as number)) * 256 + (data[p + 2 * size] as number);
    const number = numbers.get(color) ?? numbers.size;
    numbers.set(color, number);
    return number;
  });
  return { dtype: "int32", shape: [height, width], data: parts };
}
