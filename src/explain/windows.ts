/**
 * @module Windows that slide over an example and hide what is under them.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES, sizeOf, toNumbers } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { takeRows } from "./batch.js";
import { imageAxes } from "./explainable.js";
import type { SamplingContext } from "./method.js";

/** Places of windows along an axis: every `stride`, and one at the end where that leaves a rest. */
function starts(length: number, window: number, stride: number): number[] {
  const result: number[] = [];
  for (let at = 0; at + window < length; at += stride) result.push(at);
  return [...result, Math.max(0, length - window)];
}

/** Hidden positions by axis, from … to − 1. */
export type Box = readonly (readonly [from: number, to: number])[];

/** All windows of an example. */
export function boxesOf({ x, model, settings }: SamplingContext): Box[] {
  const shape = x.shape.slice(1);
  const axes = imageAxes(model.features);
  const slid = axes === undefined ? [0] : [axes.rows, axes.columns];
  const longest = Math.max(...slid.map((axis) => shape[axis] ?? 1));
  // A word or a column is a whole: only a signal's positions are too many, and too alike, to be hidden one by one.
  const isSingle = axes === undefined && (longest <= 32 || model.features.kind === "tokens" || model.features.kind === "table");
  const window = settings.window || (isSingle ? 1 : Math.max(1, Math.round(longest / 7)));
  const stride = settings.stride || Math.max(1, Math.floor(window / 2));
  if (!Number.isInteger(window) || !Number.isInteger(stride) || window > longest)
    throw new ConfigError(`occlusion: expected a window of 1 to ${longest} and a whole stride, got ${window} and ${stride}`);
  let boxes: Box[] = [[]];
  shape.forEach((length, axis) => {
    const along = Math.min(window, length);
    const ranges = slid.includes(axis)
      ? starts(length, along, stride).map((s): [number, number] => [s, s + along])
      : [[0, length] as [number, number]];
    boxes = boxes.flatMap((box) => ranges.map((range) => [...box, range]));
  });
  return boxes;
}

/** The elements under a window. */
export function* elementsIn(box: Box, shape: readonly number[], axis = 0, at = 0): Generator<number> {
  const range = box[axis];
  if (range === undefined) {
    yield at;
    return;
  }
  for (let i = range[0]; i < range[1]; i++) yield* elementsIn(box, shape, axis + 1, at * (shape[axis] ?? 1) + i);
}

/** Copies of the example, each with one window as the baseline. */
export function occluded({ x, baselines }: SamplingContext, boxes: readonly Box[]): TensorData {
  const shape = x.shape.slice(1);
  const size = sizeOf(shape);
  const [own, absent] = [toNumbers(x), toNumbers(takeRows(baselines, 0, 1))];
  const data = DTYPES[x.dtype].create(boxes.length * size) as Float32Array;
  boxes.forEach((box, i) => {
    data.set(own, i * size);
    for (const e of elementsIn(box, shape)) data[i * size + e] = absent[e] as number;
  });
  return { dtype: x.dtype, shape: [boxes.length, ...shape], data };
}
