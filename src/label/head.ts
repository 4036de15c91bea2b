/**
 * @module The model that learns while people label: a linear one over features that are computed once, so that it is trained again within
 * a second. It proposes answers and gives its reasons.
 */
import type { LinearModel } from "../classical/linear.js";
import { fitLogisticRegression } from "../classical/logistic-regression.js";
import type { Matrix } from "../classical/matrix.js";
import { project, selectRows } from "../classical/matrix.js";
import { argMax } from "../util/vectors.js";

/** Labels so far. */
export interface Labelled {
  readonly row: number;
  /** Indices of the classes that the item has. */
  readonly classes: readonly number[];
}

export interface HeadOptions {
  readonly classes: number;
  /** Whether an item may have several classes. */
  readonly several: boolean;
}

/** A trained head. */
export interface Head {
  readonly options: HeadOptions;
  /** [K, F] and [K], one row for each class. */
  readonly model: Pick<LinearModel, "weights" | "bias">;
}

/** Trains on the labelled rows of x. Undefined while fewer than two different answers are there. */
export function fitHead(x: Matrix, labelled: readonly Labelled[], options: HeadOptions): Head | undefined {
  if (new Set(labelled.map(({ classes }) => classes.join(","))).size < 2) return undefined;
  const rows = selectRows(
    x,
    labelled.map(({ row }) => row),
  );
  const { classes, several } = options;
  // Few labels over many features: a weak ridge (C = 10) separates them, and its probabilities are still told apart.
  const settings = { C: 10, maxIterations: 100 };
  if (!several) {
    const labels = labelled.map(({ classes: own }) => own[0] ?? 0);
    const fitted = fitLogisticRegression(rows, labels, classes, settings);
    if (classes > 2) return { options, model: fitted };
    // The two-class form has one score, of the second class: half of it speaks for that one and half against the first, so that both have their reasons.
    const weights = new Float64Array(2 * x.columns);
    for (const [j, weight] of fitted.weights.entries()) [weights[j], weights[x.columns + j]] = [-weight / 2, weight / 2];
    const half = (fitted.bias[0] as number) / 2;
    return { options, model: { weights, bias: Float64Array.of(-half, half) } };
  }
  const weights = new Float64Array(classes * x.columns);
  const bias = new Float64Array(classes);
  for (let k = 0; k < classes; k++) {
    const labels = labelled.map(({ classes: own }) => Number(own.includes(k)));
    if (new Set(labels).size < 2) {
      bias[k] = labels[0] === 1 ? 3 : -3;
      continue;
    }
    const fitted = fitLogisticRegression(rows, labels, 2, settings);
    weights.set(fitted.weights, k * x.columns);
    bias[k] = fitted.bias[0] as number;
  }
  return { options, model: { weights, bias } };
}

/** Probabilities [N, K] of rows: softmax, or of several classes each one's own. */
export function probabilities({ options: { classes, several }, model: { weights, bias } }: Head, x: Matrix): Float64Array {
  const scores = new Float64Array(x.rows * classes);
  project(x, weights, bias, scores);
  for (let i = 0; i < x.rows; i++) {
    const own = scores.subarray(i * classes, (i + 1) * classes);
    if (several) {
      for (let k = 0; k < classes; k++) own[k] = 1 / (1 + Math.exp(-(own[k] as number)));
      continue;
    }
    const most = own.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += own[k] = Math.exp((own[k] as number) - most);
    for (let k = 0; k < classes; k++) own[k] = (own[k] as number) / sum;
  }
  return scores;
}

/** The classes that a row most likely has, and the probability of that answer. */
export function likeliest(own: ArrayLike<number>, several: boolean): { readonly classes: number[]; readonly confidence: number } {
  if (several) {
    let confidence = 1;
    const classes: number[] = [];
    for (let k = 0; k < own.length; k++) {
      const p = own[k] as number;
      if (p >= 0.5) classes.push(k);
      confidence *= Math.max(p, 1 - p);
    }
    return { classes, confidence };
  }
  const best = argMax(own);
  return { classes: [best], confidence: own[best] as number };
}
