/**
 * @module Quadrature: points of [0, 1] and weights, by which an integral is a sum.
 */
import type { Settings } from "./method.js";

/** Places between 0 and 1, and their weights, for an integral. */
export interface Quadrature {
  readonly points: Float64Array;
  /** One weight per point; they sum to 1. */
  readonly weights: Float64Array;
}

/** n points by a rule; the trapezoid's ends weigh half, and n must then be at least 2. */
export function quadrature(rule: Settings["rule"], n: number): Quadrature {
  if (rule === "gauss-legendre") return gaussLegendre(n);
  if (rule === "riemann-trapezoid" && n > 1) {
    const points = Float64Array.from({ length: n }, (_, i) => i / (n - 1));
    return { points, weights: points.map((_, i) => (i === 0 || i === n - 1 ? 0.5 : 1) / (n - 1)) };
  }
  const shift = rule === "riemann-left" ? 0 : rule === "riemann-right" ? 1 : 0.5;
  return {
    points: Float64Array.from({ length: n }, (_, i) => (i + shift) / n),
    weights: new Float64Array(n).fill(1 / n),
  };
}

/**
 * The zeros of the Legendre polynomial Pₙ, moved to [0, 1], and their weights: exact for polynomials of degree 2n − 1.
 *
 * Source: Press et al., Numerical recipes, 3rd edition 2007, section 4.6: Newton's method from the asymptotic zeros.
 */
export function gaussLegendre(n: number): Quadrature {
  const points = new Float64Array(n);
  const weights = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let z = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 0;
    for (let round = 0; round < 100; round++) {
      // (j + 1)·P_{j+1} = (2j + 1)·z·P_j − j·P_{j−1}
      let [current, previous] = [1, 0];
      for (let j = 0; j < n; j++) [current, previous] = [((2 * j + 1) * z * current - j * previous) / (j + 1), current];
      slope = (n * (z * current - previous)) / (z * z - 1);
      const step = current / slope;
      z -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    // Zeros come in falling order.
    points[n - 1 - i] = (1 + z) / 2;
    weights[n - 1 - i] = 1 / ((1 - z * z) * slope * slope);
  }
  return { points, weights };
}
