/**
 * @module The work on one leaf that is to be split: its histogram and its best split, and those of its sibling. Columns are independent, so that threads
 * share them out.
 */
import type { BinnedMatrix } from "./binning.js";
import type { LeafSums, Split, SplitOptions } from "./split.js";
import { bestSplit, buildHistogram, subtractHistogram } from "./split.js";

/** Arrays that the growth of trees works on; threads see the same memory. */
export interface TreeArrays {
  readonly data: BinnedMatrix;
  /** Rows, those of a leaf side by side. */
  readonly order: Uint32Array;
  /** First derivatives of the loss by row. */
  readonly gradients: Float32Array;
  /** Second derivatives by row; undefined where each is 1. */
  readonly hessians: Float32Array | undefined;
  /** [slots, bins, 2]. */
  readonly histograms: Float64Array;
  readonly options: SplitOptions;
}

/** A leaf's place in the histograms, and its sums. */
export interface Slot {
  readonly slot: number;
  readonly sums: LeafSums;
}

/** A leaf whose histogram is summed up, and its sibling, whose histogram is the parent's less it. */
export interface SplitJob extends Slot {
  readonly begin: number;
  readonly end: number;
  /** `slot` holds the parent's histogram; undefined of a root. */
  readonly sibling: Slot | undefined;
}

/** The best split of the leaf, and of its sibling. */
export type SplitPair = readonly [Split, Split | undefined];

/** Finds the best splits that a job asks for. */
export interface SplitFinder {
  find(job: SplitJob): SplitPair;
}

/** Does a job for columns from … to − 1. */
export function splitsOf(
  { data, histograms, options, ...arrays }: TreeArrays,
  job: SplitJob,
  from: number,
  to: number,
): SplitPair {
  const size = 2 * (data.offsets.at(-1) as number);
  const histogramOf = ({ slot }: Slot): Float64Array => histograms.subarray(slot * size, (slot + 1) * size);
  const own = histogramOf(job);
  buildHistogram(data, arrays.order, arrays.gradients, arrays.hessians, job.begin, job.end, own, from, to);
  const first = bestSplit(data, own, job.sums, options, from, to);
  if (job.sibling === undefined) return [first, undefined];
  const other = histogramOf(job.sibling);
  subtractHistogram(data, other, own, from, to);
  return [first, bestSplit(data, other, job.sibling.sums, options, from, to)];
}

/** All columns in this thread. */
export const splitsHere = (arrays: TreeArrays): SplitFinder & Disposable => ({
  find: (job) => splitsOf(arrays, job, 0, arrays.data.columns.length),
  [Symbol.dispose]: () => undefined,
});

/** Memory for the arrays of trees: a plain buffer, or one that threads share. */
export type Allocate = (bytes: number) => ArrayBufferLike;

/** Arrays for trees of so many leaves. */
export function treeArrays(
  data: BinnedMatrix,
  leaves: number,
  hasHessians: boolean,
  options: SplitOptions,
  allocate: Allocate = (bytes) => new ArrayBuffer(bytes),
): TreeArrays {
  const { rows } = data;
  return {
    data,
    order: new Uint32Array(allocate(4 * rows)),
    gradients: new Float32Array(allocate(4 * rows)),
    hessians: hasHessians ? new Float32Array(allocate(4 * rows)) : undefined,
    histograms: new Float64Array(allocate(8 * leaves * 2 * (data.offsets.at(-1) as number))),
    options,
  };
}
