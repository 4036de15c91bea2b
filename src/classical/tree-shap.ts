/**
 * @module Exact Shapley values of tree ensembles, in two readings of an absent feature: *path-dependent*, where the training rows that went through each
 * node say how likely either side is, and *interventional*, where it has a background row's value.
 */
import { DescentError } from "../util/errors.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { goesLeft } from "./tree-ensemble.js";

/** Shapley values of rows, and the score that they start from: values sum to score − base. */
export interface TreeShap {
  /** [N, F]. */
  readonly values: Float64Array;
  readonly base: number;
}

/** A feature on the path from the root: the shares of rows that come along when it is absent and when it is present, and the weight of subsets. */
interface PathEntry {
  feature: number;
  zero: number;
  one: number;
  weight: number;
}

/** Trees that add to a score. */
const treesOf = ({ roots, treeOutputs, width }: TreeEnsemble, output: number): number[] =>
  [...roots.keys()].filter((t) => output >= (treeOutputs[t] as number) && output < (treeOutputs[t] as number) + width);

/** The contribution of a leaf to a score. */
const leafValue = (e: TreeEnsemble, tree: number, child: number, output: number): number =>
  e.leafValues[(-1 - child) * e.width + output - (e.treeOutputs[tree] as number)] as number;

const coverOf = (e: TreeEnsemble, child: number): number => (child >= 0 ? e.nodeCover[child] : e.leafCover[-1 - child]) as number;

/** Grows the path by a feature (Lundberg et al. 2018, algorithm 2, EXTEND). */
function extend(path: PathEntry[], feature: number, zero: number, one: number): void {
  const depth = path.length;
  path.push({ feature, zero, one, weight: depth === 0 ? 1 : 0 });
  for (let i = depth - 1; i >= 0; i--) {
    const [entry, next] = [path[i] as PathEntry, path[i + 1] as PathEntry];
    next.weight += (one * entry.weight * (i + 1)) / (depth + 1);
    entry.weight = (zero * entry.weight * (depth - i)) / (depth + 1);
  }
}

/** Takes a feature back (UNWIND). */
function unwind(path: PathEntry[], at: number): void {
  const depth = path.length - 1;
  const { zero, one } = path[at] as PathEntry;
  let next = (path[depth] as PathEntry).weight;
  for (let i = depth - 1; i >= 0; i--) {
    const entry = path[i] as PathEntry;
    if (one !== 0) {
      const before = entry.weight;
      entry.weight = (next * (depth + 1)) / ((i + 1) * one);
      next = before - (entry.weight * zero * (depth - i)) / (depth + 1);
    } else entry.weight = (entry.weight * (depth + 1)) / (zero * (depth - i));
  }
  for (let i = at; i < depth; i++) {
    const [entry, after] = [path[i] as PathEntry, path[i + 1] as PathEntry];
    [entry.feature, entry.zero, entry.one] = [after.feature, after.zero, after.one];
  }
  path.pop();
}

/** The sum of weights that UNWIND would leave. */
function unwoundSum(path: readonly PathEntry[], at: number): number {
  const depth = path.length - 1;
  const { zero, one } = path[at] as PathEntry;
  let next = (path[depth] as PathEntry).weight;
  let total = 0;
  for (let i = depth - 1; i >= 0; i--) {
    const { weight } = path[i] as PathEntry;
    if (one !== 0) {
      const own = (next * (depth + 1)) / ((i + 1) * one);
      total += own;
      next = weight - (own * zero * (depth - i)) / (depth + 1);
    } else total += ((weight / zero) * (depth + 1)) / (depth - i);
  }
  return total;
}

/**
 * Shapley values of score `output`, where an absent feature follows both children of its nodes, by the shares of training rows.
 *
 * Shapes: rows [N, F] → values [N, F].
 * Cost:   O(N · trees · leaves · depth²).
 * Source: Lundberg, Erion, Lee, Consistent individualized feature attribution for tree ensembles, 2018, algorithm 2, arXiv:1802.03888.
 * Differs from the source: no.
 * Checked against: shap, TreeExplainer(feature_perturbation="tree_path_dependent"), to 1e-5, classical.test.ts.
 */
export function pathDependentShap(e: TreeEnsemble, rows: Float32Array, output: number): TreeShap {
  const { features } = e;
  const count = rows.length / features;
  const values = new Float64Array(count * features);
  const trees = treesOf(e, output);
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * features, (i + 1) * features);
    const own = values.subarray(i * features, (i + 1) * features);
    for (const t of trees) addPathDependent(e, t, row, output, own);
  }
  return {
    values,
    base: trees.reduce((sum, t) => sum + expectation(e, t, e.roots[t] as number, output), e.base[output] as number),
  };
}

/** The mean answer of a subtree over its training rows. */
function expectation(e: TreeEnsemble, tree: number, child: number, output: number): number {
  if (child < 0) return leafValue(e, tree, child, output);
  const [left, right] = [e.left[child] as number, e.right[child] as number];
  const [l, r] = [coverOf(e, left), coverOf(e, right)];
  return (l * expectation(e, tree, left, output) + r * expectation(e, tree, right, output)) / (l + r);
}

