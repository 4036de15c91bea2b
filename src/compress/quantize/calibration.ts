/**
 * @module Ranges of activations: where to clip outliers, so that 256 steps represent the rest well.
 *
 * Sources: min–max and percentile as usual; entropy after Migacz, "8-bit inference with TensorRT", GTC 2017; mean squared error after Sung et al. 2015,
 * arXiv:1511.06488.
 */
import { toNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import type { Feeds } from "../activations.js";
import { eachActivation } from "../activations.js";

export const CALIBRATIONS = ["min-max", "percentile", "entropy", "mse"] as const;
/** The rule by which a range is chosen. */
export type Calibration = (typeof CALIBRATIONS)[number];

/** The smallest and the largest number that can be represented. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

const BINS = 2048;
const LEVELS = 256;
/** The share of numbers that a percentile keeps. */
const KEPT = 0.9999;

/** Numbers of one activation, counted in equal bins from the smallest to the largest. */
export class Histogram {
  readonly range: Range;
  readonly counts = new Float64Array(BINS);

  constructor(range: Range) {
    this.range = range;
  }

  /** The width of a bin. */
  get width(): number {
    return (this.range.high - this.range.low) / BINS || 1;
  }

  add(values: ArrayLike<number>): void {
    const { low } = this.range;
    for (let i = 0; i < values.length; i++) {
      const bin = Math.floor(((values[i] as number) - low) / this.width);
      const at = Math.min(BINS - 1, Math.max(0, bin));
      this.counts[at] = (this.counts[at] as number) + 1;
    }
  }

  /** The middle of a bin. */
  center(bin: number): number {
    return this.range.low + (bin + 0.5) * this.width;
  }
}

/** The extremes of numbers; 0 is between them, since it must be representable. */
function extended({ low, high }: Range, values: ArrayLike<number>): Range {
  let [least, most] = [low, high];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return { low: least, high: most };
}

/** Cuts equally many numbers on both sides, 1 − 0.9999 together. */
function percentileRange({ counts, range, width }: Histogram): Range {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const cut = (total * (1 - KEPT)) / 2;
  let [first, last] = [0, BINS - 1];
  for (let sum = counts[first] as number; sum < cut && first < last; sum += counts[++first] as number);
  for (let sum = counts[last] as number; sum < cut && last > first; sum += counts[--last] as number);
  return { low: Math.min(0, range.low + first * width), high: Math.max(0, range.low + (last + 1) * width) };
}

/** The mean squared error of rounding to 256 steps of a range, and of being cut by it. */
function squaredError(histogram: Histogram, { low, high }: Range): number {
  const step = (high - low) / (LEVELS - 1);
  let error = 0;
  histogram.counts.forEach((count, bin) => {
    if (count === 0) return;
    const value = histogram.center(bin);
    const cut = value < low ? low - value : value > high ? value - high : 0;
    error += count * (cut > 0 ? cut * cut : (step * step) / 12);
  });
  return error;
}

/** The Kullback–Leibler divergence of the histogram in 256 steps of a range from the original one. */
function divergence(histogram: Histogram, { low, high }: Range): number {
  const { counts, range, width } = histogram;
  const first = Math.max(0, Math.round((low - range.low) / width));
  const last = Math.min(BINS, Math.max(first + 1, Math.round((high - range.low) / width)));
  const reference = counts.slice(first, last);
  // Clipped numbers count as the ends of the range.
  for (let bin = 0; bin < first; bin++) reference[0] = (reference[0] as number) + (counts[bin] as number);
  for (let bin = last; bin < BINS; bin++)
    reference[reference.length - 1] = (reference[reference.length - 1] as number) + (counts[bin] as number);
  const total = reference.reduce((sum, n) => sum + n, 0);
  const said = new Float64Array(reference.length);
  for (let level = 0; level < LEVELS; level++) {
    const from = Math.floor((level * reference.length) / LEVELS);
    const to = Math.max(from + 1, Math.floor(((level + 1) * reference.length) / LEVELS));
    let [sum, filled] = [0, 0];
    for (let bin = from; bin < Math.min(to, reference.length); bin++) {
      sum += counts[first + bin] as number;
      if ((counts[first + bin] as number) > 0) filled++;
    }
    for (let bin = from; bin < Math.min(to, reference.length); bin++)
      if ((counts[first + bin] as number) > 0) said[bin] = sum / filled;
  }
  const saidTotal = said.reduce((sum, n) => sum + n, 0);
  let result = 0;
  reference.forEach((count, bin) => {
    if (count === 0) return;
    const [p, q] = [count / total, Math.max((said[bin] as number) / saidTotal, 1e-12)];
    result += p * Math.log(p / q);
  });
  return result;
}

/** Shares of the whole range that are tried. */
const SHARES = Array.from({ length: 64 }, (_, i) => 1 - i / 80);

/** Chooses a range by a histogram. */
export function rangeBy(calibration: Calibration, histogram: Histogram): Range {
  const { range } = histogram;
  if (calibration === "min-max") return range;
  if (calibration === "percentile") return percentileRange(histogram);
  const loss = calibration === "mse" ? squaredError : divergence;
  let [best, least] = [range, Infinity];
  for (const share of SHARES) {
    const tried = { low: range.low * share, high: range.high * share };
    const error = loss(histogram, tried);
    if (error < least) [best, least] = [tried, error];
  }
  return best;
}

/** Finds the ranges of values inside a file on batches of examples; all rules but min–max pass over them twice. */
export async function calibrate(
  model: ModelProto,
  names: readonly string[],
  batches: readonly Feeds[],
  calibration: Calibration,
  options: CompileOptions = {},
): Promise<Map<string, Range>> {
  const extremes = new Map<string, Range>(names.map((name) => [name, { low: 0, high: 0 }]));
  const widen = (values: ReadonlyMap<string, Parameters<typeof toNumbers>[0]>): void => {
    for (const [name, tensor] of values) extremes.set(name, extended(extremes.get(name) as Range, toNumbers(tensor)));
  };
  await eachActivation(model, names, batches, widen, options);
  if (calibration === "min-max") return extremes;
  const histograms = new Map([...extremes].map(([name, range]) => [name, new Histogram(range)]));
  const count = (values: ReadonlyMap<string, Parameters<typeof toNumbers>[0]>): void => {
    for (const [name, tensor] of values) histograms.get(name)?.add(toNumbers(tensor));
  };
  await eachActivation(model, names, batches, count, options);
  return new Map([...histograms].map(([name, histogram]) => [name, rangeBy(calibration, histogram)]));
}
