/**
 * @module Eigenvalues and eigenvectors of real symmetric matrices in plain TypeScript, for matrices of up to about a thousand rows.
 */
import { DescentError } from "./errors.js";

/** A = V · diag(values) · Vᵀ. */
export interface SymmetricEigen {
  /** In rising order, n numbers. */
  readonly values: Float64Array;
  /** Row by row, n × n: column k is the unit eigenvector of the k-th value. */
  readonly vectors: Float64Array;
}

const MOST_ITERATIONS = 60;
/** Below the rounding of the rounding of a matrix whose largest element is 1. */
const NOTHING = Number.EPSILON ** 2;

/**
 * The eigen-decomposition of a symmetric matrix, given row by row (its lower half counts).
 *
 * Errors: DescentError for numbers that are not finite.
 * Cost: about 9·n³ operations.
 * Source: Householder's reduction and implicit QL: Martin, Reinsch and Wilkinson 1968, Numerische Mathematik 11 (tred2); Dubrulle,
 * Martin and Wilkinson 1968, Numerische Mathematik 12 (imtql2).
 * Differs from the source: an off-diagonal element is dropped beside the largest of the matrix, not beside its neighbours; so values are exact to
 * the rounding of the largest one, and it also converges where the rank is low.
 * Checked against: SciPy 1.17, `scipy.linalg.eigh`, 1e-10, symmetric-eigen.test.ts.
 */
export function symmetricEigen(matrix: ArrayLike<number>, n: number): SymmetricEigen {
  for (let i = 0; i < n * n; i++)
    if (!Number.isFinite(matrix[i])) throw new DescentError(`eigenvalues: expected finite numbers, got ${matrix[i]}`);
  // Of the order of 1, so that no square of an element is lost or overflows.
  let scale = 0;
  for (let i = 0; i < n * n; i++) scale = Math.max(scale, Math.abs(matrix[i] as number));
  if (scale === 0) scale = 1;
  const rows = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_unused, j) => (matrix[i * n + j] as number) / scale),
  );
  const { diagonal, offDiagonal, basis } = tridiagonalize(rows, n);
  // Eigenvectors are turned as rows, which lie together in memory.
  const turned = Array.from({ length: n }, (_, j) =>
    Float64Array.from({ length: n }, (_unused, i) => (basis[i] as Float64Array)[j] as number),
  );
  diagonalize(diagonal, offDiagonal, turned, n);
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => (diagonal[a] as number) - (diagonal[b] as number));
  const vectors = new Float64Array(n * n);
  order.forEach((from, k) => turned[from]?.forEach((v, i) => (vectors[i * n + k] = v)));
  return { values: Float64Array.from(order, (i) => (diagonal[i] as number) * scale), vectors };
}

