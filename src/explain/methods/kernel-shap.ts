/**
 * @module KernelSHAP: Shapley values as a weighted least-squares fit to sampled coalitions.
 */
import { solveSymmetric } from "../../util/least-squares.js";
import { type Coalitions, drawCoalitions } from "../coalitions.js";
import { bounds } from "../game.js";
import type { SamplingMethod } from "../method.js";

/**
 * argmin over φ of Σ w_S·(v(S) − v(∅) − Σ_{i∈S} φᵢ)², where Σ φ = v(all) − v(∅): the last player is taken out by the constraint.
 *
 * Shapes: masks [S, F], weights and scores [S] → [F].
 */
export function shapleyRegression(
  { count, masks, weights }: Coalitions,
  players: number,
  scores: ArrayLike<number>,
  { empty, full }: { readonly empty: number; readonly full: number },
): Float64Array {
  const n = players - 1;
  if (n <= 0) return Float64Array.of(full - empty);
  const a = new Float64Array(n * n);
  const b = new Float64Array(n);
  // x_i − x_last is −1, 0 or 1: only the players whose bit differs from the last one's count.
  const differing = new Int32Array(n);
  for (let s = 0; s < count; s++) {
    const start = s * players;
    const last = masks[start + n] as number;
    const weight = weights[s] as number;
    let found = 0;
    for (let i = 0; i < n; i++) if (masks[start + i] !== last) differing[found++] = i;
    const target = (scores[s] as number) - empty - last * (full - empty);
    const signed = weight * (last === 0 ? target : -target);
    for (let p = 0; p < found; p++) {
      const i = differing[p] as number;
      b[i] = (b[i] as number) + signed;
      const row = i * n;
      for (let q = 0; q <= p; q++) {
        const at = row + (differing[q] as number);
        a[at] = (a[at] as number) + weight;
      }
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j] as number;
  const values = new Float64Array(players);
  values.set(solveSymmetric(a, b, n));
  values[n] = full - empty - values.reduce((sum, v) => sum + v, 0);
  return values;
}

/**
 * Shapley values from sampled coalitions; with as many samples as there are coalitions, exactly.
 *
 * Shapes: F parts → F values, of sum score − E score of the background.
 * Cost:   `samples` answers for each background.
 * Source: Lundberg and Lee, A unified approach to interpreting model predictions, 2017, theorem 2, arXiv:1705.07874.
 * Differs from the source: coalitions come in pairs (a set and the rest), which halves the variance; no features are left out by lasso.
 * Checked against: shap 0.51, KernelExplainer, with the same coalitions; exact Shapley values.
 */
export const kernelShap: SamplingMethod = {
  name: "kernel-shap",
  kind: "sampling",
  asserts: "As Shapley values: each part's change of the score, the mean over all orders, estimated from some coalitions.",
  misleads:
    "Absent parts are replaced by the background's, which may make inputs that never occur; with few samples and many parts the values are rough.",
  source: "Lundberg and Lee 2017, arXiv:1705.07874",
  needs: ["background", "parts"],
  sumsTo: "difference",
  defaults: { samples: 2048, superpixels: 50, seed: 0 },
  run: async ({ game, settings, random, progress }) => {
    const { players, names, partOf, play } = await game();
    const ends = await bounds({ players, play });
    const coalitions = drawCoalitions(players, Math.max(2, settings.samples), random("kernel-shap"));
    const scores = await play(coalitions.masks, coalitions.count, progress);
    return {
      baselineScore: ends.empty,
      parts: { names, values: shapleyRegression(coalitions, players, scores, ends), partOf },
      figures: { coalitions: coalitions.count },
    };
  },
};
