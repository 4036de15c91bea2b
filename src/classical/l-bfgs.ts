/**
 * @module L-BFGS: minimizes a smooth function of many variables from its values and gradients.
 */
import { dot } from "../util/vectors.js";

/** Writes the gradient at x, and returns the value there. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** Pairs of steps and changes of the gradient that are kept. */
  readonly memory?: number;
  readonly maxIterations?: number;
  /** The largest component of the gradient at which the search ends. */
  readonly tolerance?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** Whether the gradient is within the tolerance, or no step lowers the value any more. */
  readonly converged: boolean;
}

/** Sufficient decrease and curvature: constants of Wolfe's conditions (Nocedal and Wright, 2nd edition, p. 62). */
const DECREASE = 1e-4;
const CURVATURE = 0.9;
const MOST_TRIALS = 40;

const largest = (a: Float64Array): number => a.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly rho: number;
}

/** −H·gradient by the two-loop recursion (Nocedal and Wright, algorithm 7.4). */
function descentDirection(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((g) => -g);
  const alphas = new Float64Array(pairs.length);
  for (let p = pairs.length - 1; p >= 0; p--) {
    const { step, change, rho } = pairs[p] as Pair;
    const alpha = rho * dot(step, direction);
    alphas[p] = alpha;
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) - alpha * (change[i] as number);
  }
  const newest = pairs.at(-1);
  const scale =
    newest === undefined
      ? 1 / Math.max(1, Math.sqrt(dot(gradient, gradient)))
      : 1 / (newest.rho * dot(newest.change, newest.change));
  for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) * scale;
  for (const [p, { step, change, rho }] of pairs.entries()) {
    const beta = (alphas[p] as number) - rho * dot(change, direction);
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) + beta * (step[i] as number);
  }
  return direction;
}

/** A point on the way along a direction. */
interface Point {
  readonly x: Float64Array;
  readonly gradient: Float64Array;
  readonly value: number;
}

/** A point that meets Wolfe's conditions, by bracketing and bisection; undefined where none is found. */
function lineSearch(f: Objective, from: Point, direction: Float64Array): Point | undefined {
  const slope = dot(from.gradient, direction);
  if (!(slope < 0)) return undefined;
  let [low, high, t] = [0, Infinity, 1];
  let lower: Point | undefined;
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    const x = from.x.map((v, i) => v + t * (direction[i] as number));
    const gradient = new Float64Array(x.length);
    const value = f(x, gradient);
    const enough = value <= from.value + DECREASE * t * slope;
    if (enough && dot(gradient, direction) >= CURVATURE * slope) return { x, gradient, value };
    if (enough) {
      low = t;
      lower = { x, gradient, value };
    } else high = t;
    t = high === Infinity ? 2 * t : (low + high) / 2;
  }
  // Rounding may leave no point with both; a lower value is still one.
  return lower;
}

/**
 * Minimizes f from `start`.
 *
 * Source: Nocedal and Wright, Numerical Optimization, 2nd edition, algorithm 7.5.
 * Differs from the source: the line search brackets and bisects.
 */
export function minimize(f: Objective, start: Float64Array, options: LbfgsOptions = {}): Minimum {
  const { memory = 10, maxIterations = 1000, tolerance = 1e-6, signal } = options;
  const gradient = new Float64Array(start.length);
  let point: Point = { x: start, gradient, value: f(start, gradient) };
  let pairs: Pair[] = [];
  for (let iterations = 0; iterations < maxIterations; iterations++) {
    signal?.throwIfAborted();
    if (largest(point.gradient) <= tolerance) return { x: point.x, value: point.value, iterations, converged: true };
    const next = lineSearch(f, point, descentDirection(point.gradient, pairs));
    if (next === undefined) {
      if (pairs.length === 0) return { x: point.x, value: point.value, iterations, converged: true };
      // The memory misleads: once more with the gradient alone.
      pairs = [];
      continue;
    }
    const step = next.x.map((v, i) => v - (point.x[i] as number));
    const change = next.gradient.map((v, i) => v - (point.gradient[i] as number));
    const curvature = dot(step, change);
    if (curvature > 1e-14 * dot(change, change)) pairs = [...pairs.slice(1 - memory), { step, change, rho: 1 / curvature }];
    point = next;
  }
  return { x: point.x, value: point.value, iterations: maxIterations, converged: false };
}
