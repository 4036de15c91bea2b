/**
 * @module The work on one leaf that is to be split: its rows put apart, the histograms of both sides, and their best splits. Leaves are independent, and
 * so are columns: threads share them out.
 */
import type { BinColumn, BinnedMatrix } from "./binning.js";
import { buildHistogram, partitionRows, subtractHistogram } from "./histogram.js";
import type { LeafSums, Split, SplitOptions } from "./split.js";
import { bestSplit, noSplit } from "./split.js";

/** Arrays that the growth of trees works on, all in one memory, which threads may share. */
export interface TreeArrays {
  readonly memory: WebAssembly.Memory;
  readonly data: BinnedMatrix;
  /** [N, F], the bins row by row, as places among all bins; undefined where there are too many. */
  readonly places: Uint16Array | undefined;
  /** Rows, those of a leaf side by side. */
  readonly order: Uint32Array;
  /** First derivatives of the loss by row. */
  readonly gradients: Float32Array;
  /** Second derivatives by row; undefined where each is 1. */
  readonly hessians: Float32Array | undefined;
  /** [slots, bins, 2]. */
  readonly histograms: Float64Array;
  /** Memory for the parting of rows, of each thread its own. */
  readonly scratch: readonly Uint32Array[];
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

/** A leaf with its best split: rows `order[begin … end − 1]`, its histogram in `slot`. */
export interface OpenLeaf extends Slot {
  readonly begin: number;
  readonly end: number;
  readonly split: Split;
}

/** A leaf split in two: where the right side begins, and the best splits of both. */
export interface Expansion {
  readonly middle: number;
  readonly left: Split;
  readonly right: Split;
  /** The slot of the smaller side; the larger one keeps the leaf's. */
  readonly slot: number;
}

/** Grows a tree's leaves, one tree after the other. */
export interface LeafExpander extends Disposable {
  /** The best split of all rows, with which a tree begins; its histogram is in slot 0. */
  root(sums: LeafSums): Split;
  /** Expands a leaf; `next` gives those that are likely to be asked for next, the likeliest first. */
  expand(leaf: OpenLeaf, next: () => readonly OpenLeaf[]): Expansion;
  /** Puts a leaf's rows apart and ends the tree: the last two leaves need no splits. Returns where the right side begins. */
  part(leaf: OpenLeaf): number;
  /** Ends a tree of fewer leaves. */
  settle(): void;
}

/** Does a job for columns from … to − 1. */
export function splitsOf(arrays: TreeArrays, job: SplitJob, from: number, to: number): SplitPair {
  const { data, histograms, options } = arrays;
  const size = 2 * (data.offsets.at(-1) as number);
  const histogramOf = ({ slot }: Slot): Float64Array => histograms.subarray(slot * size, (slot + 1) * size);
  const own = histogramOf(job);
  buildHistogram(arrays, job.begin, job.end, own, from, to);
  const first = bestSplit(data, own, job.sums, options, from, to);
  if (job.sibling === undefined) return [first, undefined];
  const other = histogramOf(job.sibling);
  subtractHistogram(data, other, own, from, to);
  return [first, bestSplit(data, other, job.sibling.sums, options, from, to)];
}

/** Puts the rows that go left first, both sides in their order; returns where the right side begins. */
export function partition(arrays: TreeArrays, { begin, end, split }: OpenLeaf, scratch: Uint32Array): number {
  const { column, bin, missingLeft, set } = split;
  const { count, hasMissing } = arrays.data.columns[column] as BinColumn;
  const isLeft = (b: number): boolean =>
    set !== undefined ? set.includes(b) : hasMissing && b === count - 1 ? missingLeft : b <= bin;
  return partitionRows(arrays, column, isLeft, begin, end, scratch);
}

/** Sums of both sides of a leaf, and which is the smaller. */
export function sidesOf(
  { begin, end, sums, split }: OpenLeaf,
  middle: number,
): { readonly left: LeafSums; readonly right: LeafSums; readonly isLeftSmall: boolean } {
  const [leftRows, rightRows] = [middle - begin, end - middle];
  const { leftGradient, leftHessian } = split;
  return {
    left: { gradient: leftGradient, hessian: leftHessian, rows: leftRows },
    right: { gradient: sums.gradient - leftGradient, hessian: sums.hessian - leftHessian, rows: rightRows },
    isLeftSmall: leftRows <= rightRows,
  };
}

/** Splits a leaf in two; the smaller one's histogram is built in a new slot, the larger one's by subtraction in the leaf's. */
export function expandLeaf(
  arrays: TreeArrays,
  leaf: OpenLeaf,
  slot: number,
  scratch: Uint32Array,
  find = (job: SplitJob): SplitPair => splitsOf(arrays, job, 0, arrays.data.columns.length),
): Expansion {
  const middle = partition(arrays, leaf, scratch);
  const { left, right, isLeftSmall } = sidesOf(leaf, middle);
  const [begin, end] = isLeftSmall ? [leaf.begin, middle] : [middle, leaf.end];
  const [small, large = noSplit()] = find({
    begin,
    end,
    slot,
    sums: isLeftSmall ? left : right,
    sibling: { slot: leaf.slot, sums: isLeftSmall ? right : left },
  });
  return isLeftSmall ? { middle, left: small, right: large, slot } : { middle, left: large, right: small, slot };
}

/** All work in this thread. */
export function expandHere(arrays: TreeArrays): LeafExpander {
  const { rows, columns } = arrays.data;
  const scratch = arrays.scratch[0] as Uint32Array;
  let slots = 1;
  return {
    root: (sums) => {
      slots = 1;
      return splitsOf(arrays, { begin: 0, end: rows, slot: 0, sums, sibling: undefined }, 0, columns.length)[0];
    },
    expand: (leaf) => expandLeaf(arrays, leaf, slots++, scratch),
    part: (leaf) => partition(arrays, leaf, scratch),
    settle: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}
