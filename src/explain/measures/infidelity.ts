/**
 * @module Infidelity: how badly an attribution predicts what perturbations do to the score.
 */
import type { Measure } from "./measure.js";
import { rangeOf } from "./measure.js";

/**
 * E (β·I·φ − (f(x) − f(x − I)))², over perturbations I; β, where normalized, is the factor that makes it smallest: scales of methods then do not count.
 *
 * Shapes: predicted [S] are I·φ, drops [S] are f(x) − f(x − I).
 */
export function infidelityOf(predicted: ArrayLike<number>, drops: ArrayLike<number>, normalize: boolean): number {
  let [pd, pp] = [0, 0];
  for (let s = 0; s < predicted.length; s++) {
    pd += (predicted[s] as number) * (drops[s] as number);
    pp += (predicted[s] as number) ** 2;
  }
  const beta = normalize ? (pp === 0 ? 1 : pd / pp) : 1;
  let sum = 0;
  for (let s = 0; s < predicted.length; s++) sum += (beta * (predicted[s] as number) - (drops[s] as number)) ** 2;
  return sum / predicted.length;
}

/**
 * Normalized infidelity, over Gaussian perturbations, divided by the mean square of the drops: 0 predicts all, 1 nothing.
 *
 * Source: Yeh et al., On the (in)fidelity and sensitivity of explanations, 2019, definition 2.1, arXiv:1901.09392.
 * Differs from the source: normalized, so that methods of different scale compare (captum#613).
 * Checked against: Captum 0.9, infidelity with normalize, of the same perturbations (`infidelityOf`).
 */
export const infidelity: Measure = {
  name: "infidelity",
  says: "How much of what small perturbations do to the score the attribution does not predict, from 0 to 1.",
  better: "low",
  source: "Yeh et al. 2019, arXiv:1901.09392",
  defaults: { samples: 64, radius: 0.1 },
  measure: async ({ x, values, score, settings, random }) => {
    const { samples, radius } = settings;
    const sigma = radius * rangeOf(x);
    const size = values.length;
    const draw = random("infidelity");
    const data = new Float32Array((samples + 1) * size);
    const predicted = new Float64Array(samples);
    for (let e = 0; e < size; e++) data[samples * size + e] = Number(x.data[e]);
    for (let s = 0; s < samples; s++) {
      for (let e = 0; e < size; e++) {
        const change = sigma * draw.normal();
        data[s * size + e] = Number(x.data[e]) - change;
        predicted[s] = (predicted[s] as number) + change * (values[e] as number);
      }
    }
    const scores = await score({ dtype: "float32", shape: [samples + 1, ...x.shape.slice(1)], data });
    const drops = scores.subarray(0, samples).map((v) => (scores[samples] as number) - v);
    const whole = drops.reduce((sum, d) => sum + d * d, 0) / samples;
    return whole === 0 ? 0 : infidelityOf(predicted, drops, true) / whole;
  },
};
