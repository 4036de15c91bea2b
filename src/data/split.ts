/**
 * @module Seeded splits of a data set: random, stratified by a column, k-fold. Equal seeds give equal splits, whatever else runs.
 */
import type { Column } from "./column.js";
import { isMissing, isText, rowSize } from "./column.js";
import type { Dataset } from "./dataset.js";
import { elementAt } from "../graph/index.js";
import { ConfigError, DataError } from "../util/errors.js";
import { Random } from "../util/random.js";
import { sum } from "../util/vectors.js";

/** Options of a split: the seed, and the column whose classes keep their shares. */
export interface SplitOptions {
  readonly seed?: number;
  /** Column whose values keep their proportions in every part: class labels. */
  readonly stratify?: string;
}

/**
 * Row numbers by the value of a column, in order of first appearance; missing values are a group of their own. DataError for a column of several values
 * a row.
 */
export function groupRows(column: Column, length: number): number[][] {
  if (!isText(column) && rowSize(column) !== 1)
    throw new DataError(`stratify: expected one value per row, got ${rowSize(column)}`);
  const groups = new Map<string | number | null, number[]>();
  for (let i = 0; i < length; i++) {
    const key = isMissing(column, i) ? null : isText(column) ? (column.values[i] as string) : elementAt(column, i);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [i]);
    else group.push(i);
  }
  return [...groups.values()];
}

/** Integer sizes that sum to `total` and are nearest to its shares (largest remainder; ties to the earlier part). */
function apportion(total: number, shares: readonly number[]): number[] {
  const exact = shares.map((share) => share * total);
  const sizes = exact.map(Math.floor);
  const byRemainder = exact.map((x, i) => [x - Math.floor(x), i] as const).sort(([a, i], [b, j]) => b - a || i - j);
  let left = total - sum(sizes);
  for (const [, i] of byRemainder) {
    if (left-- <= 0) break;
    sizes[i] = (sizes[i] as number) + 1;
  }
  return sizes;
}

/** ConfigError for fractions that are not in 0 … 1 with sum 1. */
export function checkFractions(fractions: readonly number[]): void {
  if (fractions.some((f) => !(f >= 0)) || Math.abs(sum(fractions) - 1) > 1e-9)
    throw new ConfigError(`split: expected fractions in 0…1 that sum to 1, got ${fractions.join(", ")}`);
}

/**
 * Row numbers of each part, ascending. Rows are put in a random order (within each stratum), and all strata's
 * sequences are merged evenly before they are cut, so that both the parts' sizes and the proportions in them are exact to
 * one row.
 * ConfigError for fractions that do not sum to 1.
 */
export function splitIndices(dataset: Dataset, fractions: readonly number[], options: SplitOptions = {}): Uint32Array[] {
  const { seed = 0, stratify } = options;
  checkFractions(fractions);
  const groups =
    stratify === undefined
      ? [Array.from({ length: dataset.length }, (_, i) => i)]
      : groupRows(dataset.column(stratify), dataset.length);
  const placed: { at: number; tie: number; row: number }[] = [];
  for (const [g, group] of groups.entries()) {
    const random = new Random(seed, "split", g);
    const order = random.permutation(group.length);
    // Row k of a group of n stands at (k + u)/n on a common line: any interval of it holds the group's share.
    const offset = random.uniform();
    for (let k = 0; k < order.length; k++) {
      placed.push({ at: (k + offset) / group.length, tie: g, row: group[order[k] as number] as number });
    }
  }
  placed.sort((a, b) => a.at - b.at || a.tie - b.tie);
  const parts: Uint32Array[] = [];
  let start = 0;
  for (const size of apportion(dataset.length, fractions)) {
    parts.push(Uint32Array.from(placed.slice(start, start + size), (p) => p.row).sort());
    start += size;
  }
  return parts;
}

/**
 * Disjoint parts of the given fractions: `split(data, { train: 0.8, validation: 0.1, test: 0.1 }, { stratify: "label" })`.
 *
 * @example
 * import { Dataset, split } from "descentjs/data";
 * const data = new Dataset({ x: Float32Array.from({ length: 100 }, (_, i) => i), label: Array.from({ length: 100 }, (_, i) => (i % 4 === 0 ? "rare" : "usual")) });
 * const { train, test } = split(data, { train: 0.8, test: 0.2 }, { stratify: "label", seed: 1 });
 * console.log(train.length, test.length); // 80 20
 */
export function split<K extends string>(
  dataset: Dataset,
  fractions: Readonly<Record<K, number>>,
  options: SplitOptions = {},
): Record<K, Dataset> {
  const names = Object.keys(fractions) as K[];
  const parts = splitIndices(
    dataset,
    names.map((name) => fractions[name]),
    options,
  );
  return Object.fromEntries(names.map((name, i) => [name, dataset.select(parts[i] as Uint32Array)])) as Record<K, Dataset>;
}

/**
 * k pairs of (train, validation): each row is in exactly one validation part. ConfigError for fewer than 2 folds, or more than examples.
 *
 * @example
 * import { Dataset, kFold } from "descentjs/data";
 * const folds = kFold(new Dataset({ x: new Float32Array(10) }), 5, { seed: 1 });
 * console.log(folds.map(({ train, validation }) => [train.length, validation.length].join("+")).join(" ")); // 8+2 8+2 8+2 8+2 8+2
 */
export function kFold(dataset: Dataset, k: number, options: SplitOptions = {}): { train: Dataset; validation: Dataset }[] {
  if (!Number.isInteger(k) || k < 2 || k > dataset.length)
    throw new ConfigError(`kFold: expected between 2 and ${dataset.length} folds, got ${k}`);
  const folds = splitIndices(dataset, new Array<number>(k).fill(1 / k), options);
  return folds.map((validation, i) => ({
    train: dataset.select(Uint32Array.from(folds.flatMap((fold, j) => (j === i ? [] : [...fold]))).sort()),
    validation: dataset.select(validation),
  }));
}
