/**
 * @module Precision over recall of one score: how many of those named are right, as ever more of those to be found are named.
 */

/** One point for each distinct score, best first; of a detector, for each detection that counts. */
export interface PrecisionRecall {
  readonly scores: readonly number[];
  readonly recall: readonly number[];
  readonly precision: readonly number[];
  /** Truths to be found. */
  readonly truths: number;
}

/**
 * The curve of one score, positives against negatives; equal scores are one point. Empty where there is no positive.
 *
 * Checked against: scikit-learn 1.9.1 `precision_recall_curve`, metrics.test.ts.
 * Differs from it: no last point at recall 0 and precision 1, which no score gives; best scores first.
 */
export function precisionRecallCurve(scores: ArrayLike<number>, positive: ArrayLike<boolean | number>): PrecisionRecall {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
  order.sort((a, b) => (scores[b] as number) - (scores[a] as number));
  const truths = Array.from(positive).filter(Boolean).length;
  const curve = { scores: [] as number[], recall: [] as number[], precision: [] as number[], truths };
  if (truths === 0) return curve;
  let found = 0;
  for (const [i, row] of order.entries()) {
    if (positive[row]) found++;
    const score = scores[row] as number;
    if (i + 1 < order.length && scores[order[i + 1] as number] === score) continue;
    curve.scores.push(score);
    curve.recall.push(found / truths);
    curve.precision.push(found / (i + 1));
  }
  return curve;
}

/**
 * The mean of precision, weighted by the recall that each point adds: Σ (rᵢ − rᵢ₋₁)·pᵢ. NaN where nothing is to be found.
 *
 * Checked against: scikit-learn 1.9.1 `average_precision_score`, metrics.test.ts.
 */
export function averagePrecision({ recall, precision, truths }: PrecisionRecall): number {
  if (truths === 0) return NaN;
  return recall.reduce((sum, r, i) => sum + (r - (recall[i - 1] ?? 0)) * (precision[i] as number), 0);
}
