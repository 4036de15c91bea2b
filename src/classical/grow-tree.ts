/**
 * @module A regression tree on gradients, grown leaf by leaf: the leaf that gains most is split next.
 */
import type { BinColumn } from "./binning.js";
import type { LeafSums, Split } from "./split.js";
import { noSplit } from "./split.js";
import type { SplitFinder, TreeArrays } from "./split-work.js";
import type { EnsembleBuilder } from "./tree-ensemble.js";

export interface GrowOptions {
  readonly leaves: number;
  readonly maxDepth: number;
  /** Factor on a leaf's value. */
  readonly learningRate: number;
}

/** A leaf while the tree grows: rows `order[begin … end − 1]`. */
interface Leaf {
  readonly begin: number;
  readonly end: number;
  readonly sums: LeafSums;
  readonly slot: number;
  readonly depth: number;
  readonly split: Split;
  /** The node above it, and the side; undefined of the root. */
  readonly parent: { readonly node: number; readonly isLeft: boolean } | undefined;
}

/** A leaf of a tree that has grown. */
export interface GrownLeaf {
  readonly begin: number;
  readonly end: number;
  readonly value: number;
}

/** Sums over all rows. */
function sumsOf({ gradients, hessians }: TreeArrays): LeafSums {
  const rows = gradients.length;
  let [gradient, hessian] = [0, 0];
  for (let i = 0; i < rows; i++) gradient += gradients[i] as number;
  if (hessians === undefined) return { gradient, hessian: rows, rows };
  for (let i = 0; i < rows; i++) hessian += hessians[i] as number;
  return { gradient, hessian, rows };
}

/** Which bins go to the left, as a table of 0 and 1. */
function leftBins({ column, bin, missingLeft, set }: Split, { count, hasMissing }: BinColumn): Uint8Array {
  const table = new Uint8Array(256);
  if (set === undefined) {
    for (let b = 0; b <= bin; b++) table[b] = 1;
    if (hasMissing) table[count - 1] = missingLeft ? 1 : 0;
  } else for (const b of set) table[b] = 1;
  return column < 0 ? new Uint8Array(256) : table;
}

/** Puts the rows that go left first, both sides in their order; returns where the right side begins. */
function partition({ order, data }: TreeArrays, leaf: Leaf, scratch: Uint32Array): number {
  const table = leftBins(leaf.split, data.columns[leaf.split.column] as BinColumn);
  const bins = data.bins.subarray(leaf.split.column * data.rows, (leaf.split.column + 1) * data.rows);
  let left = leaf.begin;
  let right = 0;
  // Both are written and one is kept: the processor cannot guess the side of a row.
  for (let i = leaf.begin; i < leaf.end; i++) {
    const row = order[i] as number;
    const isLeft = table[bins[row] as number] as number;
    order[left] = row;
    scratch[right] = row;
    left += isLeft;
    right += 1 - isLeft;
  }
  order.set(scratch.subarray(0, right), left);
  return left;
}

/** A leaf's value: the Newton step, shrunk. */
const valueOf = ({ gradient, hessian }: LeafSums, l2: number, learningRate: number): number =>
  Math.fround((-gradient / (hessian + l2)) * learningRate);

/** The set of categories, or the threshold, of a split. */
function decision(split: Split, { thresholds, categories }: BinColumn): { threshold: number; categories?: readonly number[] } {
  if (split.set === undefined || categories === undefined) {
    // Every known value on the left, missing ones on the right.
    return { threshold: thresholds[split.bin] ?? Infinity };
  }
  return { threshold: 0, categories: split.set.map((b) => categories[b] as number).sort((a, b) => a - b) };
}

/**
 * Grows one tree into the builder; returns its root and its leaves.
 *
 * Source: Ke et al., LightGBM, 2017 (leaf-wise growth, histograms, the sibling by subtraction).
 */
