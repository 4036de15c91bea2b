/**
 * @module LIME: a linear model of the score around one example.
 */
import { ridgeFit, type RidgeFit } from "../../util/least-squares.js";
import type { Random } from "../../util/random.js";
import type { Interval } from "../attribution.js";
import type { SamplingContext, SamplingMethod } from "../method.js";
import { neighbourWeights, partNeighbours, tableNeighbours } from "../neighbours.js";

/**
 * The coefficients of a ridge regression on which parts are as in the example, over neighbours weighted by nearness.
 *
 * Images: superpixels, replaced by the baseline. Texts: words. Tables with a background: columns are cut at the background's quartiles, and a part is on
 * where a neighbour's value is in the example's bin. Coefficients come with intervals of a bootstrap over the neighbours, and with `stability`, the mean
 * cosine between the coefficients and those of the resamplings (1: a second run gives the same).
 * Shapes: F parts → F coefficients.
 * Cost:   `samples` answers.
 * Source: Ribeiro et al., "Why should I trust you?", 2016, equation 1 and algorithm 1, arXiv:1602.04938; numbers as lime 0.2.
 * Differs from the source: all parts are kept (no feature selection); the kernel's width is a fraction, for texts as for images; columns' neighbours are
 * drawn within their bins from the background's own values; intervals and stability.
 * Checked against: lime 0.2, LimeBase, with the same neighbours.
 */
export const lime: SamplingMethod = {
  name: "lime",
  kind: "sampling",
  asserts: "Near this example the score behaves as if each part added its coefficient.",
  misleads:
    "Another draw of neighbours, or another kernel, may give another answer: look at the intervals; a bad fit (r²) explains nothing.",
  source: "Ribeiro et al. 2016, arXiv:1602.04938",
  needs: ["background", "parts"],
  defaults: { samples: 1000, kernelWidth: 0.25, ridge: 1, bootstrap: 100, superpixels: 50, seed: 0 },
  run: async (context) => {
    const { settings, random, model } = context;
    const isTable = model.features.kind === "table" && model.parts === undefined && (context.baselines.shape[0] ?? 1) > 1;
    const { switches, scores, names, partOf } = await (isTable ? tableNeighbours : partNeighbours)(context);
    const players = names.length;
    const width = isTable ? 0.75 * Math.sqrt(players) : settings.kernelWidth;
    const weights = neighbourWeights(switches, players, width, isTable ? "euclidean" : "cosine");
    const fit = ridgeFit(switches, scores, weights, players, settings.ridge);
    const { intervals, stability } = resampled(fit, switches, scores, weights, players, settings, random("bootstrap"));
    return {
      parts: { names, values: fit.coefficients, intervals, partOf },
      figures: { r2: fit.r2, intercept: fit.intercept, ...(stability !== undefined && { stability }) },
    };
  },
};

/** Refits on bootstrap resamples of the same neighbours, to measure how far the fit depends on the draw. */
function resampled(
  fit: RidgeFit,
  switches: Uint8Array,
  scores: Float64Array,
  weights: Float64Array,
  players: number,
  { bootstrap, ridge }: SamplingContext["settings"],
  random: Random,
): { readonly intervals?: readonly Interval[]; readonly stability?: number } {
  if (bootstrap < 2) return {};
  const rounds = Array.from({ length: bootstrap }, () => {
    const counts = new Float64Array(scores.length);
    for (let i = 0; i < counts.length; i++) {
      const s = random.integer(counts.length);
      counts[s] = (counts[s] as number) + 1;
    }
    return ridgeFit(
      switches,
      scores,
      weights.map((w, s) => w * (counts[s] as number)),
      players,
      ridge,
    ).coefficients;
  });
  const intervals = Array.from({ length: players }, (_, i) => {
    const sorted = Float64Array.from(rounds, (c) => c[i] as number).sort();
    const at = (q: number): number => sorted[Math.round(q * (sorted.length - 1))] as number;
    return { low: at(0.025), high: at(0.975) };
  });
  const stability = rounds.reduce((sum, c) => sum + cosine(c, fit.coefficients), 0) / bootstrap;
  return { intervals, stability };
}

/** Two vectors' cosine; 1 of two zeros. */
function cosine(a: Float64Array, b: Float64Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((v, i) => {
    const w = b[i] as number;
    [ab, aa, bb] = [ab + v * w, aa + v * v, bb + w * w];
  });
  return aa === 0 && bb === 0 ? 1 : ab / Math.sqrt(aa * bb || 1);
}
