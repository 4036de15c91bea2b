/**
 * @module Weighted least squares by the normal equations, for the few unknowns that explanations have.
 */
import { cholesky } from "./cholesky.js";
import { symmetricEigen, symmetricFunction } from "./symmetric-eigen.js";

/**
 * Solves A·x = b for a symmetric positive semidefinite A [n, n], row-major, by Cholesky's method; where A is singular, the shortest of the least-squares
 * solutions.
 */
export function solveSymmetric(a: Float64Array, b: ArrayLike<number>, n: number): Float64Array {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i] as number);
  const l = cholesky(a, n, SMALLEST_PIVOT * largest);
  if (l === undefined) return pseudoSolve(a, b, n);
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= (l[i * n + k] as number) * (x[k] as number);
    x[i] = sum / (l[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let k = i + 1; k < n; k++) sum -= (l[k * n + i] as number) * (x[k] as number);
    x[i] = sum / (l[i * n + i] as number);
  }
  return x;
}

/** Smaller pivots than this share of the diagonal's largest make a matrix singular. */
const SMALLEST_PIVOT = 1e-12;

function pseudoSolve(a: Float64Array, b: ArrayLike<number>, n: number): Float64Array {
  const eigen = symmetricEigen(a, n);
  const largest = eigen.values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const inverse = symmetricFunction(eigen, (v) => (Math.abs(v) > SMALLEST_PIVOT * largest ? 1 / v : 0));
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += (inverse[i * n + j] as number) * (b[j] as number);
    return sum;
  });
}

export interface RidgeFit {
  readonly intercept: number;
  readonly coefficients: Float64Array;
  /** Share of the targets' weighted variance that the fit explains. */
  readonly r2: number;
}

/**
 * argmin Σ wᵢ·(yᵢ − c − xᵢ·β)² + ridge·|β|²: the intercept c is not shrunk, as in scikit-learn.
 *
 * Shapes: x [rows, n] row-major, y and weights [rows].
 */
export function ridgeFit(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  weights: ArrayLike<number>,
  n: number,
  ridge: number,
): RidgeFit {
  const rows = y.length;
  const means = new Float64Array(n);
  let [total, meanY] = [0, 0];
  for (let r = 0; r < rows; r++) {
    const w = weights[r] as number;
    total += w;
    meanY += w * (y[r] as number);
    for (let i = 0; i < n; i++) means[i] = (means[i] as number) + w * (x[r * n + i] as number);
  }
  meanY /= total;
  for (let i = 0; i < n; i++) means[i] = (means[i] as number) / total;
  const a = new Float64Array(n * n);
  const b = new Float64Array(n);
  const row = new Float64Array(n);
  let spread = 0;
  for (let r = 0; r < rows; r++) {
    const w = weights[r] as number;
    const dy = (y[r] as number) - meanY;
    spread += w * dy * dy;
    for (let i = 0; i < n; i++) row[i] = (x[r * n + i] as number) - (means[i] as number);
    for (let i = 0; i < n; i++) {
      const scaled = w * (row[i] as number);
      if (scaled === 0) continue;
      b[i] = (b[i] as number) + scaled * dy;
      for (let j = 0; j <= i; j++) a[i * n + j] = (a[i * n + j] as number) + scaled * (row[j] as number);
    }
  }
  for (let i = 0; i < n; i++) {
    a[i * n + i] = (a[i * n + i] as number) + ridge;
    for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j] as number;
  }
  const coefficients = solveSymmetric(a, b, n);
  let rest = 0;
  for (let r = 0; r < rows; r++) {
    let error = (y[r] as number) - meanY;
    for (let i = 0; i < n; i++) error -= (coefficients[i] as number) * ((x[r * n + i] as number) - (means[i] as number));
    rest += (weights[r] as number) * error * error;
  }
  const intercept = meanY - coefficients.reduce((sum, c, i) => sum + c * (means[i] as number), 0);
  return { intercept, coefficients, r2: spread > 0 ? 1 - rest / spread : 1 };
}
