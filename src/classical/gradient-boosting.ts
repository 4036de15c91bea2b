/**
 * @module Gradient boosting of trees on histograms: missing values, columns of categories, early stopping.
 */
import type { BinColumn } from "./binning.js";
import { findBins } from "./binning.js";
import type { GrowOptions } from "./grow-tree.js";
import { growTree } from "./grow-tree.js";
import type { DenseMatrix } from "./matrix.js";
import { classCounts } from "./naive-bayes.js";
import type { SplitOptions } from "./split.js";
import { treeArrays } from "./histogram.js";
import type { LeafExpander, TreeArrays } from "./split-work.js";
import { expandHere } from "./split-work.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { nextTurn } from "../util/next-turn.js";
import { EnsembleBuilder, joinTrees, treeScores } from "./tree-ensemble.js";

/** Classes of rows, or a quantity. */
export type Target =
  | { readonly kind: "classes"; readonly labels: ArrayLike<number>; readonly classes: number }
  | { readonly kind: "quantity"; readonly values: ArrayLike<number> };

export interface BoostingOptions extends Partial<GrowOptions>, Partial<SplitOptions> {
  /** Rounds at most; of three classes or more each is a tree for each class. */
  readonly rounds?: number;
  readonly maxBins?: number;
  /** Columns of category codes. */
  readonly categorical?: ReadonlySet<number>;
  /** Rows whose loss says when to stop, and for how many rounds it may fail to fall. */
  readonly validation?: { readonly x: DenseMatrix; readonly target: Target; readonly patience: number } | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onRound?: (round: number, validationLoss: number | undefined) => void;
  /** The number of threads that work on the arrays, and who expands leaves in them; left out, all is done here. */
  readonly threads?:
    | { readonly count: number; readonly expander: (arrays: TreeArrays, leaves: number) => LeafExpander }
    | undefined;
}

export interface Boosted {
  /** Raw scores: of two classes the log-odds of the second, of more the logits, of a quantity itself. */
  readonly ensemble: TreeEnsemble;
  /** Rounds that are kept. */
  readonly rounds: number;
  /** Mean loss on the validation rows after each round. */
  readonly losses: readonly number[];
}

/** A loss by its derivatives: scores [N, K] are raw. */
interface Loss {
  readonly outputs: number;
  readonly base: Float64Array;
  readonly hasHessians: boolean;
  /** Writes the derivatives by score k of each row. */
  readonly derivatives: (scores: Float64Array, k: number, gradients: Float32Array, hessians: Float32Array | undefined) => void;
}

const LEAST_PROBABILITY = 1e-15;
/** Leaves that threads may have expanded at a time before it is known whether the tree keeps their splits. */
const MOST_AHEAD = 8;

function lossOf(target: Target): Loss {
  if (target.kind === "quantity") {
    const { values } = target;
    let mean = 0;
    for (let i = 0; i < values.length; i++) mean += (values[i] as number) / values.length;
    return {
      outputs: 1,
      base: Float64Array.of(mean),
      hasHessians: false,
      derivatives: (scores, _, gradients) => {
        for (let i = 0; i < gradients.length; i++) gradients[i] = (scores[i] as number) - (values[i] as number);
      },
    };
  }
  const { labels, classes } = target;
  const shares = classCounts(labels, classes).map((count) => Math.max(count / labels.length, LEAST_PROBABILITY));
  if (classes === 2) {
    const [no = 0.5, yes = 0.5] = shares;
    return {
      outputs: 1,
      base: Float64Array.of(Math.log(yes / no)),
      hasHessians: true,
      derivatives: (scores, _, gradients, hessians) => {
        for (let i = 0; i < gradients.length; i++) {
          const p = 1 / (1 + Math.exp(-(scores[i] as number)));
          gradients[i] = p - (labels[i] as number);
          if (hessians !== undefined) hessians[i] = p * (1 - p);
        }
      },
    };
  }
  return { outputs: classes, base: shares.map(Math.log), hasHessians: true, derivatives: softmaxDerivatives(labels, classes) };
}

/** Derivatives of the softmax's loss; second ones as in Friedman's, times K / (K − 1). */
const softmaxDerivatives =
  (labels: ArrayLike<number>, classes: number): Loss["derivatives"] =>
  (scores, k, gradients, hessians) => {
    const factor = classes / (classes - 1);
    for (let i = 0; i < gradients.length; i++) {
      const at = i * classes;
      const own = scores[at + k] as number;
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += Math.exp((scores[at + c] as number) - own);
      const p = 1 / sum;
      gradients[i] = p - (labels[i] === k ? 1 : 0);
      if (hessians !== undefined) hessians[i] = factor * p * (1 - p);
    }
  };

/** Mean loss of raw scores: squared error, or the negative logarithm of the true class's probability. */
export function meanLoss(target: Target, scores: Float64Array): number {
  if (target.kind === "quantity")
    return scores.reduce((sum, s, i) => sum + (s - (target.values[i] as number)) ** 2, 0) / scores.length;
  const { labels, classes } = target;
  const outputs = classes === 2 ? 1 : classes;
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const row: readonly number[] =
      outputs === 1 ? [0, scores[i] as number] : [...scores.subarray(i * outputs, (i + 1) * outputs)];
    const most = Math.max(...row);
    const sum = row.reduce((a, b) => a + Math.exp(b - most), 0);
    total += Math.log(sum) + most - (row[labels[i] as number] as number);
  }
  return total / labels.length;
}

