/**
 * @module Rows of image data as pictures for people: the pixels that a model is given, decoded where they are files.
 */
import type { Dataset } from "../../data/node.js";
import { WorkerFetcher } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import type { PixelImage } from "../../charts/image.js";
import type { ImageInfo } from "./images.js";
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
  const collate = task.collate?.({ info, use: "eval", options: {} }, chosen);
  using fetcher = collate === undefined ? undefined : new WorkerFetcher(chosen, collate);
  const indices = Uint32Array.from({ length: rows.length }, (_, i) => i);
  const batch = (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: 0 })) ?? chosen.gather(indices);
  const pixels = (batch["image"] as TensorData).data as Uint8Array;
  return new Map(
    rows.map((row, i) => {
      const data = pixels.slice(i * size, (i + 1) * size);
      return [row, { width, height, channels: channels === 3 ? 3 : 1, data, maximum: info.maximum }];
    }),
  );
}
