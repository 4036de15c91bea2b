/**
 * @module Boxes as a column beside images that are not decoded yet, and what makes batches of them.
 */
import type { BoxAugmentation } from "../../vision/index.js";

/** Numbers of a row of `boxes`: corners in pixels of the image, the class, and 1 for a crowd. */
export const BOX_COLUMNS = 6;

/** Bytes of decoded images that a thread keeps of a part, so that each is decoded once where they fit. */
export const KEPT_BYTES = 512 * 2 ** 20;

export interface BoxBatchOptions {
  /** [C, H, W] of the model's input. */
  readonly shape: readonly number[];
  /** Boxes of an image in a training batch, at most; others are left out. In use: as many as the data have. */
  readonly mostBoxes?: number;
  /** Left out: images as they are. */
  readonly augmentation?: BoxAugmentation;
}

/** Names `boxBatch` of `boxes-batch-node.ts` for the loader's threads. */
export const boxCollate = (
  options: BoxBatchOptions,
): { readonly module: string; readonly name: string; readonly options: BoxBatchOptions } => ({
  module: new URL("./boxes-batch-node.js", import.meta.url).href,
  name: "boxBatch",
  options,
});
