/**
 * @module Ensembles of decision trees as flat arrays: what boosting and forests make, what an ONNX file holds, and what TreeSHAP walks through.
 */
import { DescentError } from "../util/errors.js";

/**
 * Trees whose answers are summed. Child c of a node is node c if c ≥ 0, and leaf −1 − c otherwise.
 *
 * A row goes to the left child where its feature is ≤ the threshold, or, where the node has a set of categories, where it is one of them; a missing
 * value (NaN) where `missingLeft` says so.
 */
export interface TreeEnsemble {
  readonly features: number;
  /** Number of scores. */
  readonly outputs: number;
  /** [K], added to the sum. */
  readonly base: Float64Array;
  /** [T], the root of each tree, a child like others. */
  readonly roots: Int32Array;
  /** [T], the first score that a tree adds to. */
  readonly treeOutputs: Int32Array;
  /** Number of scores that a leaf adds to, side by side. */
  readonly width: number;
  /** Arrays over the nodes: */
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly missingLeft: Uint8Array;
  /** The first place in `categories` of a node's set and the one behind it, [nodes, 2]; equal where it compares with its threshold. */
  readonly sets: Int32Array;
  readonly categories: Float32Array;
  /** Number of training rows, by weight. */
  readonly nodeCover: Float64Array;
  readonly leafCover: Float64Array;
  /** [leaves, width]. */
  readonly leafValues: Float32Array;
}

/** A node to be added: `left` and `right` are filled in once its children are there. */
export interface NewNode {
  readonly feature: number;
  readonly threshold: number;
  readonly missingLeft: boolean;
  readonly categories?: readonly number[] | undefined;
  readonly cover: number;
}

/** Collects nodes and leaves, tree by tree. */
export class EnsembleBuilder {
  readonly #features: number;
  readonly #outputs: number;
  readonly #width: number;
  readonly #roots: number[] = [];
  readonly #treeOutputs: number[] = [];
  readonly #nodes: NewNode[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #leafCover: number[] = [];
  readonly #leafValues: number[] = [];

  constructor(features: number, outputs: number, width = 1) {
    this.#features = features;
    this.#outputs = outputs;
    this.#width = width;
  }

