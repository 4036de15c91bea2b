/**
 * @module KernelSHAP: Shapley values as a weighted least-squares fit to sampled coalitions.
 */
import { solveSymmetric } from "../../util/least-squares.js";
import type { Random } from "../../util/random.js";
import { bounds } from "../game.js";
import type { SamplingMethod } from "../method.js";
import { binomial, eachSubset } from "../subsets.js";

/** Coalitions [S, F] with the weights of their rows. */
export interface Coalitions {
  readonly count: number;
  readonly masks: Uint8Array;
  readonly weights: Float64Array;
}

/**
 * Coalitions for a fit, each with its complement: whole sizes, the smallest and largest first, as long as they are affordable; then draws from the sizes
 * that are left, by the kernel's weight (n − 1)/(s·(n − s)) of a size. Drawn ones share the weight that is left.
 *
 * Source: Lundberg and Lee 2017, arXiv:1705.07874, theorem 2; Covert and Lee, Improving KernelSHAP, 2021, section 4, arXiv:2012.01536 (paired draws).
 */
export function drawCoalitions(players: number, samples: number, random: Random): Coalitions {
  const masks = new Uint8Array((samples + 2) * players);
  const weights = new Float64Array(samples + 2);
  const sizes = Math.floor(players / 2);
  const kernel = Float64Array.from(
    { length: sizes },
    (_, i) => ((players - 1) / ((i + 1) * (players - i - 1))) * (2 * (i + 1) === players ? 1 : 2),
  );
  const total = kernel.reduce((a, b) => a + b, 0);
  let count = 0;
  let size = 1;
  for (; size <= sizes; size++) {
    const isHalf = 2 * size === players;
    const subsets = binomial(players, size);
    const needed = isHalf ? subsets : 2 * subsets;
    if (count + needed > samples) break;
    const weight = (kernel[size - 1] as number) / total / needed;
    eachSubset(players, size, (chosen) => {
      count = addPair(masks, weights, count, chosen, weight, players, isHalf);
    });
  }
  const rest = kernel.subarray(size - 1);
  const left = rest.reduce((a, b) => a + b, 0);
  const drawn = samples - count - ((samples - count) % 2);
  if (left > 0 && drawn > 0) {
    const order = Uint32Array.from({ length: players }, (_, i) => i);
    for (let i = 0; i < drawn; i += 2) {
      count = addPair(
        masks,
        weights,
        count,
        drawSubset(order, size + pick(rest, left, random), random),
        left / total / drawn,
        players,
        false,
      );
    }
  }
  return { count, masks: masks.subarray(0, count * players), weights: weights.subarray(0, count) };
}

/** Adds a coalition, and its complement unless the subsets of half the size hold that already. */
function addPair(
  masks: Uint8Array,
  weights: Float64Array,
  at: number,
  chosen: Uint32Array,
  weight: number,
  players: number,
  alone: boolean,
): number {
  const start = at * players;
  for (const i of chosen) masks[start + i] = 1;
  weights[at] = weight;
  if (alone) return at + 1;
  for (let i = 0; i < players; i++) masks[start + players + i] = 1 - (masks[start + i] as number);
  weights[at + 1] = weight;
  return at + 2;
}

/** A place, with chances as given. */
function pick(chances: Float64Array, total: number, random: Random): number {
  let u = random.uniform() * total;
  let i = 0;
  for (; i < chances.length - 1 && u >= (chances[i] as number); i++) u -= chances[i] as number;
  return i;
}

/** The first `size` of an order that is shuffled as far. */
function drawSubset(order: Uint32Array, size: number, random: Random): Uint32Array {
  for (let i = 0; i < size; i++) {
    const j = i + random.integer(order.length - i);
    const swapped = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swapped;
  }
  return order.subarray(0, size);
}

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
      parts: { names, values: shapleyRegression(coalitions, players, scores, ends), ...(partOf && { partOf }) },
      figures: { coalitions: coalitions.count },
    };
  },
};