export function growTree(
  arrays: TreeArrays,
  finder: SplitFinder,
  builder: EnsembleBuilder,
  options: GrowOptions,
  scratch: Uint32Array,
): { readonly root: number; readonly leaves: readonly GrownLeaf[] } {
  const { order, data } = arrays;
  const { l2 } = arrays.options;
  for (let i = 0; i < order.length; i++) order[i] = i;
  const sums = sumsOf(arrays);
  const [split] = finder.find({ begin: 0, end: order.length, slot: 0, sums, sibling: undefined });
  const leaves: Leaf[] = [{ begin: 0, end: order.length, sums, slot: 0, depth: 0, split, parent: undefined }];
  let root: number | undefined;
  const attach = (parent: Leaf["parent"], child: number, sides: Map<number, [number, number]>): void => {
    if (parent === undefined) root = child;
    else (sides.get(parent.node) as [number, number])[parent.isLeft ? 0 : 1] = child;
  };
  const sides = new Map<number, [number, number]>();
  while (leaves.length < options.leaves) {
    const at = bestLeaf(leaves, options.maxDepth);
    const leaf = leaves[at] as Leaf;
    if (at < 0 || leaf.split.column < 0) break;
    const column = data.columns[leaf.split.column] as BinColumn;
    const { missingLeft } = leaf.split;
    const node = builder.node({
      feature: leaf.split.column,
      missingLeft,
      cover: leaf.end - leaf.begin,
      ...decision(leaf.split, column),
    });
    sides.set(node, [-1, -1]);
    attach(leaf.parent, node, sides);
    // The last two leaves stay leaves: nobody asks for their splits.
    const isLast = leaves.length + 1 === options.leaves;
    leaves.splice(at, 1, ...children(arrays, isLast ? undefined : finder, leaf, node, leaves.length, scratch));
  }
  const grown = leaves.map((leaf): GrownLeaf => {
    const value = valueOf(leaf.sums, l2, options.learningRate);
    attach(leaf.parent, builder.leaf([value], leaf.end - leaf.begin), sides);
    return { begin: leaf.begin, end: leaf.end, value };
  });
  for (const [node, [left, right]] of sides) builder.children(node, left, right);
  return { root: root as number, leaves: grown };
}

/** The place of the leaf whose split gains most; −1 where none gains. */
function bestLeaf(leaves: readonly Leaf[], maxDepth: number): number {
  let [best, gain] = [-1, 0];
  for (const [i, leaf] of leaves.entries()) {
    if (leaf.depth >= maxDepth || leaf.split.gain <= gain) continue;
    [best, gain] = [i, leaf.split.gain];
  }
  return best;
}

/** Splits a leaf in two; the smaller one's histogram is built in a new slot, the larger one's by subtraction in the parent's. */
function children(
  arrays: TreeArrays,
  finder: SplitFinder | undefined,
  leaf: Leaf,
  node: number,
  newSlot: number,
  scratch: Uint32Array,
): [Leaf, Leaf] {
  const middle = partition(arrays, leaf, scratch);
  const { split } = leaf;
  const [leftRows, rightRows] = [middle - leaf.begin, leaf.end - middle];
  const left: LeafSums = { gradient: split.leftGradient, hessian: split.leftHessian, rows: leftRows };
  const right: LeafSums = {
    gradient: leaf.sums.gradient - split.leftGradient,
    hessian: leaf.sums.hessian - split.leftHessian,
    rows: rightRows,
  };
  const isLeftSmall = leftRows <= rightRows;
  const [begin, end] = isLeftSmall ? [leaf.begin, middle] : [middle, leaf.end];
  const found = finder?.find({
    begin,
    end,
    slot: newSlot,
    sums: isLeftSmall ? left : right,
    sibling: { slot: leaf.slot, sums: isLeftSmall ? right : left },
  });
  const [small, large = noSplit()] = found ?? [noSplit()];
  const childOf = (isLeft: boolean): Leaf => ({
    begin: isLeft ? leaf.begin : middle,
    end: isLeft ? middle : leaf.end,
    sums: isLeft ? left : right,
    slot: isLeft === isLeftSmall ? newSlot : leaf.slot,
    depth: leaf.depth + 1,
    split: isLeft === isLeftSmall ? small : large,
    parent: { node, isLeft },
  });
  return [childOf(true), childOf(false)];
}
