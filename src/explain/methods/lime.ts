/**
 * @module LIME: a linear model of the score around one example.
 */
import type { TensorData } from "../../graph/index.js";
import { DTYPES, sizeOf, toNumbers } from "../../graph/index.js";
import { ridgeFit, type RidgeFit } from "../../util/least-squares.js";
import type { Random } from "../../util/random.js";
import type { Interval } from "../attribution.js";
import { binsOf } from "../bins.js";
import type { SamplingContext, SamplingMethod } from "../method.js";

/** Perturbed copies of an example as switches [S, F], 1 where a part is as in the example, with the scores that they got. */
interface Neighbours {
  readonly switches: Uint8Array;
  readonly scores: Float64Array;
  readonly names: readonly string[];
  readonly partOf?: Int32Array;
}

/** √exp(−d²/width²): how much a neighbour counts. */
export const limeKernel = (distance: number, width: number): number => Math.sqrt(Math.exp(-((distance / width) ** 2)));

/** Weights [S] of neighbours: by 1 − cosine of their switches and all ones, or by the Euclidean distance of the switches. */
export function neighbourWeights(
  switches: Uint8Array,
  players: number,
  width: number,
  distance: "cosine" | "euclidean",
): Float64Array {
  return Float64Array.from({ length: switches.length / players }, (_, s) => {
    let on = 0;
    for (let i = 0; i < players; i++) on += switches[s * players + i] as number;
    return limeKernel(distance === "euclidean" ? Math.sqrt(players - on) : on === 0 ? 1 : 1 - Math.sqrt(on / players), width);
  });
}

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

/** The example itself, and copies with each part off with chance ½. */
async function partNeighbours({ game, settings, random, progress }: SamplingContext): Promise<Neighbours> {
  const { players, names, partOf, play } = await game();
  const draw = random("lime");
  const switches = Uint8Array.from({ length: settings.samples * players }, (_, i) => (i < players ? 1 : draw.bits() >>> 31));
  const scores = await play(switches, settings.samples, progress);
  return { switches, scores, names, partOf };
}

/** The example itself, and rows whose columns are drawn one by one from the background. */
async function tableNeighbours({ x, baselines, model, settings, random, score }: SamplingContext): Promise<Neighbours> {
  const columns = sizeOf(x.shape.slice(1));
  const rows = baselines.shape[0] ?? 1;
  const [own, background] = [toNumbers(x), toNumbers(baselines)];
  const bins = Array.from({ length: columns }, (_, c) =>
    binsOf(Float64Array.from({ length: rows }, (_, r) => background[r * columns + c] as number)),
  );
  const draw = random("lime");
  const data = DTYPES[x.dtype].create(settings.samples * columns) as Float32Array;
  const switches = new Uint8Array(settings.samples * columns);
  for (let s = 0; s < settings.samples; s++) {
    for (let c = 0; c < columns; c++) {
      const value = s === 0 ? (own[c] as number) : (background[draw.integer(rows) * columns + c] as number);
      data[s * columns + c] = value;
      switches[s * columns + c] = bins[c]?.binOf(value) === bins[c]?.binOf(own[c] as number) ? 1 : 0;
    }
  }
  const neighbours: TensorData = { dtype: x.dtype, shape: [settings.samples, ...x.shape.slice(1)], data };
  const names = bins.map((bin, c) => bin.nameOf(own[c] as number, model.features.names?.[c] ?? `feature ${c}`));
  return { switches, scores: await score(neighbours), names, partOf: Int32Array.from({ length: columns }, (_, c) => c) };
}

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
