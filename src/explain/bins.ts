/**
 * @module Bins of a column: quartiles of numbers, values of what has few.
 */
import { formatNumber } from "../util/text.js";

export interface Bins {
  readonly binOf: (value: number) => number;
  /** The bin of a value in words: `5 < income ≤ 7`. */
  readonly nameOf: (value: number, column: string) => string;
}

/** Columns with at most so many different values are not cut. */
const FEW = 4;

/** Bins of a column's values. */
export function binsOf(values: Float64Array): Bins {
  const different = [...new Set(values)].sort((a, b) => a - b);
  if (different.length <= FEW) return { binOf: (v) => v, nameOf: (v, column) => `${column} = ${formatNumber(v)}` };
  const sorted = values.slice().sort();
  const cuts = [...new Set([0.25, 0.5, 0.75].map((q) => quantile(sorted, q)))];
  const binOf = (v: number): number => cuts.filter((cut) => v > cut).length;
  return {
    binOf,
    nameOf: (v, column) => {
      const bin = binOf(v);
      const [low, high] = [cuts[bin - 1], cuts[bin]];
      const left = low === undefined ? "" : `${formatNumber(low)} < `;
      return `${left}${column}${high === undefined ? "" : ` ≤ ${formatNumber(high)}`}`;
    },
  };
}

/** Linear between neighbours, as NumPy's. */
function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const a = sorted[low] as number;
  return a + (at - low) * ((sorted[Math.min(low + 1, sorted.length - 1)] as number) - a);
}
