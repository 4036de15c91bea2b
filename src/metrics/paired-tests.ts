/**
 * @module Comparisons of two models on the same examples: McNemar's test, the paired bootstrap, and intervals by resampling.
 */
import { Random } from "../util/random.js";

/** A result of a test between two classifiers. */
export interface McNemar {
  /** Examples that the first alone has right, and the second alone. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** The chance of so large a difference, either way, if both were equally good. */
  readonly p: number;
}

/** Up to so many examples on which two models differ, the binomial distribution is summed; beyond, χ² is as good. */
const MOST_EXACT = 1000;

/**
 * McNemar's test of two classifiers, by what they have right: exact (binomial) up to 1,000 differing examples, else χ² with continuity correction.
 *
 * Shapes: first and second [N], 1 where the answer is right.
 * Source: McNemar, Note on the sampling error of the difference between correlated proportions or percentages, 1947.
 * Checked against: statsmodels, stats.contingency_tables.mcnemar, to 1e-9, comparison.test.ts.
 */
export function mcNemar(first: ArrayLike<number | boolean>, second: ArrayLike<number | boolean>, exact?: boolean): McNemar {
  let [onlyFirst, onlySecond] = [0, 0];
  for (let i = 0; i < first.length; i++) {
    if (Boolean(first[i]) && !second[i]) onlyFirst++;
    else if (!first[i] && Boolean(second[i])) onlySecond++;
  }
  const n = onlyFirst + onlySecond;
  if (n === 0) return { onlyFirst, onlySecond, p: 1 };
  if (exact ?? n <= MOST_EXACT)
    return { onlyFirst, onlySecond, p: Math.min(1, 2 * binomialHalf(Math.min(onlyFirst, onlySecond), n)) };
  const statistic = (Math.abs(onlyFirst - onlySecond) - 1) ** 2 / n;
  return { onlyFirst, onlySecond, p: erfc(Math.sqrt(statistic / 2)) };
}

/** P(X ≤ k) of n fair coins. */
function binomialHalf(k: number, n: number): number {
  let logarithm = -n * Math.LN2;
  let total = Math.exp(logarithm);
  for (let i = 1; i <= k; i++) {
    logarithm += Math.log((n - i + 1) / i);
    total += Math.exp(logarithm);
  }
  return total;
}

/**
 * 1 − erf(x) for x ≥ 0, to 1e-14: a series below 2, a continued fraction above.
 *
 * Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.14.
 */
function erfc(x: number): number {
  if (x < 2) {
    let [term, sum] = [x, x];
    for (let n = 1; n < 100; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = x;
  for (let n = 200; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

/** The value below which a share of sorted values lies, between two of them in proportion. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const low = sorted[below] as number;
  return low + (place - below) * ((sorted[Math.min(below + 1, sorted.length - 1)] as number) - low);
}

/** Options of resampling: how often, the level of the interval as a fraction, the seed. */
export interface ResamplingOptions {
  readonly resamples?: number;
  /** The share of resamples that an interval holds. */
  readonly level?: number;
  readonly seed?: number;
  /** Rows of resample b, in place of drawn ones. */
  readonly draw?: (b: number) => ArrayLike<number>;
}

/** Means of resamples of values, sorted. */
function resampledMeans(values: ArrayLike<number>, { resamples = 2000, seed = 1, draw }: ResamplingOptions): Float64Array {
  const random = new Random(seed, "bootstrap");
  const n = values.length;
  return Float64Array.from({ length: resamples }, (_, b) => {
    const rows = draw?.(b);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[rows === undefined ? random.integer(n) : (rows[i] as number)] as number;
    return sum / n;
  }).sort();
}

/** Interval of a resampled statistic. */
export interface ResampledInterval {
  readonly low: number;
  readonly high: number;
}

/**
 * The interval that holds a mean over examples in 95 of 100 cases, by percentiles of resampled means.
 *
 * Source: Efron and Tibshirani, An introduction to the bootstrap, 1993, section 13.3.
 * Checked against: scipy, stats.bootstrap(method="percentile") with the same resamples, to 1e-9, comparison.test.ts.
 */
export function bootstrapInterval(values: ArrayLike<number>, options: ResamplingOptions = {}): ResampledInterval {
  const { level = 0.95 } = options;
  const means = resampledMeans(values, options);
  return { low: quantile(means, (1 - level) / 2), high: quantile(means, (1 + level) / 2) };
}

/** Difference of two models on the same examples, its interval and p. */
export interface PairedBootstrap extends ResampledInterval {
  /** Mean of first − second. */
  readonly difference: number;
  /** Twice the share of resamples on the other side of 0: small where the sign of the difference is sure. */
  readonly p: number;
}

/**
 * The difference of two means over the same examples: each resample takes both models' values of an example together.
 *
 * Source: Koehn, Statistical significance tests for machine translation evaluation, 2004; Efron and Tibshirani 1993, section 16.
 */
export function pairedBootstrap(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: ResamplingOptions = {},
): PairedBootstrap {
  const { level = 0.95 } = options;
  const differences = Float64Array.from({ length: first.length }, (_, i) => (first[i] as number) - (second[i] as number));
  const means = resampledMeans(differences, options);
  const share = (is: (mean: number) => boolean): number => means.filter(is).length / means.length;
  return {
    difference: differences.reduce((a, b) => a + b, 0) / differences.length,
    low: quantile(means, (1 - level) / 2),
    high: quantile(means, (1 + level) / 2),
    p: Math.min(
      1,
      2 *
        Math.min(
          share((mean) => mean <= 0),
          share((mean) => mean >= 0),
        ),
    ),
  };
}
