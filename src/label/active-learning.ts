/**
 * @module Active learning: the items that a person should label next, since a model is unsure of them and they are unlike each other.
 */
import type { Matrix } from "../classical/matrix.js";
import { addTransposed, project, selectRows } from "../classical/matrix.js";

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