function addPathDependent(e: TreeEnsemble, tree: number, row: Float32Array, output: number, into: Float64Array): void {
  const recurse = (child: number, path: PathEntry[], zero: number, one: number, feature: number): void => {
    const own = path.map((entry) => ({ ...entry }));
    extend(own, feature, zero, one);
    if (child < 0) {
      const value = leafValue(e, tree, child, output);
      for (let p = 1; p < own.length; p++) {
        const entry = own[p] as PathEntry;
        into[entry.feature] = (into[entry.feature] as number) + unwoundSum(own, p) * (entry.one - entry.zero) * value;
      }
      return;
    }
    const f = e.feature[child] as number;
    const isLeft = goesLeft(e, child, row[f] as number);
    const [left, right] = [e.left[child] as number, e.right[child] as number];
    const [hot, cold] = isLeft ? [left, right] : [right, left];
    let [innerZero, innerOne] = [1, 1];
    const seen = own.findIndex((entry, p) => p > 0 && entry.feature === f);
    if (seen > 0) {
      ({ zero: innerZero, one: innerOne } = own[seen] as PathEntry);
      unwind(own, seen);
    }
    const cover = coverOf(e, left) + coverOf(e, right);
    recurse(hot, own, (innerZero * coverOf(e, hot)) / cover, innerOne, f);
    recurse(cold, own, (innerZero * coverOf(e, cold)) / cover, 0, f);
  };
  recurse(e.roots[tree] as number, [], 1, 1, -1);
}

/** n! of small n. */
const FACTORIALS: number[] = [1];
for (let n = 1; n <= 170; n++) FACTORIALS.push((FACTORIALS[n - 1] as number) * n);
const factorial = (n: number): number => FACTORIALS[n] as number;

/**
 * Shapley values of score `output`, where an absent feature has the value of a background row; means over these.
 *
 * Shapes: rows [N, F], background [M, F] → values [N, F].
 * Cost:   O(N · M · trees · nodes).
 * Source: Lundberg et al., From local explanations to global understanding with explainable AI for trees, 2020, supplementary algorithm 3, arXiv:1905.04610.
 * Differs from the source: no.
 * Checked against: shap, TreeExplainer(feature_perturbation="interventional"), to 1e-5, classical.test.ts.
 */
export function interventionalShap(e: TreeEnsemble, rows: Float32Array, background: Float32Array, output: number): TreeShap {
  const { features } = e;
  const [count, many] = [rows.length / features, background.length / features];
  if (many === 0) throw new DescentError("tree-shap: expected at least one background row, got none", { exitCode: 2 });
  const values = new Float64Array(count * features);
  const trees = treesOf(e, output);
  let base = 0;
  for (let m = 0; m < many; m++) {
    const other = background.subarray(m * features, (m + 1) * features);
    for (const t of trees) base += answer(e, t, other, output) / many;
    for (let i = 0; i < count; i++) {
      const row = rows.subarray(i * features, (i + 1) * features);
      const own = values.subarray(i * features, (i + 1) * features);
      for (const t of trees) addInterventional(e, t, row, other, output, 1 / many, own);
    }
  }
  return { values, base: base + (e.base[output] as number) };
}

function answer(e: TreeEnsemble, tree: number, row: Float32Array, output: number): number {
  let child = e.roots[tree] as number;
  while (child >= 0) child = (goesLeft(e, child, row[e.feature[child] as number] as number) ? e.left : e.right)[child] as number;
  return leafValue(e, tree, child, output);
}

/** One tree, one row, one background row: the leaves that mixtures of both rows reach. */
function addInterventional(
  e: TreeEnsemble,
  tree: number,
  row: Float32Array,
  other: Float32Array,
  output: number,
  share: number,
  into: Float64Array,
): void {
  /** Whose value each feature on the path has, where the rows went different ways: 1 the row's, −1 the background's. */
  const taken = new Map<number, 1 | -1>();
  const recurse = (child: number, present: number, absent: number): void => {
    if (child < 0) {
      if (present + absent === 0) return;
      const value = leafValue(e, tree, child, output) * share;
      const n = factorial(present + absent);
      const gain = present === 0 ? 0 : (factorial(present - 1) * factorial(absent)) / n;
      const loss = absent === 0 ? 0 : (factorial(present) * factorial(absent - 1)) / n;
      for (const [feature, side] of taken) into[feature] = (into[feature] as number) + value * (side === 1 ? gain : -loss);
      return;
    }
    const f = e.feature[child] as number;
    const [own, others] = [goesLeft(e, child, row[f] as number), goesLeft(e, child, other[f] as number)];
    const to = (isLeft: boolean): number => (isLeft ? e.left : e.right)[child] as number;
    const side = taken.get(f);
    if (own === others) recurse(to(own), present, absent);
    else if (side !== undefined) recurse(to(side === 1 ? own : others), present, absent);
    else {
      taken.set(f, 1);
      recurse(to(own), present + 1, absent);
      taken.set(f, -1);
      recurse(to(others), present, absent + 1);
      taken.delete(f);
    }
  };
  recurse(e.roots[tree] as number, 0, 0);
}
