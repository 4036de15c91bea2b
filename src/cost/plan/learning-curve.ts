/**
 * @module A learning curve: a power law with an offset, y = c + a·x^(−b), fitted to a user's own small runs, and what it says of larger ones, with an interval.
 *
 * Source: Hestness et al. 2017, Deep learning scaling is predictable, empirically, arXiv:1712.00409, §2 (the form); Efron and Tibshirani 1993, ch. 9 (bootstrap of residuals).
 * Differs from the source: the offset is at least 0 and below the least value that was measured; residuals are between logarithms.
 */
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import { minimizeFrom, type Vector } from "./minimize.js";

/** A run: what it was given, and how large its error was. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

/** A power law: offset + scale · x^(−exponent). */
export interface LearningCurve {
  /** y = offset + scale·x^(−exponent). */
  readonly offset: number;
  readonly scale: number;
  readonly exponent: number;
}

/** A predicted value with its interval. */
export interface CurvePrediction {
  readonly x: number;
  readonly y: number;
  /** 5th and 95th percentile over resampled residuals: where nine in ten curves pass that fit the runs as well. */
  readonly low: number;
  readonly high: number;
}

/** A fitted curve, its residual, and what it predicts. */
export interface FittedCurve {
  readonly curve: LearningCurve;
  /** Root of the mean squared residual between logarithms: about the relative error of the curve at the runs. */
  readonly residual: number;
  readonly predictions: readonly CurvePrediction[];
}

/** Sizes that a curve needs: one more than its constants. */
const FEWEST_SIZES = 4;

/** Value of a learning curve: offset + scale · x^(−exponent). */
export const curveAt = ({ offset, scale, exponent }: LearningCurve, x: number): number => offset + scale * x ** -exponent;

/** The curve of three free numbers: the offset's share of the least value (by a logistic function), log(scale), log(exponent). */
function curveOf([share = 0, scale = 0, exponent = 0]: Vector, least: number, unit: number): LearningCurve {
  const b = Math.exp(exponent);
  return { offset: least / (1 + Math.exp(-share)), scale: Math.exp(scale) * unit ** b, exponent: b };
}

function fitted(
  points: readonly CurvePoint[],
  starts: readonly Vector[],
): { readonly curve: LearningCurve; readonly x: Vector; readonly residual: number } {
  const least = Math.min(...points.map(({ y }) => y));
  // x in units of its geometric middle, so that scale and exponent do not pull at each other.
  const unit = Math.exp(points.reduce((sum, { x }) => sum + Math.log(x), 0) / points.length);
  const squares = (v: Vector): number => {
    const curve = curveOf(v, least, unit);
    return points.reduce((sum, { x, y }) => sum + Math.log(y / curveAt(curve, x)) ** 2, 0);
  };
  const best = minimizeFrom(
    squares,
    starts.map(([share = 0, , exponent = 0]) => {
      const middle = points.reduce((sum, { y }) => sum + y, 0) / points.length;
      return [share, Math.log(Math.max(1e-12, middle - least / (1 + Math.exp(-share)))), exponent];
    }),
  );
  return { curve: curveOf(best.x, least, unit), x: best.x, residual: Math.sqrt(best.value / points.length) };
}

const STARTS: readonly Vector[] = [-6, -1, 1, 3].flatMap((share) => [0.1, 0.35, 1].map((b) => [share, 0, Math.log(b)]));

/**
 * Fits a curve to runs and predicts at `at`.
 *
 * Errors: ConfigError for fewer than four sizes, and for values that are not positive.
 */
export function fitCurve(
  points: readonly CurvePoint[],
  at: readonly number[],
  options: { readonly resamples?: number; readonly seed?: number } = {},
): FittedCurve {
  const { resamples = 300, seed = 1 } = options;
  const sizes = new Set(points.map(({ x }) => x)).size;
  if (sizes < FEWEST_SIZES)
    throw new ConfigError(
      `learning curve: expected runs of at least ${FEWEST_SIZES} sizes, one more than the curve has constants, got ${sizes}`,
    );
  const wrong = points.flatMap(({ x, y }) => [x, y]).find((value) => !(value > 0 && Number.isFinite(value)));
  if (wrong !== undefined) throw new ConfigError(`learning curve: expected sizes and errors above 0, got ${wrong}`);
  const best = fitted(points, STARTS);
  const residuals = points.map(({ x, y }) => Math.log(y / curveAt(best.curve, x)));
  // Three constants took as many degrees of freedom.
  const widened = Math.sqrt(points.length / Math.max(1, points.length - 3));
  const random = new Random(seed, "learning curve");
  const curves = Array.from({ length: resamples }, () => {
    const drawn = points.map(({ x }) => ({
      x,
      y: curveAt(best.curve, x) * Math.exp(widened * (residuals[random.integer(residuals.length)] as number)),
    }));
    return fitted(drawn, [best.x, ...STARTS.slice(0, 3)]).curve;
  });
  const predictions = at.map((x): CurvePrediction => {
    const sorted = curves.map((curve) => curveAt(curve, x)).sort((a, b) => a - b);
    const percentile = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
    return { x, y: curveAt(best.curve, x), low: percentile(0.05), high: percentile(0.95) };
  });
  return { curve: best.curve, residual: best.residual, predictions };
}
