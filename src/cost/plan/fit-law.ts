/**
 * @module Fitting L(N, D) = E + A / N^α + B / D^β to measured losses, with intervals by bootstrap.
 *
 * Source: Hoffmann et al. 2022, approach 3, eq. 3 (a Huber loss, δ = 1e-3, between logarithms, from a grid of starts); Besiroglu et al. 2024, who sum it where the
 * former averaged it, so that the search did not end too soon.
 */
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import { minimize, minimizeFrom, type Vector } from "./minimize.js";
import type { ParametricLaw } from "./scaling-laws.js";

/** A model of N parameters, trained on D tokens. */
export interface LossPoint {
  readonly parameters: number;
  readonly tokens: number;
  readonly loss: number;
}

/** A law with the 2.5th and 97.5th percentile of each constant over resampled points. */
export interface FittedLaw {
  readonly law: ParametricLaw;
  readonly low: ParametricLaw;
  readonly high: ParametricLaw;
  readonly points: number;
}

const DELTA = 1e-3;
const FEWEST_POINTS = 6;
/** a, b, e, α, β: the grid of starts of both papers, thinned; from more starts than these the best was the same. */
const STARTS: readonly Vector[] = [0, 10, 20].flatMap((a) =>
  [0, 10, 20].flatMap((b) =>
    [-1, 0, 1].flatMap((e) => [0.25, 1].flatMap((alpha) => [0.25, 1].map((beta) => [a, b, e, alpha, beta]))),
  ),
);

const huber = (x: number): number => (Math.abs(x) <= DELTA ? 0.5 * x * x : DELTA * (Math.abs(x) - 0.5 * DELTA));

/** log(e^a + e^b + e^c), without overflow. */
function logSum(a: number, b: number, c: number): number {
  const most = Math.max(a, b, c);
  return most + Math.log(Math.exp(a - most) + Math.exp(b - most) + Math.exp(c - most));
}

interface LogPoint {
  readonly n: number;
  readonly d: number;
  readonly loss: number;
}

const objectiveOf =
  (points: readonly LogPoint[]) =>
  ([a = 0, b = 0, e = 0, alpha = 0, beta = 0]: Vector): number =>
    // In units of δ², so that the search's tolerances mean something.
    points.reduce((sum, { n, d, loss }) => sum + huber(loss - logSum(a - alpha * n, b - beta * d, e)), 0) / DELTA ** 2;

const lawOf = ([a = 0, b = 0, e = 0, alpha = 0, beta = 0]: Vector): ParametricLaw => ({
  e: Math.exp(e),
  a: Math.exp(a),
  b: Math.exp(b),
  alpha,
  beta,
});

/** Fits the law. Errors: ConfigError for fewer than six points, for numbers that are not positive, and for parameters or tokens that do not vary. */
export function fitLaw(
  points: readonly LossPoint[],
  options: { readonly resamples?: number; readonly seed?: number } = {},
): FittedLaw {
  const { resamples = 200, seed = 1 } = options;
  if (points.length < FEWEST_POINTS)
    throw new ConfigError(`scaling law: expected at least ${FEWEST_POINTS} points for its five constants, got ${points.length}`);
  for (const key of ["parameters", "tokens", "loss"] as const) {
    if (points.some((point) => !(point[key] > 0 && Number.isFinite(point[key]))))
      throw new ConfigError(
        `scaling law: expected ${key} above 0 in each point, got ${points.map((point) => point[key]).find((v) => !(v > 0))}`,
      );
    if (key !== "loss" && new Set(points.map((point) => point[key])).size < 2)
      throw new ConfigError(`scaling law: expected points of different ${key}, got ${points[0]?.[key]} in all of them`);
  }
  const logs = points.map(({ parameters, tokens, loss }) => ({
    n: Math.log(parameters),
    d: Math.log(tokens),
    loss: Math.log(loss),
  }));
  const best = minimizeFrom(objectiveOf(logs), STARTS);
  const random = new Random(seed, "scaling law");
  const laws = Array.from({ length: resamples }, () => {
    const drawn = logs.map(() => logs[random.integer(logs.length)] as LogPoint);
    return lawOf(minimize(objectiveOf(drawn), best.x).x);
  });
  const percentile = (share: number): ParametricLaw => {
    const of = (key: keyof ParametricLaw): number => {
      const sorted = laws.map((law) => law[key]).sort((x, y) => x - y);
      return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
    };
    return { e: of("e"), a: of("a"), b: of("b"), alpha: of("alpha"), beta: of("beta") };
  };
  return { law: lawOf(best.x), low: percentile(0.025), high: percentile(0.975), points: points.length };
}
