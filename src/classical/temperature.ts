/**
 * @module A temperature for scores that are not logits: margins become probabilities.
 */
import type { Target } from "./gradient-boosting.js";
import { meanLoss } from "./gradient-boosting.js";

/** Bounds of the factor's logarithm, and the width at which the search ends. */
const [LOW, HIGH, WIDTH] = [-5, 5, 1e-4];
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The factor that makes logits of scores: it minimizes the loss on rows with known classes.
 *
 * Shapes: scores [N, K], or [N, 1] for two classes.
 * Source: Guo, Pleiss, Sun, Weinberger, On calibration of modern neural networks, 2017, section 4.2, arXiv:1706.04599: 1/T, by golden section.
 */
export function temperatureOf(scores: Float64Array, target: Target & { readonly kind: "classes" }): number {
  if (target.labels.length === 0) return 1;
  const lossAt = (logarithm: number): number => {
    const factor = Math.exp(logarithm);
    return meanLoss(
      target,
      scores.map((s) => s * factor),
    );
  };
  let [low, high] = [LOW, HIGH];
  let [a, b] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [lossA, lossB] = [lossAt(a), lossAt(b)];
  while (high - low > WIDTH) {
    if (lossA <= lossB) {
      [high, b, lossB] = [b, a, lossA];
      a = high - GOLDEN * (high - low);
      lossA = lossAt(a);
    } else {
      [low, a, lossA] = [a, b, lossB];
      b = low + GOLDEN * (high - low);
      lossB = lossAt(b);
    }
  }
  return Math.exp((low + high) / 2);
}
