/**
 * @module Sensitivity-n: whether sums of attributions go with what taking those features away does.
 */
import type { Measure } from "./measure.js";
import { pearson, unitSums, without } from "./measure.js";

/** Subsets of each size. */
const PER_SIZE = 16;

/**
 * The correlation between Σ of the attributions of n random units and the drop of the score when they become the baseline, the mean over several n from one
 * unit to four fifths of all.
 *
 * Source: Ancona et al., Towards better understanding of gradient-based attribution methods, 2017, section 3.3, arXiv:1711.06104.
 * Differs from the source: one number, over sizes that grow evenly in the logarithm.
 * Checked against: a linear model, where input × gradient has 1.
 */
export const sensitivityN: Measure = {
  name: "sensitivity-n",
  says: "How well sums of attributions go with what taking those features away does, from −1 to 1.",
  better: "high",
  source: "Ancona et al. 2017, arXiv:1711.06104",
  defaults: { samples: 96 },
  measure: async (context) => {
    const { values, unitOf, units, score, ends, settings, random } = context;
    const sums = unitSums(values, unitOf, units);
    const rounds = Math.max(1, Math.round(settings.samples / PER_SIZE));
    const { full } = await ends();
    const draw = random("sensitivity-n");
    let total = 0;
    for (let round = 0; round < rounds; round++) {
      const n = Math.max(1, Math.round((0.8 * units) ** ((round + 1) / rounds)));
      const chosen = new Uint8Array(PER_SIZE * units);
      const predicted = new Float64Array(PER_SIZE);
      for (let s = 0; s < PER_SIZE; s++) {
        for (const unit of draw.permutation(units).subarray(0, n)) {
          chosen[s * units + unit] = 1;
          predicted[s] = (predicted[s] as number) + (sums[unit] as number);
        }
      }
      const scores = await score(without(context, chosen));
      total += pearson(
        predicted,
        scores.map((v) => full - v),
      );
    }
    return total / rounds;
  },
};
