/**
 * @module Cholesky's factor of a symmetric positive definite matrix, and what follows from it. Matrices [n, n] row by row.
 */

/** Returns the lower factor L of A = L Lᵀ; undefined where A is not positive definite: a pivot is no larger than `least`. */
export function cholesky(a: Float64Array, n: number, least = 0): Float64Array | undefined {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * n + k] as number) * (l[j * n + k] as number);
      if (i !== j) l[i * n + j] = sum / (l[j * n + j] as number);
      else if (sum > least) l[i * n + i] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return l;
}

/** Returns A⁻¹ by the factor of A. */
export function inverseBy(l: Float64Array, n: number): Float64Array {
  // The factor's own inverse M, lower as well, row by row: M = L⁻¹.
  const m = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const diagonal = l[i * n + i] as number;
    for (let k = 0; k < i; k++) {
      const factor = (l[i * n + k] as number) / diagonal;
      for (let j = 0; j <= k; j++) m[i * n + j] = (m[i * n + j] as number) - factor * (m[k * n + j] as number);
    }
    m[i * n + i] = 1 / diagonal;
  }
  // A⁻¹ = Mᵀ M.
  const inverse = new Float64Array(n * n);
  for (let k = 0; k < n; k++)
    for (let i = 0; i <= k; i++) {
      const factor = m[k * n + i] as number;
      for (let j = 0; j <= k; j++) inverse[i * n + j] = (inverse[i * n + j] as number) + factor * (m[k * n + j] as number);
    }
  return inverse;
}
