/**
 * @module The model that learns while people label: a linear one over features that are computed once, so that it is trained again within
 * a second. It proposes answers, gives its reasons, and chooses the items that would teach it most.
 */
import type { LinearModel } from "../classical/linear.js";
import { fitLogisticRegression } from "../classical/logistic-regression.js";
import type { Matrix } from "../classical/matrix.js";
import { addTransposed, project, selectRows } from "../classical/matrix.js";

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
    // The two-class form has one score, of the second class: 0 stands for the first.
    const weights = new Float64Array(2 * x.columns);
    weights.set(fitted.weights, x.columns);
    return { options, model: { weights, bias: Float64Array.of(0, fitted.bias[0] as number) } };
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

/**
 * How unsure the head is of a row, 0 to 1: one minus the margin between the two likeliest classes; of several classes the mean distance of
 * each from certainty.
 *
 * Source: Scheffer et al. 2001 (margin sampling).
 */
export function uncertainty(own: ArrayLike<number>, several: boolean): number {
  if (several) {
    let sum = 0;
    for (let k = 0; k < own.length; k++) sum += 2 * Math.min(own[k] as number, 1 - (own[k] as number));
    return sum / own.length;
  }
  let [first, second] = [0, 0];
  for (let k = 0; k < own.length; k++) {
    const p = own[k] as number;
    if (p > first) [first, second] = [p, first];
    else if (p > second) second = p;
  }
  return 1 - (first - second);
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
  let best = 0;
  for (let k = 1; k < own.length; k++) if ((own[k] as number) > (own[best] as number)) best = k;
  return { classes: [best], confidence: own[best] as number };
}

/** Dot product of two rows. */
export function dot(x: Matrix, a: number, b: number): number {
  let sum = 0;
  if (x.kind === "dense") {
    for (let j = 0; j < x.columns; j++) sum += (x.values[a * x.columns + j] as number) * (x.values[b * x.columns + j] as number);
    return sum;
  }
  let [p, q] = [x.starts[a] as number, x.starts[b] as number];
  const [endP, endQ] = [x.starts[a + 1] as number, x.starts[b + 1] as number];
  while (p < endP && q < endQ) {
    const [i, j] = [x.indices[p] as number, x.indices[q] as number];
    if (i === j) sum += (x.values[p++] as number) * (x.values[q++] as number);
    else if (i < j) p++;
    else q++;
  }
  return sum;
}

/** Rounds of assigning rows to centers and moving these. */
const ROUNDS = 8;

/** Each row's nearest center [K, F] by the cosine, where rows have length 1. */
function nearestCenters(x: Matrix, centers: Float64Array, count: number): Int32Array {
  const similarity = new Float64Array(x.rows * count);
  project(x, centers, new Float64Array(count), similarity);
  return Int32Array.from({ length: x.rows }, (_, i) => {
    const own = similarity.subarray(i * count, (i + 1) * count);
    return own.indexOf(own.reduce((a, b) => Math.max(a, b), -Infinity));
  });
}

/** Directions [K, F] of the weighted sums of each center's rows; a center without rows becomes 0. */
function centersOf(x: Matrix, nearest: Int32Array, worth: ArrayLike<number>, count: number): Float64Array {
  const centers = new Float64Array(count * x.columns);
  const shares = new Float64Array(x.rows * count);
  for (let i = 0; i < x.rows; i++) shares[i * count + (nearest[i] as number)] = worth[i] as number;
  addTransposed(x, shares, count, centers);
  for (let k = 0; k < count; k++) {
    const own = centers.subarray(k * x.columns, (k + 1) * x.columns);
    const length = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let j = 0; j < own.length; j++) own[j] = (own[j] as number) / length;
  }
  return centers;
}

/** Finds the row nearest to each center that has rows. */
function typicalRows(x: Matrix, nearest: Int32Array, centers: Float64Array, count: number): number[] {
  const similarity = new Float64Array(x.rows * count);
  project(x, centers, new Float64Array(count), similarity);
  const best = new Map<number, number>();
  const at = (i: number): number => similarity[i * count + (nearest[i] as number)] as number;
  for (const [i, k] of nearest.entries()) {
    const other = best.get(k);
    if (other === undefined || at(i) > at(other)) best.set(k, i);
  }
  return [...best.values()];
}

/**
 * Chooses rows that are unsure, unlike each other, and each typical of others, since a model learns little from the oddest ones: of the
 * 10 · count rows of the most worth, weighted k-means finds `count` centers, and the row nearest to each is taken. What empty centers leave
 * is filled with rows of the most worth · (1 − similarity to those chosen). Rows of x have length 1, so their product is the cosine.
 *
 * Source: Zhdanov 2019, Diverse mini-batch active learning, arXiv:1901.05954.
 */
export function chooseDiverse(x: Matrix, candidates: readonly number[], worth: ArrayLike<number>, count: number): number[] {
  const order = candidates
    .map((row, i) => ({ row, worth: worth[i] as number, nearest: 0 }))
    .sort((a, b) => b.worth - a.worth || a.row - b.row)
    .slice(0, 10 * count);
  const most = Math.min(count, order.length);
  if (most === 0) return [];
  const rows = selectRows(
    x,
    order.map(({ row }) => row),
  );
  // Rows of high and of lower worth begin as centers.
  let nearest: Int32Array = new Int32Array(order.length);
  const starts = new Float64Array(order.length);
  for (let k = 0; k < most; k++) {
    const i = Math.floor((k * order.length) / most);
    [nearest[i], starts[i]] = [k, 1];
  }
  let centers = centersOf(rows, nearest, starts, most);
  const weights = order.map((one) => one.worth);
  for (let round = 0; round < ROUNDS; round++) {
    nearest = nearestCenters(rows, centers, most);
    centers = centersOf(rows, nearest, weights, most);
  }
  const typical = new Set(typicalRows(rows, nearest, centers, most));
  const chosen = order.filter((_, i) => typical.has(i));
  const rest = order.filter((_, i) => !typical.has(i));
  for (const { row } of chosen) noteChosen(x, row, rest);
  while (chosen.length < most) {
    const value = ({ worth: own, nearest: similar }: (typeof rest)[number]): number => own * (1 - Math.min(1, similar));
    const best = rest.reduce((a, b, i) => (value(b) > value(rest[a] as (typeof rest)[number]) ? i : a), 0);
    const [taken] = rest.splice(best, 1) as [(typeof rest)[number]];
    chosen.push(taken);
    noteChosen(x, taken.row, rest);
  }
  return chosen.map(({ row }) => row);
}

/** Notes how similar the rows that are left are to one that was chosen. */
function noteChosen(x: Matrix, chosen: number, rest: { readonly row: number; nearest: number }[]): void {
  for (const one of rest) one.nearest = Math.max(one.nearest, dot(x, chosen, one.row));
}