/** Scores of validation rows as trees come, and the round with the least loss. */
class EarlyStopping {
  readonly losses: number[] = [];
  readonly #given: NonNullable<BoostingOptions["validation"]>;
  readonly #scores: Float64Array;
  best = 0;

  constructor(given: NonNullable<BoostingOptions["validation"]>, base: Float64Array) {
    this.#given = given;
    this.#scores = Float64Array.from({ length: given.x.rows * base.length }, (_, i) => base[i % base.length] as number);
    this.#least = meanLoss(given.target, this.#scores);
  }
  #least: number;

  /** Adds a round's trees; returns whether the loss has failed to fall for too long. */
  add(trees: TreeEnsemble): boolean {
    const more = treeScores(trees, this.#given.x.values);
    for (let i = 0; i < more.length; i++) this.#scores[i] = (this.#scores[i] as number) + (more[i] as number);
    const loss = meanLoss(this.#given.target, this.#scores);
    this.losses.push(loss);
    if (loss < this.#least) {
      this.#least = loss;
      this.best = this.losses.length;
    }
    return this.losses.length - this.best >= this.#given.patience;
  }
}

/** Boosts round by round, with a pause after each. */
function* boost(x: DenseMatrix, target: Target, options: BoostingOptions): Generator<void, Boosted> {
  const { rounds = 100, maxBins = 255, categorical, validation, signal, threads } = options;
  const { leaves = 31, maxDepth = Infinity, learningRate = 0.1 } = options;
  const { minLeafRows = 20, minLeafHessian = 1e-3, l2 = 0 } = options;
  const columns: readonly BinColumn[] = findBins(x, { maxBins, categorical });
  const loss = lossOf(target);
  const { outputs } = loss;
  const slots = threads === undefined ? leaves : leaves + MOST_AHEAD;
  const splitOptions = { minLeafRows, minLeafHessian, l2 };
  const arrays = treeArrays(x, columns, slots, loss.hasHessians, splitOptions, threads?.count);
  using expander = threads?.expander(arrays, leaves) ?? expandHere(arrays);
  const scores = Float64Array.from({ length: x.rows * outputs }, (_, i) => loss.base[i % outputs] as number);
  const stopping = validation && new EarlyStopping(validation, loss.base);
  const grow: GrowOptions = { leaves, maxDepth, learningRate };
  const pieces: TreeEnsemble[] = [];
  while (pieces.length < rounds) {
    signal?.throwIfAborted();
    // All classes' derivatives are those before the round.
    const before = outputs === 1 ? scores : scores.slice();
    const builder = new EnsembleBuilder(x.columns, outputs);
    for (let k = 0; k < outputs; k++) {
      loss.derivatives(before, k, arrays.gradients, arrays.hessians);
      const grown = growTree(arrays, expander, builder, grow);
      builder.tree(grown.root, k);
      for (const leaf of grown.leaves)
        for (let i = leaf.begin; i < leaf.end; i++) {
          const at = (arrays.order[i] as number) * outputs + k;
          scores[at] = (scores[at] as number) + leaf.value;
        }
    }
    const piece = builder.finish(new Float64Array(outputs));
    pieces.push(piece);
    const stop = stopping?.add(piece) === true;
    options.onRound?.(pieces.length, stopping?.losses.at(-1));
    if (stop) break;
    yield;
  }
  const kept = stopping === undefined ? pieces.length : Math.max(1, stopping.best);
  return { ensemble: joinTrees(pieces.slice(0, kept), loss.base), rounds: kept, losses: stopping?.losses ?? [] };
}

/**
 * Boosts trees on the rows' gradients.
 *
 * Shapes: x [N, F], NaN where a value is missing; targets [N].
 * Source: Friedman, Greedy function approximation: a gradient boosting machine, 2001; Ke et al., LightGBM, 2017.
 * Differs from the source: rows and columns are not sampled; no exclusive feature bundling.
 * Checked against: LightGBM, classical.test.ts.
 */
export function fitGradientBoosting(x: DenseMatrix, target: Target, options: BoostingOptions = {}): Boosted {
  const rounds = boost(x, target, options);
  for (;;) {
    const { done, value } = rounds.next();
    if (done === true) return value;
  }
}

/** Milliseconds until other work has its turn, such as a signal to stop. */
const TURN_MS = 100;

/** Boosts as `fitGradientBoosting` does, and lets other work of the process have its turn. Rejects with the signal's reason. */
export async function fitGradientBoostingAside(x: DenseMatrix, target: Target, options: BoostingOptions = {}): Promise<Boosted> {
  const rounds = boost(x, target, options);
  for (let last = performance.now(); ;) {
    const { done, value } = rounds.next();
    if (done === true) return value;
    if (performance.now() - last < TURN_MS) continue;
    await nextTurn();
    last = performance.now();
  }
}