  /** Adds a leaf, and returns it as a child. */
  leaf(values: ArrayLike<number>, cover: number): number {
    for (let k = 0; k < this.#width; k++) this.#leafValues.push(values[k] as number);
    return -this.#leafCover.push(cover);
  }

  /** Adds a node without children, and returns it as a child. */
  node(node: NewNode): number {
    this.#left.push(-1);
    this.#right.push(-1);
    return this.#nodes.push(node) - 1;
  }

  children(node: number, left: number, right: number): void {
    this.#left[node] = left;
    this.#right[node] = right;
  }

  tree(root: number, output = 0): void {
    this.#roots.push(root);
    this.#treeOutputs.push(output);
  }

  finish(base: Float64Array): TreeEnsemble {
    const nodes = this.#nodes;
    const sets = new Int32Array(nodes.length * 2);
    const categories: number[] = [];
    for (const [n, { categories: own = [] }] of nodes.entries()) {
      sets[2 * n] = categories.length;
      categories.push(...own);
      sets[2 * n + 1] = categories.length;
    }
    return {
      features: this.#features,
      outputs: this.#outputs,
      width: this.#width,
      base,
      roots: Int32Array.from(this.#roots),
      treeOutputs: Int32Array.from(this.#treeOutputs),
      feature: Int32Array.from(nodes, (node) => node.feature),
      threshold: Float32Array.from(nodes, (node) => node.threshold),
      left: Int32Array.from(this.#left),
      right: Int32Array.from(this.#right),
      missingLeft: Uint8Array.from(nodes, (node) => (node.missingLeft ? 1 : 0)),
      sets,
      categories: Float32Array.from(categories),
      nodeCover: Float64Array.from(nodes, (node) => node.cover),
      leafCover: Float64Array.from(this.#leafCover),
      leafValues: Float32Array.from(this.#leafValues),
    };
  }
}

/** The trees of several ensembles of one form as one. */
export function joinTrees(pieces: readonly TreeEnsemble[], base: Float64Array): TreeEnsemble {
  const [first] = pieces;
  if (first === undefined) throw new DescentError("joinTrees: expected at least one tree, got none");
  const total = (of: (piece: TreeEnsemble) => { readonly length: number }): number =>
    pieces.reduce((sum, piece) => sum + of(piece).length, 0);
  const [trees, nodes, leaves] = [total((p) => p.roots), total((p) => p.feature), total((p) => p.leafCover)];
  const joined = {
    features: first.features,
    outputs: first.outputs,
    width: first.width,
    base,
    roots: new Int32Array(trees),
    treeOutputs: new Int32Array(trees),
    feature: new Int32Array(nodes),
    threshold: new Float32Array(nodes),
    left: new Int32Array(nodes),
    right: new Int32Array(nodes),
    missingLeft: new Uint8Array(nodes),
    sets: new Int32Array(2 * nodes),
    categories: new Float32Array(total((p) => p.categories)),
    nodeCover: new Float64Array(nodes),
    leafCover: new Float64Array(leaves),
    leafValues: new Float32Array(leaves * first.width),
  };
  let [t, n, l, c] = [0, 0, 0, 0];
  for (const piece of pieces) {
    const [nodesBefore, leavesBefore, setsBefore] = [n, l, c];
    const moved = (child: number): number => (child >= 0 ? child + nodesBefore : child - leavesBefore);
    joined.roots.set(piece.roots.map(moved), t);
    joined.treeOutputs.set(piece.treeOutputs, t);
    joined.feature.set(piece.feature, n);
    joined.threshold.set(piece.threshold, n);
    joined.left.set(piece.left.map(moved), n);
    joined.right.set(piece.right.map(moved), n);
    joined.missingLeft.set(piece.missingLeft, n);
    joined.sets.set(
      piece.sets.map((at) => at + setsBefore),
      2 * n,
    );
    joined.categories.set(piece.categories, c);
    joined.nodeCover.set(piece.nodeCover, n);
    joined.leafCover.set(piece.leafCover, l);
    joined.leafValues.set(piece.leafValues, l * first.width);
    t += piece.roots.length;
    n += piece.feature.length;
    l += piece.leafCover.length;
    c += piece.categories.length;
  }
  return joined;
}

/** Tells whether a feature's value goes to the left of a node. */
export function goesLeft(ensemble: TreeEnsemble, node: number, value: number): boolean {
  if (Number.isNaN(value)) return ensemble.missingLeft[node] === 1;
  const [from, to] = [ensemble.sets[2 * node] as number, ensemble.sets[2 * node + 1] as number];
  if (from === to) return value <= (ensemble.threshold[node] as number);
  for (let c = from; c < to; c++) if (ensemble.categories[c] === value) return true;
  return false;
}

/** The child of a node that a row goes to; `row` begins at `at`. */
export const childFor = (ensemble: TreeEnsemble, node: number, row: Float32Array, at = 0): number =>
  (goesLeft(ensemble, node, row[at + (ensemble.feature[node] as number)] as number) ? ensemble.left : ensemble.right)[
    node
  ] as number;

/** Scores [N, K] of rows [N, F]. */
export function treeScores(ensemble: TreeEnsemble, rows: Float32Array): Float64Array {
  const { features, outputs, width, roots, treeOutputs, leafValues, base } = ensemble;
  const count = rows.length / features;
  const scores = new Float64Array(count * outputs);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < outputs; k++) scores[i * outputs + k] = base[k] as number;
    for (let t = 0; t < roots.length; t++) {
      let child = roots[t] as number;
      while (child >= 0) child = childFor(ensemble, child, rows, i * features);
      const [leaf, at] = [-1 - child, i * outputs + (treeOutputs[t] as number)];
      for (let k = 0; k < width; k++) scores[at + k] = (scores[at + k] as number) + (leafValues[leaf * width + k] as number);
    }
  }
  return scores;
}
