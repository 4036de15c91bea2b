/**
 * @module Masks of single weights: those of the least magnitude become zero, each layer alike or over all layers.
 */
import type { TensorData } from "../../graph/index.js";
import { fromNumbers, toNumbers } from "../../graph/index.js";

/** Whether a weight's elements are pruned one by one: matrices and kernels, not biases and scales. */
export const isMasked = ({ shape }: { readonly shape: readonly number[] }): boolean => shape.length > 1;

/** The quantile of numbers: the value that a share of them lies below. */
function quantile(numbers: Float64Array, share: number): number {
  const sorted = numbers.slice().sort();
  const at = Math.round(sorted.length * share);
  return at >= sorted.length ? Infinity : (sorted[at] as number);
}

/** Masks of 0 and 1 for weights, by path: `sparsity` of all their elements become 0. */
export function magnitudeMasks(
  weights: ReadonlyMap<string, TensorData>,
  sparsity: number,
  scope: "global" | "layer",
): Map<string, TensorData> {
  const magnitudes = new Map([...weights].filter(([, t]) => isMasked(t)).map(([path, t]) => [path, toNumbers(t).map(Math.abs)]));
  const size = [...magnitudes.values()].reduce((sum, m) => sum + m.length, 0);
  const all = new Float64Array(scope === "global" ? size : 0);
  let at = 0;
  if (scope === "global")
    for (const m of magnitudes.values()) {
      all.set(m, at);
      at += m.length;
    }
  const common = scope === "global" ? quantile(all, sparsity) : undefined;
  return new Map(
    [...magnitudes].map(([path, m]) => {
      const bound = common ?? quantile(m, sparsity);
      const { dtype, shape } = weights.get(path) as TensorData;
      return [
        path,
        fromNumbers(
          dtype,
          shape,
          m.map((v) => (v < bound ? 0 : 1)),
        ),
      ];
    }),
  );
}

/**
 * The share of weights that is 0 at a point of a training, 0…1: it rises cubically until `until`, and stays.
 *
 * Source: Zhu and Gupta 2017, arXiv:1710.01878, equation 1.
 */
export const cubicSparsity = (target: number, progress: number, until = 0.6): number =>
  progress >= until ? target : target * (1 - (1 - progress / until) ** 3);
