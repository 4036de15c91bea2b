/**
 * @module Occlusion and ablation: how far the score falls when a part of the input is replaced by the baseline.
 */
import type { TensorData } from "../../graph/index.js";
import { DTYPES, sizeOf, toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { takeRows } from "../batch.js";
import { imageAxes } from "../explainable.js";
import type { SamplingContext, SamplingMethod } from "../method.js";

const row = {
  kind: "sampling",
  misleads: "Of two parts that each suffice, neither is missed; what stands in the place of the missing one is evidence too.",
} as const;

/** Occluded copies whose inputs are made at once. */
const AT_ONCE = 64;

/** Places of windows along an axis: every `stride`, and one at the end where that leaves a rest. */
function starts(length: number, window: number, stride: number): number[] {
  const result: number[] = [];
  for (let at = 0; at + window < length; at += stride) result.push(at);
  return [...result, Math.max(0, length - window)];
}

/**
 * f(x) − f(x with a window replaced by the baseline); every element gets the mean over the windows that hide it.
 *
 * Shapes: x [1, …] → [1, …]. Windows slide over an image's rows and columns (all channels at once), over the first axis of everything else; `window` and
 * `stride` of 0 are a seventh of the longer side and half of the window, 1 and 1 where there are no more than 32 places.
 * Cost:   one answer a window.
 * Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, 2013, section 4.2, arXiv:1311.2901.
 * Differs from the source: the drop is kept, not the score.
 * Checked against: Captum 0.9, Occlusion.
 */
export const occlusion: SamplingMethod = {
  ...row,
  name: "occlusion",
  asserts: "Hiding a window over the marked place lowers the score by so much.",
  source: "Zeiler and Fergus 2013, arXiv:1311.2901, section 4.2",
  needs: ["baseline"],
  defaults: { window: 0, stride: 0 },
  run: async (context) => {
    const { x, score, progress, signal } = context;
    const shape = x.shape.slice(1);
    const size = sizeOf(shape);
    const boxes = boxesOf(context);
    const [full] = await score(x);
    const [sums, counts] = [new Float64Array(size), new Float64Array(size)];
    for (let from = 0; from < boxes.length; from += AT_ONCE) {
      signal?.throwIfAborted();
      const part = boxes.slice(from, from + AT_ONCE);
      const scores = await score(occluded(context, part));
      part.forEach((box, i) => {
        for (const e of elementsIn(box, shape)) {
          sums[e] = (sums[e] as number) + (full as number) - (scores[i] as number);
          counts[e] = (counts[e] as number) + 1;
        }
      });
      progress((from + part.length) / boxes.length);
    }
    const data = Float32Array.from(sums, (sum, e) => (counts[e] === 0 ? 0 : sum / (counts[e] as number)));
    return { values: { dtype: "float32", shape: [1, ...shape], data }, figures: { windows: boxes.length } };
  },
};

/** Hidden positions by axis, from … to − 1. */
type Box = readonly (readonly [from: number, to: number])[];

function boxesOf({ x, model, settings }: SamplingContext): Box[] {
  const shape = x.shape.slice(1);
  const axes = imageAxes(model.features);
  const slid = axes === undefined ? [0] : [axes.rows, axes.columns];
  const longest = Math.max(...slid.map((axis) => shape[axis] ?? 1));
  const window = settings.window || (axes === undefined && longest <= 32 ? 1 : Math.max(1, Math.round(longest / 7)));
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

function* elementsIn(box: Box, shape: readonly number[], axis = 0, at = 0): Generator<number> {
  const range = box[axis];
  if (range === undefined) {
    yield at;
    return;
  }
  for (let i = range[0]; i < range[1]; i++) yield* elementsIn(box, shape, axis + 1, at * (shape[axis] ?? 1) + i);
}

function occluded({ x, baselines }: SamplingContext, boxes: readonly Box[]): TensorData {
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

/**
 * f(x) − f(x without one part).
 *
 * Shapes: F parts (superpixels, tokens, columns) → F values.
 * Cost:   F + 1 answers for each background.
 * Source: Captum, FeatureAblation; Zeiler and Fergus 2013, arXiv:1311.2901.
 * Checked against: Captum 0.9, FeatureAblation.
 */
export const featureAblation: SamplingMethod = {
  ...row,
  name: "feature-ablation",
  asserts: "Taking the part away, and nothing else, lowers the score by so much.",
  source: "Zeiler and Fergus 2013, arXiv:1311.2901",
  needs: ["background", "parts"],
  defaults: { superpixels: 50 },
  run: async ({ game, progress }) => {
    const { players, names, partOf, play } = await game();
    const masks = new Uint8Array((players + 1) * players).fill(1);
    for (let i = 0; i < players; i++) masks[(i + 1) * players + i] = 0;
    const scores = await play(masks, players + 1, progress);
    const values = Float64Array.from({ length: players }, (_, i) => (scores[0] as number) - (scores[i + 1] as number));
    return { parts: { names, values, partOf } };
  },
};
