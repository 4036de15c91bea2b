/**
 * @module Deletion and insertion: the score while the features with the highest attributions are taken away, or put in, one after another.
 */
import type { Measure, MeasureContext } from "./measure.js";
import { unitSums, without } from "./measure.js";

/** Score by the share of the input that was deleted or inserted. */
export interface Curve {
  /** Shares of all units, from 0 to 1. */
  readonly shares: Float64Array;
  /** Scores at these shares. */
  readonly scores: Float64Array;
}

/** The area under a curve by trapezoids, with scores scaled so that the whole example has 1 and the baseline 0. */
export function areaUnder({ shares, scores }: Curve, empty: number, full: number): number {
  const range = full - empty;
  if (range === 0) return 0;
  let area = 0;
  for (let i = 1; i < shares.length; i++) {
    const width = (shares[i] as number) - (shares[i - 1] as number);
    area += (width * ((scores[i] as number) + (scores[i - 1] as number) - 2 * empty)) / (2 * range);
  }
  return area;
}

/** The curve of taking units away from x (`deletion`) or putting them into the baseline, the highest attributions first. */
export async function curveOf(context: MeasureContext, kind: "deletion" | "insertion"): Promise<Curve> {
  const { values, unitOf, units, settings, score, ends } = context;
  const sums = unitSums(values, unitOf, units);
  const order = Uint32Array.from({ length: units }, (_, i) => i).sort(
    (a, b) => (sums[b] as number) - (sums[a] as number) || a - b,
  );
  const points = Math.min(settings.samples, units) + 1;
  const counts = Array.from({ length: points }, (_, i) => Math.round((i * units) / (points - 1)));
  const { empty, full } = await ends();
  const scores = new Float64Array(points);
  [scores[0], scores[points - 1]] = kind === "insertion" ? [empty, full] : [full, empty];
  for (let from = 1; from < points - 1; from += AT_ONCE) {
    const part = counts.slice(from, Math.min(points - 1, from + AT_ONCE));
    const chosen = new Uint8Array(part.length * units).fill(kind === "insertion" ? 1 : 0);
    part.forEach((count, i) => {
      for (const unit of order.subarray(0, count)) chosen[i * units + unit] = kind === "insertion" ? 0 : 1;
    });
    scores.set(await score(without(context, chosen)), from);
  }
  return { shares: Float64Array.from(counts, (count) => count / units), scores };
}

/** Inputs that are made at once. */
const AT_ONCE = 32;

const row = { source: "Petsiuk et al. 2018, section 4, arXiv:1806.07421", defaults: { samples: 32 } } as const;

/**
 * The area under the score's curve while features are taken away, highest attributions first.
 *
 * Source: Petsiuk et al., RISE, 2018, section 4.2, arXiv:1806.07421; Samek et al., Evaluating the visualization of what a deep neural network has learned,
 * 2015, arXiv:1509.06321.
 * Differs from the source: scores are scaled to 1 for the example and 0 for the baseline, so that models compare; any score is taken, not probabilities.
 * Checked against: Quantus 0.6, the curve of PixelFlipping; closed forms of additive scores.
 */
export const deletion: Measure = {
  ...row,
  name: "deletion",
  says: "How much of the score is left on average while the marked features are taken away first; low if they mattered.",
  better: "low",
  measure: async (context) => {
    const curve = await curveOf(context, "deletion");
    return areaUnder(curve, curve.scores.at(-1) as number, curve.scores[0] as number);
  },
};

/**
 * The area under the score's curve while features are put into the baseline, highest attributions first.
 *
 * Source, differences, checks: as deletion.
 */
export const insertion: Measure = {
  ...row,
  name: "insertion",
  says: "How much of the score is there on average while the marked features are put in first; high if they suffice.",
  better: "high",
  measure: async (context) => {
    const curve = await curveOf(context, "insertion");
    return areaUnder(curve, curve.scores[0] as number, curve.scores.at(-1) as number);
  },
};
