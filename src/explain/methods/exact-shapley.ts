/**
 * @module Exact Shapley values, by playing every coalition.
 */
import { ConfigError } from "../../util/errors.js";
import { range } from "../../util/range.js";
import type { Game } from "../game.js";
import type { SamplingMethod } from "../method.js";

/** Most players of an exact game: 65,536 coalitions. */
export const MOST_PLAYERS = 16;

/** The scores of all 2^F coalitions; coalition b has player i where bit i of b is set. Errors: ConfigError beyond 16 players. */
export async function allScores({ players, play }: Pick<Game, "players" | "play">): Promise<Float64Array> {
  if (players > MOST_PLAYERS)
    throw new ConfigError(
      `exact-shapley: expected at most ${MOST_PLAYERS} parts, got ${players}; take kernel-shap, permutation-shap or partition-shap`,
    );
  const count = 2 ** players;
  const coalitions = new Uint8Array(count * players);
  for (let b = 0; b < count; b++) for (let i = 0; i < players; i++) coalitions[b * players + i] = (b >> i) & 1;
  return play(coalitions, count);
}

/** |S|!·(n − |S| − 1)!/n! for every size of S. */
const shapleyWeights = (n: number): Float64Array => {
  const weights = new Float64Array(n);
  weights[0] = 1 / n;
  for (let s = 1; s < n; s++) weights[s] = ((weights[s - 1] as number) * s) / (n - s);
  return weights;
};

/** How many bits are set. */
export const bitCount = (b: number): number => {
  let count = 0;
  for (let rest = b; rest > 0; rest &= rest - 1) count++;
  return count;
};

/** φᵢ = Σ over S without i of |S|!·(n − |S| − 1)!/n! · (v(S ∪ i) − v(S)), from the scores of all coalitions. */
export function shapleyValues(scores: Float64Array, players: number): Float64Array {
  const weights = shapleyWeights(players);
  const values = new Float64Array(players);
  for (let b = 0; b < scores.length; b++) {
    const weight = weights[bitCount(b)] as number;
    for (let i = 0; i < players; i++) {
      const bit = 1 << i;
      if ((b & bit) === 0) values[i] = (values[i] as number) + weight * ((scores[b | bit] as number) - (scores[b] as number));
    }
  }
  return values;
}

/**
 * Shapley interaction values [F, F]: what two parts together add beyond what each adds alone; the diagonal holds the rest, so that rows sum to Shapley
 * values.
 *
 *     φᵢⱼ = Σ over S without i, j of |S|!·(n − |S| − 2)!/(2·(n − 1)!) · (v(S ∪ ij) − v(S ∪ i) − v(S ∪ j) + v(S))
 *
 * Source: Lundberg et al., Consistent individualized feature attribution for tree ensembles, 2018, equations 3 to 6, arXiv:1802.03888.
 */
export function shapleyInteractions(scores: Float64Array, players: number): Float64Array {
  const weights = players > 1 ? shapleyWeights(players - 1).map((w) => w / 2) : new Float64Array(1);
  const result = new Float64Array(players * players);
  for (let b = 0; b < scores.length; b++) {
    const weight = weights[bitCount(b)] ?? 0;
    for (let i = 0; i < players; i++) {
      for (let j = 0; j < i; j++) {
        const [x, y] = [1 << i, 1 << j];
        if ((b & (x | y)) !== 0) continue;
        const both =
          (scores[b | x | y] as number) - (scores[b | x] as number) - (scores[b | y] as number) + (scores[b] as number);
        result[i * players + j] = (result[i * players + j] as number) + weight * both;
      }
    }
  }
  const values = shapleyValues(scores, players);
  for (const i of range(0, players)) for (const j of range(0, i)) result[j * players + i] = result[i * players + j] as number;
  for (const i of range(0, players)) {
    const others = range(0, players).reduce((sum, j) => (j === i ? sum : sum + (result[i * players + j] as number)), 0);
    result[i * players + i] = (values[i] as number) - others;
  }
  return result;
}

/**
 * Shapley values of at most 16 parts, with interaction values.
 *
 * Shapes: F parts → F values, [F, F] interactions.
 * Errors: ConfigError beyond 16 parts.
 * Cost:   2^F answers for each background.
 * Source: Shapley, A value for n-person games, 1953; Lundberg and Lee 2017, equation 4, arXiv:1705.07874.
 * Checked against: sums over all orders; shap 0.51, ExactExplainer.
 */
export const exactShapley: SamplingMethod = {
  name: "exact-shapley",
  kind: "sampling",
  asserts:
    "Added in every possible order, each part changes the score by so much on average; all of the difference is given out.",
  misleads: "Absent parts are replaced by the background's, which may make inputs that never occur together.",
  source: "Shapley 1953; Lundberg and Lee 2017, arXiv:1705.07874",
  needs: ["background", "parts"],
  sumsTo: "difference",
  defaults: { superpixels: 12 },
  run: async ({ game }) => {
    const { players, names, partOf, play } = await game();
    const scores = await allScores({ players, play });
    return {
      baselineScore: scores[0] as number,
      parts: {
        names,
        values: shapleyValues(scores, players),
        interactions: shapleyInteractions(scores, players),
        partOf,
      },
      figures: { coalitions: scores.length },
    };
  },
};
