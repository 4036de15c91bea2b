/**
 * @module Non-maximum suppression, as files of detectors have it.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { dimEquals, formatShape, sameShape, symbol } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { scatterND } from "./indexing.js";
import type { Op } from "./op.js";
import { bytesMoved, elementCount, emitOne, expectDType } from "./op.js";
import { zeros } from "./shape.js";

interface SuppressionAttributes {
  readonly [name: string]: number | readonly number[];
  /** 0: corners; 1: centre, width and height. */
  readonly center_point_box: number;
  /** One number each, in a list as ONNX wants it. */
  readonly max_output_boxes_per_class: readonly number[];
  readonly iou_threshold: readonly number[];
  readonly score_threshold: readonly number[];
}

/** How many boxes are kept is known only when the graph runs. */
const KEPT = symbol("kept");

/**
 * For each image and class, the boxes whose score is above a threshold, best first, without those that overlap a better one too much:
 * rows (image, class, box) of int64.
 *
 * Shapes: boxes [N, A, 4], scores [N, K, A] → [kept, 3]. Source: ONNX 1.18, NonMaxSuppression 11.
 */
export const NonMaxSuppression: Op<SuppressionAttributes, readonly [Tensor, Tensor]> = {
  name: "NonMaxSuppression",
  domain: "",
  attributes: {
    center_point_box: "int",
    max_output_boxes_per_class: "ints",
    iou_threshold: "floats",
    score_threshold: "floats",
  },
  attributeInputs: {
    max_output_boxes_per_class: { slot: 2 },
    iou_threshold: { slot: 3 },
    score_threshold: { slot: 4 },
  },
  infer: ([boxes, scores], _attributes, where) => {
    for (const t of [boxes, scores]) expectDType(where, t.dtype, ["float32", "float64"], "float32");
    const fits =
      boxes.rank === 3 &&
      scores.rank === 3 &&
      dimEquals(boxes.shape[2] as Dim, 4) &&
      sameShape([boxes.shape[0] as Dim, boxes.shape[1] as Dim], [scores.shape[0] as Dim, scores.shape[2] as Dim]);
    if (!fits)
      throw new ShapeError(
        `${where}: expected boxes [N, A, 4] and scores [N, K, A], got ${formatShape(boxes.shape)} and ${formatShape(scores.shape)}`,
      );
    return [{ shape: [KEPT, 3], dtype: "int64" }];
  },
  gradient: { none: "its result is an index" },
  cost: (node) => ({ flops: 16 * elementCount((node.inputs[1] as Tensor).shape), bytes: bytesMoved(node) }),
  batch: { unroll: "how many boxes are kept differs from example to example" },
  // The engine has a kernel for float32 alone.
  lower: ({ inputs: [boxes, scores], attributes }) =>
    boxes.dtype === "float32" && scores.dtype === "float32"
      ? undefined
      : [emitOne(NonMaxSuppression, [boxes.cast("float32"), scores.cast("float32")], attributes)],
};

/** Entries of the op table: non-maximum suppression. */
export const detection = [NonMaxSuppression] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Thresholds of non-maximum suppression, as fractions, and the most boxes of a class. */
export interface SuppressionOptions {
  /** The most boxes kept for one image and class. */
  readonly maxPerClass: number;
  /** The largest overlap allowed between boxes of one class; where two overlap more, the one with the lower score is dropped. */
  readonly iouThreshold: number;
  /** Boxes whose score is at or below it are dropped. */
  readonly scoreThreshold: number;
}

/** Rows (image, class, box) of the boxes to keep. Shapes: boxes [N, A, 4] (corners), scores [N, K, A] → [kept, 3], int64. */
export const nonMaxSuppression = (boxes: Tensor, scores: Tensor, options: SuppressionOptions): Tensor =>
  emitOne(NonMaxSuppression, [boxes, scores], {
    center_point_box: 0,
    max_output_boxes_per_class: [options.maxPerClass],
    iou_threshold: [options.iouThreshold],
    score_threshold: [options.scoreThreshold],
  });

/** 1 for a box to keep, 0 for any other: the same choice under a shape that is known. Shapes: [N, A, 4], [N, K, A] → [N, K, A]. */
export function keptBoxes(boxes: Tensor, scores: Tensor, options: SuppressionOptions): Tensor {
  const rows = nonMaxSuppression(boxes, scores, options); // [kept, 3]
  // As many ones as there are rows: a length that no input has cannot be asked for.
  const ones = rows.slice(1, 0, 1).squeeze(1).mul(0).add(1).cast(scores.dtype);
  return scatterND(zeros(scores.shape, scores.dtype), rows, ones);
}
