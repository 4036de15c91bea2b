/**
 * @module A batch of images with their boxes: decoded, made to fit the model's input, changed at random for training. Runs in the
 * loader's threads; what is drawn is keyed by (seed, epoch, row).
 */
import { sizeOf } from "../../graph/index.js";
import type { BoxRow, Pixels } from "../../vision/index.js";
import { augmentBoxes, fitFactor, onCanvas } from "../../vision/index.js";
import { decodeImage, imageHeader } from "../../vision/images-node.js";
import { Random } from "../../util/random.js";
import type { Batch, Dataset } from "../dataset.js";
import type { BatchRequest } from "../loader.js";
import type { BoxBatchOptions } from "./boxes.js";
import { BOX_COLUMNS, KEPT_BYTES } from "./boxes.js";
import { imageName, imageSource } from "./encoded.js";

/** An image that fits, and the factor that it was made smaller or larger by. */
interface Fitted {
  readonly image: Pixels;
  readonly factor: number;
}

/** A thread's decoded images. */
const kept = new WeakMap<Dataset, Map<number, Fitted>>();

/** Rows of a part that are not padding. */
function boxesOf(dataset: Dataset, row: number): BoxRow[] {
  const { data, shape } = dataset.tensor("boxes");
  const [, most = 0, columns = BOX_COLUMNS] = shape;
  return Array.from({ length: most }, (_, j) =>
    Array.from(data.subarray((row * most + j) * columns, (row * most + j + 1) * columns), Number),
  ).filter((numbers) => (numbers[4] as number) >= 0) as [number, number, number, number, ...number[]][];
}

async function fitted(dataset: Dataset, row: number, [channels = 3, height = 1, width = 1]: readonly number[]): Promise<Fitted> {
  let images = kept.get(dataset);
  if (images === undefined) kept.set(dataset, (images = new Map()));
  const known = images.get(row);
  if (known !== undefined) return known;
  const [source, where] = [imageSource(dataset.column("image"), row), imageName(dataset, row)];
  // Every image was looked at when the data were loaded.
  const header = await imageHeader(source, { where, maxMegapixels: Infinity });
  const factor = fitFactor(header, height, width);
  const [h, w] = [header.height, header.width].map((side, i) =>
    Math.min(i === 0 ? height : width, Math.max(1, Math.round(side * factor))),
  ) as [number, number];
  const box = { top: 0, left: 0, height: header.height, width: header.width };
  const image = await decodeImage(source, { channels, height: h, width: w, box, header, where, maxMegapixels: Infinity });
  const result = { image: onCanvas(image, height, width), factor };
  if ((images.size + 1) * result.image.data.length <= KEPT_BYTES) images.set(row, result);
  return result;
}

/**
 * The rows of a request: `image` uint8 [N, C, H, W], `factor` float32 [N] (pixels of the model's input for one of the image), and, where
 * the data have boxes, `boxes` float32 [N, M, 6] in pixels of the model's input. Crowds teach nothing, and are left out in training.
 */
export async function boxBatch(dataset: Dataset, request: BatchRequest, options: BoxBatchOptions): Promise<Batch> {
  const { indices, seed, epoch } = request;
  const { shape, augmentation } = options;
  const size = sizeOf(shape);
  const count = indices.length;
  const hasBoxes = dataset.has("boxes");
  const most = options.mostBoxes ?? (hasBoxes ? (dataset.tensor("boxes").shape[1] ?? 0) : 0);
  const images = new Uint8Array(count * size);
  const factors = new Float32Array(count);
  const boxes = new Float32Array(count * most * BOX_COLUMNS).fill(-1);
  const place = async (row: number, i: number): Promise<void> => {
    const { image, factor } = await fitted(dataset, row, shape);
    factors[i] = factor;
    let rows = hasBoxes ? boxesOf(dataset, row) : [];
    rows = rows.map(([x1, y1, x2, y2, ...rest]) => [x1 * factor, y1 * factor, x2 * factor, y2 * factor, ...rest]);
    let pixels = image;
    if (augmentation !== undefined)
      ({ image: pixels, boxes: rows } = augmentBoxes(
        image,
        rows.filter(([, , , , , crowd]) => crowd !== 1),
        augmentation,
        new Random(seed, "augment", epoch, row),
      ) as { image: Pixels; boxes: BoxRow[] });
    images.set(pixels.data, i * size);
    rows.slice(0, most).forEach((numbers, j) => boxes.set(numbers, (i * most + j) * BOX_COLUMNS));
  };
  await Promise.all(Array.from(indices, place));
  return {
    image: { dtype: "uint8", shape: [count, ...shape], data: images },
    factor: { dtype: "float32", shape: [count], data: factors },
    ...(hasBoxes ? { boxes: { dtype: "float32" as const, shape: [count, most, BOX_COLUMNS], data: boxes } } : {}),
  };
}
