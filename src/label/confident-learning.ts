/**
 * @module Confident learning: which labels are probably wrong, from probabilities that a model gave to examples which it was not trained on.
 *
 * Source: Northcutt, Jiang, Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels, arXiv:1911.00068.
 * Checked against: cleanlab 2.9, to 1e-6 on the same probabilities, in confident-learning.test.ts.
 */
import { ShapeError } from "../util/errors.js";

/** Probabilities [N, K], row-major, and the labels that were given, 0 … K − 1. */
export interface ScoredLabels {
  readonly labels: ArrayLike<number>;
  readonly probabilities: ArrayLike<number>;
  readonly classes: number;
}

/** Ties of probabilities and thresholds are as cleanlab has them. */
const TOLERANCE = 1e-6;

const at = ({ probabilities, classes }: ScoredLabels, i: number, k: number): number => probabilities[i * classes + k] as number;

function checkSizes({ labels, probabilities, classes }: ScoredLabels): void {
  if (probabilities.length !== labels.length * classes)
    throw new ShapeError(`confident learning: expected ${labels.length} × ${classes} probabilities, got ${probabilities.length}`);
}

/** Scores of labels in 0 … 1, least where the label is probably wrong. */
export type LabelScore = "self-confidence" | "normalized-margin" | "confidence-weighted-entropy";

/**
 * Scores each label by the probabilities p of its example and the given class y.
 *
 *     self-confidence                p[y]
 *     normalized-margin              (p[y] − max p[k ≠ y] + 1) / 2
 *     confidence-weighted-entropy    ln(1 + e) / e,  e = H(p) / (ln K · p[y])
 */
export function labelScores(scored: ScoredLabels, score: LabelScore = "self-confidence"): Float64Array {
  checkSizes(scored);
  const { labels, classes } = scored;
  return Float64Array.from(labels, (label, i) => {
    const own = at(scored, i, label);
    if (score === "self-confidence") return own;
    if (score === "normalized-margin") {
      let best = -Infinity;
      for (let k = 0; k < classes; k++) if (k !== label) best = Math.max(best, at(scored, i, k));
      return (own - best + 1) / 2;
    }
    const weighted = entropyOf(scored, i) / Math.max(own, TOLERANCE);
    return Math.log(weighted + 1) / Math.max(weighted, TOLERANCE);
  });
}

/** Entropy of a row, over that of equal probabilities. */
function entropyOf(scored: ScoredLabels, i: number): number {
  let sum = 0;
  for (let k = 0; k < scored.classes; k++) {
    const p = at(scored, i, k);
    if (p > 0) sum -= p * Math.log(p);
  }
  return sum / Math.log(scored.classes);
}

/** The mean probability of each class among the examples labelled so; 2, which none reaches, where there are none. Equation 2 of the source. */
export function confidentThresholds(scored: ScoredLabels): Float64Array {
  checkSizes(scored);
  const { labels, classes } = scored;
  const [sums, counts] = [new Float64Array(classes), new Float64Array(classes)];
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    sums[label] = (sums[label] as number) + at(scored, i, label);
    counts[label] = (counts[label] as number) + 1;
  }
  return sums.map((sum, k) => (counts[k] === 0 ? 2 : Math.max(2 * TOLERANCE, sum / (counts[k] as number))));
}

function likeliest(scored: ScoredLabels, i: number): number {
  let best = 0;
  for (let k = 1; k < scored.classes; k++) if (at(scored, i, k) > at(scored, i, best)) best = k;
  return best;
}

/** The class that an example confidently belongs to: the likeliest of those that reach their threshold; undefined if none does. */
function confidentClass(scored: ScoredLabels, i: number, thresholds: Float64Array): number | undefined {
  let [only, reached] = [-1, 0];
  for (let k = 0; k < scored.classes; k++) {
    if (at(scored, i, k) < (thresholds[k] as number) - TOLERANCE) continue;
    if (reached++ === 0) only = k;
  }
  return reached === 0 ? undefined : reached === 1 ? only : likeliest(scored, i);
}

export interface ConfidentJoint {
  /** Examples by given label (row) and the class that they confidently belong to (column), [K, K]; the diagonal is at least 1. */
  readonly counts: readonly (readonly number[])[];
  /** Examples whose confident class is another than their label, and whose likeliest class is, too. */
  readonly issues: readonly number[];
  /** The confident class of each of these. */
  readonly suggested: readonly number[];
}

/** The confident joint. Equation 1 of the source. */
export function confidentJoint(scored: ScoredLabels, thresholds: Float64Array = confidentThresholds(scored)): ConfidentJoint {
  const { labels, classes } = scored;
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const [issues, suggested]: [number[], number[]] = [[], []];
  for (let i = 0; i < labels.length; i++) {
    const found = confidentClass(scored, i, thresholds);
    if (found === undefined) continue;
    const row = counts[labels[i] as number] as number[];
    row[found] = (row[found] as number) + 1;
    // A label that the model itself gives is not wrong, whatever the thresholds say.
    if (found === labels[i] || likeliest(scored, i) === labels[i]) continue;
    issues.push(i);
    suggested.push(found);
  }
  for (const [k, row] of counts.entries()) row[k] = Math.max(1, row[k] as number);
  return { counts, issues, suggested };
}

/** The examples of two classes that are confidently of the other one. */
export interface ClassOverlap {
  readonly a: number;
  readonly b: number;
  readonly count: number;
}

/** Pairs of classes that are taken for each other, those with the most examples first. */
export function classOverlaps({ counts }: ConfidentJoint): ClassOverlap[] {
  return counts
    .flatMap((row, a) => row.slice(a + 1).map((n, j) => ({ a, b: a + 1 + j, count: n + (counts[a + 1 + j]?.[a] ?? 0) })))
    .filter(({ count }) => count > 0)
    .sort((x, y) => y.count - x.count);
}

/**
 * How far each example looks like the data, in 0 … 1: 1 − H(p′) / ln K, where p′ are the probabilities less each class's threshold, shifted and scaled to sum
 * to 1. Least for examples that are of no class.
 */
export function inDistributionScores(scored: ScoredLabels, thresholds: Float64Array = confidentThresholds(scored)): Float64Array {
  checkSizes(scored);
  const { classes, labels } = scored;
  const shift = Math.max(...thresholds);
  const adjusted = new Float64Array(scored.probabilities.length);
  for (let i = 0; i < labels.length; i++) {
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += adjusted[i * classes + k] = at(scored, i, k) - (thresholds[k] as number) + shift;
    for (let k = 0; k < classes; k++) adjusted[i * classes + k] = (adjusted[i * classes + k] as number) / sum;
  }
  const moved = { labels, classes, probabilities: adjusted };
  return Float64Array.from(labels, (_, i) => 1 - entropyOf(moved, i));
}

/** The distance between the two likeliest classes of each example: small where it is ambiguous. */
export function margins(scored: ScoredLabels): Float64Array {
  return Float64Array.from(scored.labels, (_, i) => {
    let [first, second] = [-Infinity, -Infinity];
    for (let k = 0; k < scored.classes; k++) {
      const p = at(scored, i, k);
      if (p > first) [first, second] = [p, first];
      else if (p > second) second = p;
    }
    return first - second;
  });
}