/** A = Q · T · Qᵀ with T of three diagonals, by n − 2 reflections I − β·v·vᵀ. */
function tridiagonalize(
  a: Float64Array[],
  n: number,
): { diagonal: Float64Array; offDiagonal: Float64Array; basis: Float64Array[] } {
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  const basis = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_unused, j) => (i === j ? 1 : 0)));
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    diagonal[k] = (a[k] as Float64Array)[k] as number;
    if (k === n - 1) break;
    // v turns column k below the diagonal into (α, 0, …, 0).
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm = Math.hypot(norm, (a[i] as Float64Array)[k] as number);
    const first = (a[k + 1] as Float64Array)[k] as number;
    const alpha = first > 0 ? -norm : norm;
    offDiagonal[k + 1] = alpha;
    // A column that is nothing but rounding is left as nothing: its reflection would be made of lost squares.
    if (norm < NOTHING) {
      offDiagonal[k + 1] = 0;
      continue;
    }
    const beta = norm * (norm + Math.abs(first));
    for (let i = k + 1; i < n; i++) v[i] = (a[i] as Float64Array)[k] as number;
    v[k + 1] = first - alpha;
    // A ← A − v·wᵀ − w·vᵀ on the rest, w = p − (vᵀp / 2β)·v, p = A·v / β.
    let vp = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j <= i; j++) sum += ((a[i] as Float64Array)[j] as number) * (v[j] as number);
      for (let j = i + 1; j < n; j++) sum += ((a[j] as Float64Array)[i] as number) * (v[j] as number);
      p[i] = sum / beta;
      vp += (p[i] as number) * (v[i] as number);
    }
    const half = vp / (2 * beta);
    for (let i = k + 1; i < n; i++) p[i] = (p[i] as number) - half * (v[i] as number);
    for (let i = k + 1; i < n; i++) {
      const row = a[i] as Float64Array;
      for (let j = k + 1; j <= i; j++)
        row[j] = (row[j] as number) - (v[i] as number) * (p[j] as number) - (p[i] as number) * (v[j] as number);
    }
    for (const row of basis) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += (row[j] as number) * (v[j] as number);
      sum /= beta;
      for (let j = k + 1; j < n; j++) row[j] = (row[j] as number) - sum * (v[j] as number);
    }
  }
  return { diagonal, offDiagonal, basis };
}

/** Makes T diagonal by rotations of neighbours with Wilkinson's shift; `vectors` (one a row) turn with it. */
function diagonalize(d: Float64Array, e: Float64Array, vectors: Float64Array[], n: number): void {
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  const at = (x: Float64Array, i: number): number => x[i] as number;
  // What is lost beside the largest elements counts as zero. Beside its neighbours alone, as Numerische Mathematik 12 has it, a block of rounding
  // (a covariance of fewer examples than features) need never fall apart.
  const negligible = Number.EPSILON * d.reduce((most, value, i) => Math.max(most, Math.abs(value) + Math.abs(at(e, i))), 0);
  for (let l = 0; l < n; l++) {
    for (let iteration = 0; ; iteration++) {
      let m = l;
      // The first place from l on where the matrix falls apart.
      while (m < n - 1 && Math.abs(at(e, m)) > negligible) m++;
      if (m === l) break;
      if (iteration === MOST_ITERATIONS)
        throw new DescentError(`eigenvalues: expected convergence within ${MOST_ITERATIONS} rounds, got none`);
      let g = (at(d, l + 1) - at(d, l)) / (2 * at(e, l));
      let r = Math.hypot(g, 1);
      g = at(d, m) - at(d, l) + at(e, l) / (g + (g >= 0 ? r : -r));
      let [s, c, moved] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * at(e, i);
        const b = c * at(e, i);
        r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] = at(d, i + 1) - moved;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = at(d, i + 1) - moved;
        r = (at(d, i) - g) * s + 2 * c * b;
        moved = s * r;
        d[i + 1] = g + moved;
        g = c * r - b;
        rotate(vectors[i] as Float64Array, vectors[i + 1] as Float64Array, c, s);
      }
      if (r === 0 && i >= l) continue;
      d[l] = at(d, l) - moved;
      e[l] = g;
      e[m] = 0;
    }
  }
}

function rotate(low: Float64Array, high: Float64Array, c: number, s: number): void {
  for (let k = 0; k < low.length; k++) {
    const [x, y] = [low[k] as number, high[k] as number];
    high[k] = s * x + c * y;
    low[k] = c * x - s * y;
  }
}

/** f(A) = V · diag(f(values)) · Vᵀ, row by row: √A with `Math.sqrt`. */
export function symmetricFunction({ values, vectors }: SymmetricEigen, f: (value: number) => number): Float64Array {
  const n = values.length;
  const result = new Float64Array(n * n);
  const mapped = values.map(f);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += (vectors[i * n + k] as number) * (mapped[k] as number) * (vectors[j * n + k] as number);
      result[i * n + j] = sum;
      result[j * n + i] = sum;
    }
  }
  return result;
}
