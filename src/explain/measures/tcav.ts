/**
 * @module TCAV: whether a concept, given by examples of it, moves a score.
 */
import type { TensorData } from "../../graph/index.js";
import { sizeOf, toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { ridgeFit } from "../../util/least-squares.js";
import { Random } from "../../util/random.js";
import { joinRows, takeRows } from "../batch.js";
import type { Explainer } from "../explain.js";
import type { Target } from "../target.js";
import { dot, mean } from "../../util/vectors.js";

/** Options of `tcav`: examples of the concept, random ones, and those that are asked about. */
export interface TcavOptions {
  /** Examples of the concept, [M, …features]. */
  readonly concept: TensorData;
  /** Examples of anything else, [M, …features]; drawn from anew in every run. */
  readonly random: TensorData;
  /** Examples whose score is asked about, [N, …features]. */
  readonly examples: TensorData;
  readonly target: Target;
  /** The layer, by its module's path; left out, found from the graph as for Grad-CAM. */
  readonly at?: string;
  readonly runs?: number;
  readonly seed?: number;
}

/** Share of examples that a concept moves towards the target, that of random concepts, and p. */
export interface Tcav {
  /** The share of examples whose score rises in the concept's direction, the mean over runs. */
  readonly score: number;
  /** The same for directions between two random sets. */
  readonly randomScore: number;
  /** The chance of a difference as large between means of both if there were none, by Welch's t with a normal tail. */
  readonly pValue: number;
  /** How well the concept is told apart at the layer, on examples left out. */
  readonly accuracy: number;
}

/**
 * Directional derivatives of a score towards a concept: the normal of a plane that parts the concept's layer values from random ones.
 *
 * Errors: ConfigError for fewer than 4 examples of either kind.
 * Source: Kim et al., Interpretability beyond feature attribution: quantitative testing with concept activation vectors, 2017, equations 1 and 2,
 * arXiv:1711.11279.
 * Differs from the source: the plane is a ridge fit on means over space, not a linear classifier on all values; the test is against directions between random
 * halves.
 */
export async function tcav(explainer: Explainer, options: TcavOptions): Promise<Tcav> {
  const { concept, random, examples, runs = 10, seed = 0 } = options;
  const counts = [concept.shape[0] ?? 0, random.shape[0] ?? 0] as const;
  if (Math.min(...counts) < 4)
    throw new ConfigError(`tcav: expected at least 4 examples of the concept and 4 others, got ${counts.join(" and ")}`);
  const layers = [];
  for (const set of [concept, random]) layers.push(pooled(await explainer.layer(set, options.at)));
  const { gradient } = await explainer.layerGradient(examples, options.target, options.at);
  const slopes = pooled(gradient);
  const [mine, others] = layers as [Pooled, Pooled];
  const found: number[] = [];
  const chance: number[] = [];
  let accuracy = 0;
  for (let run = 0; run < runs; run++) {
    const draw = new Random(seed, "tcav", run);
    const fit = direction(mine, others, draw);
    accuracy += fit.accuracy / runs;
    found.push(positiveShare(slopes, fit.normal));
    const halves = draw.permutation(counts[1]);
    const middle = Math.floor(halves.length / 2);
    chance.push(
      positiveShare(
        slopes,
        direction(chosen(others, halves.subarray(0, middle)), chosen(others, halves.subarray(middle)), draw).normal,
      ),
    );
  }
  return { score: mean(found), randomScore: mean(chance), pValue: welch(found, chance), accuracy };
}

/** Rows [M, C]. */
interface Pooled {
  readonly rows: number;
  readonly width: number;
  readonly data: Float64Array;
}

/** Means over space: [M, C, h, w] → [M, C]; rows of anything else as they are. */
function pooled(values: TensorData): Pooled {
  const [rows = 1, , ...space] = values.shape;
  const area = values.shape.length === 4 ? sizeOf(space) : 1;
  const width = values.data.length / rows / area;
  const numbers = toNumbers(values);
  const data = new Float64Array(rows * width);
  numbers.forEach((v, e) => (data[Math.floor(e / area)] = (data[Math.floor(e / area)] as number) + v / area));
  return { rows, width, data };
}

const chosen = ({ width, data }: Pooled, rows: Uint32Array): Pooled => {
  const all = { dtype: "float64", shape: [data.length / width, width], data } as const;
  const parts = Array.from(rows, (r) => takeRows(all, r, r + 1));
  return { rows: rows.length, width, data: toNumbers(joinRows(parts, rows.length)) };
};

/** The direction from b to a, from three quarters of both, and how many of the rest it tells apart. */
function direction(a: Pooled, b: Pooled, random: Random): { readonly normal: Float64Array; readonly accuracy: number } {
  const { width } = a;
  const count = Math.min(a.rows, b.rows);
  const [orderA, orderB] = [random.permutation(a.rows).subarray(0, count), random.permutation(b.rows).subarray(0, count)];
  const trained = Math.max(1, Math.floor(0.75 * count));
  const x = new Float64Array(2 * trained * width);
  const y = new Float64Array(2 * trained);
  for (let i = 0; i < trained; i++) {
    x.set(rowOf(a, orderA[i] as number), 2 * i * width);
    x.set(rowOf(b, orderB[i] as number), (2 * i + 1) * width);
    [y[2 * i], y[2 * i + 1]] = [1, -1];
  }
  const { coefficients, intercept } = ridgeFit(x, y, new Float64Array(y.length).fill(1), width, 1e-3 * dot(x, x));
  const side = (row: Float64Array): number => row.reduce((sum, v, i) => sum + v * (coefficients[i] as number), intercept);
  let right = 0;
  for (let i = trained; i < count; i++)
    right += Number(side(rowOf(a, orderA[i] as number)) > 0) + Number(side(rowOf(b, orderB[i] as number)) < 0);
  return { normal: coefficients, accuracy: count === trained ? 0 : right / (2 * (count - trained)) };
}

const rowOf = ({ width, data }: Pooled, r: number): Float64Array => data.subarray(r * width, (r + 1) * width);

function positiveShare({ rows, width, data }: Pooled, normal: Float64Array): number {
  let positive = 0;
  for (let r = 0; r < rows; r++) {
    let slope = 0;
    for (let i = 0; i < width; i++) slope += (data[r * width + i] as number) * (normal[i] as number);
    if (slope > 0) positive++;
  }
  return positive / rows;
}

/** Two-sided chance, by the normal distribution. */
function welch(a: readonly number[], b: readonly number[]): number {
  const variance = (values: readonly number[]): number =>
    values.reduce((sum, v) => sum + (v - mean(values)) ** 2, 0) / Math.max(1, values.length - 1);
  const error = Math.sqrt(variance(a) / a.length + variance(b) / b.length);
  const difference = Math.abs(mean(a) - mean(b));
  if (error === 0) return difference === 0 ? 1 : 0;
  return 2 * (1 - normalShare(difference / error));
}

/** Φ(z). Abramowitz and Stegun 1964, 26.2.17. */
function normalShare(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail;
}
