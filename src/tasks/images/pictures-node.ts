/**
 * @module Rows of image data as pictures for people: the pixels that a model is given, decoded where they are files.
 */
import type { Dataset } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import type { PixelImage } from "../../charts/image.js";
import type { ImageInfo } from "./images.js";
import { batchOfRows } from "../shared/rows-node.js";
import type { AnyTask } from "../task.js";

/** The pictures of some rows, by row. */
export async function picturesOf(
  info: ImageInfo,
  task: Pick<AnyTask, "collate">,
  examples: Dataset,
  rows: readonly number[],
): Promise<Map<number, PixelImage>> {
  const [channels = 1, height = 1, width = 1] = info.imageShape;
  const size = channels * height * width;
  const chosen = examples.select(rows);
  const batch = await batchOfRows(task, { info, use: "eval", options: {} }, chosen);
  const pixels = (batch["image"] as TensorData).data as Uint8Array;
  return new Map(
    rows.map((row, i) => {
      const data = pixels.slice(i * size, (i + 1) * size);
      return [row, { width, height, channels: channels === 3 ? 3 : 1, data, maximum: info.maximum }];
    }),
  );
}
