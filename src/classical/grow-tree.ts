/**
 * @module A regression tree on gradients, grown leaf by leaf: the leaf that gains most is split next.
 */
import type { BinColumn } from "./binning.js";
import type { LeafSums, Split } from "./split.js";
import { noSplit } from "./split.js";
import type { LeafExpander, OpenLeaf, TreeArrays } from "./split-work.js";
import { sidesOf } from "./split-work.js";
import type { EnsembleBuilder } from "./tree-ensemble.js";

export interface GrowOptions {
  readonly leaves: number;
  readonly maxDepth: number;
  /** Factor on a leaf's value. */
  readonly learningRate: number;
}

/** A leaf while the tree grows. */
interface Leaf extends OpenLeaf {
  readonly depth: number;
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
  expander: LeafExpander,
  builder: EnsembleBuilder,
  options: GrowOptions,
): { readonly root: number; readonly leaves: readonly GrownLeaf[] } {
  const { order, data } = arrays;
  const { l2 } = arrays.options;
  for (let i = 0; i < order.length; i++) order[i] = i;
  const sums = sumsOf(arrays);
  const split = expander.root(sums);
  const leaves: Leaf[] = [{ begin: 0, end: order.length, sums, slot: 0, depth: 0, split, parent: undefined }];
  let root: number | undefined;
  const attach = (parent: Leaf["parent"], child: number, sides: Map<number, [number, number]>): void => {
    if (parent === undefined) root = child;
    else (sides.get(parent.node) as [number, number])[parent.isLeft ? 0 : 1] = child;
  };
  const sides = new Map<number, [number, number]>();
  while (leaves.length < options.leaves) {
    const leaf = bestLeaf(leaves, options.maxDepth);
    if (leaf === undefined) break;
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
    leaves.splice(leaves.indexOf(leaf), 1, ...children(expander, leaf, node, leaves, options));
  }
  expander.settle();
  const grown = leaves.map((leaf): GrownLeaf => {
    const value = valueOf(leaf.sums, l2, options.learningRate);
    attach(leaf.parent, builder.leaf([value], leaf.end - leaf.begin), sides);
    return { begin: leaf.begin, end: leaf.end, value };
  });
  for (const [node, [left, right]] of sides) builder.children(node, left, right);
  return { root: root as number, leaves: grown };
}

/** Tells whether a leaf can be split. */
const isOpen = ({ depth, split }: Leaf, maxDepth: number): boolean => depth < maxDepth && split.column >= 0 && split.gain > 0;

/** The leaf whose split gains most, the first of several; undefined where none gains. */
function bestLeaf(leaves: readonly Leaf[], maxDepth: number): Leaf | undefined {
  let best: Leaf | undefined;
  for (const leaf of leaves) {
    if (isOpen(leaf, maxDepth) && leaf.split.gain > (best?.split.gain ?? 0)) best = leaf;
  }
  return best;
}

/** Splits a leaf in two. */
function children(
  expander: LeafExpander,
  leaf: Leaf,
  node: number,
  leaves: readonly Leaf[],
  { leaves: most, maxDepth }: GrowOptions,
): [Leaf, Leaf] {
  // The last two leaves stay leaves: nobody asks for their splits.
  const splits = most - 1 - leaves.length;
  const next = (): readonly Leaf[] =>
    leaves
      .filter((other) => other !== leaf && isOpen(other, maxDepth))
      .sort((a, b) => b.split.gain - a.split.gain)
      .slice(0, splits);
  const expansion =
    splits === 0 ? { middle: expander.part(leaf), left: noSplit(), right: noSplit(), slot: -1 } : expander.expand(leaf, next);
  const { middle } = expansion;
  const { left, right, isLeftSmall } = sidesOf(leaf, middle);
  const depth = leaf.depth + 1;
  const slots = isLeftSmall ? [expansion.slot, leaf.slot] : [leaf.slot, expansion.slot];
  const [leftSlot = 0, rightSlot = 0] = slots;
  return [
    { begin: leaf.begin, end: middle, sums: left, slot: leftSlot, depth, split: expansion.left, parent: { node, isLeft: true } },
    { begin: middle, end: leaf.end, sums: right, slot: rightSlot, depth, split: expansion.right, parent: { node, isLeft: false } }, // prettier-ignore
  ];
}
