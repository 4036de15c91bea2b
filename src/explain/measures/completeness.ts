/**
 * @module Completeness: whether attributions sum to the difference of scores that they explain.
 */
import type { Measure } from "./measure.js";

/**
 * |Σ φ − (f(x) − f(b))| / max(|f(x) − f(b)|, 0.01 · |f(x)|).
 *
 * Source: Sundararajan et al. 2017, proposition 1, arXiv:1703.01365.
 * Differs from the source: as a fraction of the difference of scores.
 * Checked against: a linear model, where input × gradient has 0.
 */
export const completeness: Measure = {
  name: "completeness",
  says: "How far the attributions' sum is from the difference that they are of, as a fraction of it.",
  better: "low",
  source: "Sundararajan et al. 2017, arXiv:1703.01365",
  defaults: {},
  measure: async ({ values, ends }) => {
    const { full: top, empty: bottom } = await ends();
    const sum = values.reduce((a, b) => a + b, 0);
    const scale = Math.max(Math.abs(top - bottom), 0.01 * Math.abs(top));
    return scale === 0 ? Math.abs(sum) : Math.abs(sum - (top - bottom)) / scale;
  },
};
