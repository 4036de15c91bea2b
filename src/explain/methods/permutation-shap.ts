/**
 * @module Permutation sampling: Shapley values as means over orders in which parts are added.
 */
import type { SamplingMethod } from "../method.js";

/**
 * The mean of v(S ∪ i) − v(S) over random orders, each walked forwards and backwards; every walk alone already sums to the whole difference.
 *
 * Shapes: F parts → F values.
 * Cost:   2·F answers an order for each background; `samples` orders.
 * Source: Castro et al., Polynomial calculation of the Shapley value based on sampling, 2009; Mitchell et al., Sampling permutations for Shapley value
 * estimation, 2021, section 4 (antithetic orders), arXiv:2104.12199.
 * Checked against: exact Shapley values: for games of pairs one order is enough.
 */
export const permutationShap: SamplingMethod = {
  name: "permutation-shap",
  kind: "sampling",
  asserts: "As Shapley values: each part's change of the score, the mean over some orders of adding them.",
  misleads:
    "Absent parts are replaced by the background's, which may make inputs that never occur; few orders give rough values.",
  source: "Castro et al. 2009; Mitchell et al. 2021, arXiv:2104.12199",
  needs: ["background", "parts"],
  sumsTo: "difference",
  defaults: { samples: 10, superpixels: 50, seed: 0 },
  run: async ({ game, settings, random, progress, signal }) => {
    const { players, names, partOf, play } = await game();
    const values = new Float64Array(players);
    const squares = new Float64Array(players);
    const shuffle = random("permutation-shap");
    let baselineScore = 0;
    for (let s = 0; s < settings.samples; s++) {
      signal?.throwIfAborted();
      const order = shuffle.permutation(players);
      const scores = await play(chains(order), 2 * players);
      baselineScore = scores[0] as number;
      const full = scores[players] as number;
      for (let k = 0; k < players; k++) {
        const i = order[k] as number;
        const forward = (scores[k + 1] as number) - (scores[k] as number);
        const [before, after] = [
          backward(scores, players, k, baselineScore, full),
          backward(scores, players, k + 1, baselineScore, full),
        ];
        const both = (forward + before - after) / 2;
        values[i] = (values[i] as number) + both / settings.samples;
        squares[i] = (squares[i] as number) + both ** 2 / settings.samples;
      }
      progress((s + 1) / settings.samples);
    }
    const error = (i: number): number =>
      1.96 * Math.sqrt(Math.max(0, (squares[i] as number) - (values[i] as number) ** 2) / Math.max(1, settings.samples - 1));
    const intervals = Array.from(values, (v, i) => ({ low: v - error(i), high: v + error(i) }));
    return {
      baselineScore,
      parts: { names, values, intervals: settings.samples > 1 ? intervals : undefined, partOf },
      figures: { orders: 2 * settings.samples },
    };
  },
};

/** The coalitions of an order: ∅ and every start of it up to all; then every end of it that is neither. */
function chains(order: Uint32Array): Uint8Array {
  const players = order.length;
  const masks = new Uint8Array(2 * players * players);
  order.forEach((i, k) => {
    for (let row = k + 1; row <= players; row++) masks[row * players + i] = 1;
    // Row players + r holds the players from place r on.
    for (let row = 1; row < players && row <= k; row++) masks[(players + row) * players + i] = 1;
  });
  return masks;
}

/** The score of the players from place r on. */
const backward = (scores: Float64Array, players: number, r: number, empty: number, full: number): number =>
  r === 0 ? full : r === players ? empty : (scores[players + r] as number);
