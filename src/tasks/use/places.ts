/**
 * @module Scores by place of an imported file for images: a detector's cells or candidates, a segmenter's pixels.
 */
import type { Tensor } from "../../graph/index.js";
import { isStatic, sizeOf } from "../../graph/index.js";
import type { Places } from "../graph-use.js";

/** A grid of scores, before it is known which of them are classes. */
export interface PlacedScores {
  /** Numbers of a place. */
  readonly count: number;
  /** Reads them where so many stand before the classes. */
  readonly places: (before: number) => Places;
  /** Says in words how they are read. */
  readonly remark: (places: Places) => string;
}

/** The numbers of the parts that an output is joined of along an axis; none where it is not. */
function partsOf({ node }: Tensor, axis: number): readonly unknown[] {
  return node.op === "Concat" && node.attributes["axis"] === axis ? node.inputs.map((t) => t?.shape[axis]) : [];
}

/**
 * Scores [N, K, …] or [N, …, K] over several places; undefined of others. Of three axes the shorter one has the scores.
 *
 * How sure a detector is that something is there stands first where the graph joins it before the four numbers of the box, else behind them, as of YOLO.
 */
export function placesOf(scores: Tensor | undefined, layout: "NCHW" | "NHWC" | undefined): PlacedScores | undefined {
  if (scores === undefined || !isStatic(scores.shape) || (scores.rank !== 3 && scores.rank !== 4)) return undefined;
  const shape = scores.shape;
  const last = scores.rank - 1;
  const isLast = scores.rank === 3 ? (shape[2] as number) < (shape[1] as number) : layout === "NHWC";
  const axis = isLast ? last : 1;
  const count = shape[axis] as number;
  const spots = sizeOf(shape.slice(1)) / count;
  if (spots === 1) return undefined;
  const [first, second] = partsOf(scores, axis);
  return {
    count,
    places: (before) => {
      if (before === 5) return { axis, before, objectness: first === 1 && second === 4 ? 0 : 4 };
      return { axis, before: before === 4 ? 4 : 0 };
    },
    remark: ({ before, objectness }) => {
      const times = objectness === undefined ? "" : ", times how sure it is that something is there";
      const box = before === 0 ? "" : ` behind the ${before} numbers of a box`;
      return `scores [${shape.join(", ")}] at ${spots} places${box}: each class counts where it is highest${times}`;
    },
  };
}
