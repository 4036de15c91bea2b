/**
 * @module Ranges of activations: where to clip outliers, so that 256 steps represent the rest well.
 *
 * Sources: min–max and percentile as usual; entropy after Migacz, "8-bit inference with TensorRT", GTC 2017,
 * as onnxruntime 1.30 computes it; mean squared error after Sung et al. 2015,
 * arXiv:1511.06488.
 */
import { toNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import type { Feeds } from "../activations.js";
import { eachActivation } from "../activations.js";
import { sum } from "../../util/vectors.js";

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
  const total = sum(counts);
  const cut = (total * (1 - KEPT)) / 2;
  let [first, last] = [0, BINS - 1];
  for (let n = counts[first] as number; n < cut && first < last; n += counts[++first] as number);
  for (let n = counts[last] as number; n < cut && last > first; n += counts[--last] as number);
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

/** Steps of the coarser distribution that is compared, and what stands for an empty bin. */
const [STEPS, EPSILON] = [128, 1e-4];

/** A distribution without empty bins: what these are given is taken from the others. */
function smoothed(counts: Float64Array): Float64Array {
  const empty = counts.reduce((n, count) => n + (count === 0 ? 1 : 0), 0);
  const taken = (EPSILON * empty) / (counts.length - empty);
  return counts.map((count) => (count === 0 ? EPSILON : count - taken));
}

/** The Kullback–Leibler divergence of a histogram's middle in 128 steps from the same with what is outside at its ends. */
function divergence({ counts }: Histogram, half: number): number {
  const [first, end] = [BINS / 2 - half, Math.min(BINS, BINS / 2 + half + 1)];
  const [inside, p] = [counts.subarray(first, end), counts.slice(first, end)];
  p[0] = (p[0] as number) + sum(counts.subarray(0, first));
  p[p.length - 1] = (p.at(-1) as number) + sum(counts.subarray(end));
  const merged = Math.floor(p.length / STEPS);
  const q = new Float64Array(p.length);
  for (let step = 0; step < STEPS; step++) {
    const [from, to] = [step * merged, (step + 1) * merged];
    const filled = p.subarray(from, to).reduce((n, count) => n + (count === 0 ? 0 : 1), 0);
    // What the last step has over stands in it alone.
    const total = sum(inside.subarray(from, step === STEPS - 1 ? undefined : to));
    if (filled > 0) q.fill(Math.floor(total / filled), from, to);
  }
  if (q.every((count) => count === 0)) return Infinity;
  const [real, said] = [smoothed(p), smoothed(q)];
  const [realTotal, saidTotal] = [sum(real), sum(said)];
  return real.reduce((result, value, i) => {
    const share = value / realTotal;
    return result + share * Math.log((share * saidTotal) / (said[i] as number));
  }, 0);
}

/** The ends, equally far from 0, of the histogram's middle that diverges least, within the extremes. */
function entropyRange(histogram: Histogram, { low, high }: Range): Range {
  let [best, least] = [BINS / 2, Infinity];
  for (let half = STEPS / 2; half <= BINS / 2; half++) {
    const error = divergence(histogram, half);
    if (error < least) [best, least] = [half, error];
  }
  const { range, width } = histogram;
  const edge = (bin: number): number => range.low + Math.min(BINS, Math.max(0, bin)) * width;
  return { low: Math.max(low, edge(BINS / 2 - best)), high: Math.min(high, edge(BINS / 2 + best + 1)) };
}

/** Shares of the whole range that are tried. */
const SHARES = Array.from({ length: 64 }, (_, i) => 1 - i / 80);

/** The histogram of a rule for numbers between these extremes: that of `entropy` has 0 in the middle. */
export function histogramFor(calibration: Calibration, extremes: Range): Histogram {
  const most = Math.max(-extremes.low, extremes.high);
  return new Histogram(calibration === "entropy" ? { low: -most, high: most } : extremes);
}

/** Chooses a range by a histogram of numbers between these extremes. */
export function rangeBy(calibration: Calibration, histogram: Histogram, extremes: Range): Range {
  if (calibration === "min-max") return extremes;
  if (calibration === "percentile") return percentileRange(histogram);
  if (calibration === "entropy") return entropyRange(histogram, extremes);
  const errors = SHARES.map((share) => squaredError(histogram, { low: extremes.low * share, high: extremes.high * share }));
  const best = SHARES[errors.indexOf(Math.min(...errors))] ?? 1;
  return { low: extremes.low * best, high: extremes.high * best };
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
  const histograms = new Map([...extremes].map(([name, range]) => [name, histogramFor(calibration, range)]));
  const count = (values: ReadonlyMap<string, Parameters<typeof toNumbers>[0]>): void => {
    for (const [name, tensor] of values) histograms.get(name)?.add(toNumbers(tensor));
  };
  await eachActivation(model, names, batches, count, options);
  return new Map([...extremes].map(([name, range]) => [name, rangeBy(calibration, histograms.get(name) as Histogram, range)]));
}
