/**
 * @module Naive Bayes: classes by Bayes' rule, as if features were independent within a class.
 */
import type { DenseMatrix, Matrix } from "./matrix.js";

/** Counts of classes. */
export function classCounts(labels: ArrayLike<number>, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i] as number] = (counts[labels[i] as number] as number) + 1;
  return counts;
}

/** A classifier whose scores are linear in the features: weights [K, F], bias [K]. */
export interface MultinomialModel {
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

/**
 * log p(k | x) = log p(k) + Σ_f x_f·log θ_kf + const, with θ_kf = (Σ x_f of class k + α) / (Σ_f of these).
 *
 * Shapes: x [N, F] of counts or weights ≥ 0, labels [N] → weights [K, F], bias [K].
 * Source: Manning, Raghavan, Schütze, Introduction to Information Retrieval, 2008, section 13.2.
 * Checked against: scikit-learn, MultinomialNB, classical.test.ts.
 */
export function fitMultinomialNaiveBayes(x: Matrix, labels: ArrayLike<number>, classes: number, alpha = 1): MultinomialModel {
  const { rows, columns } = x;
  const weights = new Float64Array(classes * columns);
  for (let i = 0; i < rows; i++) {
    const at = (labels[i] as number) * columns;
    if (x.kind === "dense")
      for (let j = 0; j < columns; j++) weights[at + j] = (weights[at + j] as number) + (x.values[i * columns + j] as number);
    else
      for (let e = x.starts[i] as number; e < (x.starts[i + 1] as number); e++) {
        const j = at + (x.indices[e] as number);
        weights[j] = (weights[j] as number) + (x.values[e] as number);
      }
  }
  for (let k = 0; k < classes; k++) {
    const own = weights.subarray(k * columns, (k + 1) * columns);
    const total = own.reduce((sum, v) => sum + v + alpha, 0);
    for (let j = 0; j < columns; j++) own[j] = Math.log(((own[j] as number) + alpha) / total);
  }
  // A class without a row keeps a finite score, which no row will reach.
  const bias = classCounts(labels, classes).map((count) => Math.log(Math.max(count, 1e-9) / rows));
  return { weights, bias };
}

/** Normal distributions of each feature in each class. */
export interface GaussianModel {
  /** [K, F]. */
  readonly means: Float64Array;
  /** [K, F]. */
  readonly variances: Float64Array;
  /** log p(k), [K]. */
  readonly logPriors: Float64Array;
}

/**
 * log p(k | x) = log p(k) − ½·Σ_f (log 2πσ²_kf + (x_f − μ_kf)² / σ²_kf) + const.
 *
 * `smoothing` is the share of the largest variance of any feature that is added to all.
 *
 * Shapes: x [N, F], labels [N] → means and variances [K, F].
 * Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd edition, section 6.6.3.
 * Checked against: scikit-learn, GaussianNB, classical.test.ts.
 */
export function fitGaussianNaiveBayes(
  x: DenseMatrix,
  labels: ArrayLike<number>,
  classes: number,
  smoothing = 1e-9,
): GaussianModel {
  const { rows, columns, values } = x;
  const counts = classCounts(labels, classes);
  /** Sums over the rows of a class, divided by their number. */
  const average = (of: (value: number, at: number) => number): Float64Array => {
    const sums = new Float64Array(classes * columns);
    for (let i = 0; i < rows; i++) {
      const at = (labels[i] as number) * columns;
      for (let j = 0; j < columns; j++) sums[at + j] = (sums[at + j] as number) + of(values[i * columns + j] as number, at + j);
    }
    return sums.map((sum, at) => sum / Math.max(1, counts[Math.floor(at / columns)] as number));
  };
  const means = average((value) => value);
  const variances = average((value, at) => (value - (means[at] as number)) ** 2);
  const added = smoothing * largestVariance(values, rows, columns);
  return {
    means,
    variances: variances.map((v) => v + Math.max(added, Number.MIN_VALUE)),
    logPriors: counts.map((count) => Math.log(Math.max(count, 1e-9) / rows)),
  };
}

/** The largest variance of a column over all rows. */
function largestVariance(values: Float32Array, rows: number, columns: number): number {
  let most = 0;
  for (let j = 0; j < columns; j++) {
    let [mean, squares] = [0, 0];
    for (let i = 0; i < rows; i++) mean += (values[i * columns + j] as number) / rows;
    for (let i = 0; i < rows; i++) squares += ((values[i * columns + j] as number) - mean) ** 2 / rows;
    most = Math.max(most, squares);
  }
  return most;
}
