/**
 * @module Occlusion and ablation: how far the score falls when a part of the input is replaced by the baseline.
 */
import { sizeOf } from "../../graph/index.js";
import type { SamplingMethod } from "../method.js";
import { boxesOf, elementsIn, occluded } from "../windows.js";

const row = {
  kind: "sampling",
  misleads: "Of two parts that each suffice, neither is missed; what stands in the place of the missing one is evidence too.",
} as const;

/** Occluded copies whose inputs are made at once. */
const AT_ONCE = 64;

/**
 * f(x) − f(x with a window replaced by the baseline); every element gets the mean over the windows that hide it, those of a token its part of it.
 *
 * Shapes: x [1, …] → [1, …]. Windows slide over an image's rows and columns (all channels at once), over the first axis of everything else; `window` and
 * `stride` of 0 are a seventh of the longer side and half of the window, 1 and 1 of tokens and columns, and where there are no more than 32 positions.
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
    const { x, model, score, progress, signal } = context;
    const shape = x.shape.slice(1);
    const size = sizeOf(shape);
    // A token is hidden as a whole: its vector's numbers have the drop together.
    const sharing = model.features.kind === "tokens" ? size / (shape[0] ?? 1) : 1;
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
    const data = Float32Array.from(sums, (sum, e) => (counts[e] === 0 ? 0 : sum / (counts[e] as number) / sharing));
    return { values: { dtype: "float32", shape: [1, ...shape], data }, figures: { windows: boxes.length } };
  },
};

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
