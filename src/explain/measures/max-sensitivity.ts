/**
 * @module Max-sensitivity: how far an attribution changes under small changes of the input.
 */
import type { Measure } from "./measure.js";
import { rangeOf } from "./measure.js";

/** ‖a − b‖/‖b‖, Euclidean; 0 of two zeros. */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let e = 0; e < b.length; e++) {
    difference += ((a[e] as number) - (b[e] as number)) ** 2;
    size += (b[e] as number) ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / (size || Number.MIN_VALUE));
}

/**
 * max ‖φ(x + δ) − φ(x)‖ / ‖φ(x)‖ over random δ with |δ| at most a fraction of the range of x in every feature.
 *
 * Source: Yeh et al. 2019, definition 4.1, arXiv:1901.09392.
 * Differs from the source: the maximum is over `samples` random δ, as in Captum.
 * Checked against: Captum 0.9, sensitivity_max, of the same δ (`relativeDistance`).
 */
export const maxSensitivity: Measure = {
  name: "max-sensitivity",
  says: "How far the attribution moves, as a fraction of itself, when the input moves a little.",
  better: "low",
  source: "Yeh et al. 2019, arXiv:1901.09392",
  defaults: { samples: 8, radius: 0.02 },
  explains: true,
  measure: async ({ x, values, explain, settings, random }) => {
    const radius = settings.radius * rangeOf(x);
    let most = 0;
    for (let s = 0; s < settings.samples; s++) {
      const draw = random("max-sensitivity", s);
      const data = Float32Array.from(x.data as Float32Array, (v) => v + draw.uniform(-radius, radius));
      most = Math.max(most, relativeDistance(await explain({ ...x, data }), values));
    }
    return most;
  },
};
