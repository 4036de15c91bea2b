/**
 * @module The best split of a leaf, from histograms of gradients, over a range of columns, so that threads share it out.
 */
import type { BinColumn, BinnedMatrix } from "./binning.js";

export interface SplitOptions {
  readonly minLeafRows: number;
  readonly minLeafHessian: number;
  /** Ridge on a leaf's value. */
  readonly l2: number;
}

/** Sums over the rows of a leaf. */
export interface LeafSums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

/** A split found. `bin` is the last bin on the left; of a split by categories, the number of them in the set. */
export interface Split {
  gain: number;
  column: number;
  bin: number;
  missingLeft: boolean;
  /** Bins on the left of a split by categories. */
  set: readonly number[] | undefined;
  leftGradient: number;
  leftHessian: number;
  leftRows: number;
}

export const noSplit = (): Split => ({
  gain: 0,
  column: -1,
  bin: -1,
  missingLeft: false,
  set: undefined,
  leftGradient: 0,
  leftHessian: 0,
  leftRows: 0,
});

/** LightGBM's defaults for columns of categories: up to so many are tried one by one; smoothing, ridge and sizes for sets of them. */
const FEW_CATEGORIES = 4;
const CATEGORY_SMOOTHING = 10;
const CATEGORY_L2 = 10;
const MOST_IN_SET = 32;
const LEAST_ROWS_IN_GROUP = 100;
/** A gain that is larger by less is rounding. */
export const LEAST_GAIN = 1e-10;

/** The input of the scan of one leaf. */
interface Scan {
  readonly histogram: Float64Array;
  readonly sums: LeafSums;
  readonly options: SplitOptions;
  /** The leaf's own value, which a split has to beat: G² / (H + λ). */
  readonly own: number;
  readonly best: Split;
}

/** Keeps a split if it is the best so far, and both sides are large enough. */
function offer({ sums, options, own, best }: Scan, g: number, h: number, rows: number, l2: number): boolean {
  const { minLeafRows, minLeafHessian } = options;
  const otherHessian = sums.hessian - h;
  if (rows < minLeafRows || sums.rows - rows < minLeafRows || h < minLeafHessian || otherHessian < minLeafHessian) return false;
  const otherGradient = sums.gradient - g;
  const gain = (g * g) / (h + l2) + (otherGradient * otherGradient) / (otherHessian + l2) - own;
  if (!(gain > best.gain + LEAST_GAIN)) return false;
  best.gain = gain;
  best.leftGradient = g;
  best.leftHessian = h;
  best.leftRows = rows;
  return true;
}

function scanNumbers(scan: Scan, column: number, start: number, { count, hasMissing }: BinColumn): void {
  const { histogram, sums, options, best } = scan;
  const perHessian = sums.rows / sums.hessian;
  const { minLeafRows } = options;
  const last = hasMissing ? count - 1 : count;
  const missing = 2 * (start + count - 1);
  for (let side = 0; side < (hasMissing ? 2 : 1); side++) {
    const isLeft = side === 1;
    let g = isLeft ? (histogram[missing] as number) : 0;
    let h = isLeft ? (histogram[missing + 1] as number) : 0;
    // A side with missing values alone is a split as well: all known ones on the other.
    const end = hasMissing && !isLeft ? last : last - 1;
    for (let b = 0, at = 2 * start; b < end; b++, at += 2) {
      g += histogram[at] as number;
      h += histogram[at + 1] as number;
      // An empty bin is no other split than the one before.
      if (histogram[at + 1] === 0) continue;
      const rows = Math.round(h * perHessian);
      // Most bins of small leaves end here.
      if (rows < minLeafRows) continue;
      if (sums.rows - rows < minLeafRows) break;
      if (!offer(scan, g, h, rows, options.l2)) continue;
      best.column = column;
      best.bin = b;
      best.set = undefined;
      // Where training had none, a missing value goes where more rows went.
      best.missingLeft = hasMissing ? isLeft : best.leftRows * 2 >= sums.rows;
    }
  }
}

function scanCategories(scan: Scan, column: number, start: number, { categories }: BinColumn): void {
  const { histogram, sums, options, best } = scan;
  const perHessian = sums.rows / sums.hessian;
  const count = categories?.length ?? 0;
  const gradientOf = (b: number): number => histogram[2 * (start + b)] as number;
  const hessianOf = (b: number): number => histogram[2 * (start + b) + 1] as number;
  const take = (set: readonly number[]): void => {
    best.column = column;
    best.bin = set.length;
    best.set = [...set];
    best.missingLeft = false;
  };
  if (count <= FEW_CATEGORIES) {
    for (let b = 0; b < count; b++)
      if (offer(scan, gradientOf(b), hessianOf(b), Math.round(hessianOf(b) * perHessian), options.l2)) take([b]);
    return;
  }
  const order: number[] = [];
  for (let b = 0; b < count; b++) if (Math.round(hessianOf(b) * perHessian) >= CATEGORY_SMOOTHING) order.push(b);
  const ratio = (b: number): number => gradientOf(b) / (hessianOf(b) + CATEGORY_SMOOTHING);
  order.sort((a, b) => ratio(a) - ratio(b));
  const most = Math.min(MOST_IN_SET, Math.floor((order.length + 1) / 2));
  for (const direction of [order, order.toReversed()]) {
    let [g, h, group] = [0, 0, 0];
    for (let i = 0; i < most; i++) {
      const b = direction[i] as number;
      g += gradientOf(b);
      h += hessianOf(b);
      group += Math.round(hessianOf(b) * perHessian);
      const rows = Math.round(h * perHessian);
      if (rows < options.minLeafRows || h < options.minLeafHessian) continue;
      if (sums.rows - rows < Math.max(options.minLeafRows, LEAST_ROWS_IN_GROUP)) break;
      if (group < LEAST_ROWS_IN_GROUP) continue;
      // Whether or not it gains: otherwise the sets that are tried would hang on the columns before.
      group = 0;
      if (offer(scan, g, h, rows, options.l2 + CATEGORY_L2)) take(direction.slice(0, i + 1));
    }
  }
}

/**
 * The best split of a leaf over columns from … to − 1.
 *
 * Shapes: histogram [bins, 2]: sums of gradients and hessians.
 * Source: Ke et al., LightGBM, 2017, algorithm 1; gain and leaf values as Chen and Guestrin, XGBoost, 2016, equation 7, arXiv:1603.02754.
 */
export function bestSplit(
  data: Pick<BinnedMatrix, "columns" | "offsets">,
  histogram: Float64Array,
  sums: LeafSums,
  options: SplitOptions,
  from: number,
  to: number,
): Split {
  const own = sums.gradient ** 2 / (sums.hessian + options.l2);
  const best = noSplit();
  if (sums.rows < 2 * options.minLeafRows) return best;
  const scan: Scan = { histogram, sums, options, own, best };
  for (let j = from; j < to; j++) {
    const column = data.columns[j] as BinColumn;
    const start = data.offsets[j] as number;
    if (column.categories === undefined) scanNumbers(scan, j, start, column);
    else scanCategories(scan, j, start, column);
  }
  return best;
}
