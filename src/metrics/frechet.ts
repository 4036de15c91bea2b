/**
 * @module The Fréchet distance between two sets of feature vectors, each taken as a normal distribution: how far generated images
 * are from real ones. Whose features they are decides what it means: with those of Inception-v3 it is the FID of the literature,
 * with those of another classifier it is comparable only to itself.
 */
import { DataError } from "../util/errors.js";
import { symmetricEigen, symmetricFunction } from "../util/symmetric-eigen.js";

/** Mean [D] and covariance [D, D] (row by row, divided by N − 1) of feature vectors. */
export interface Moments {
  readonly count: number;
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
}

/** Gathers feature vectors batch by batch. */
export class MomentsGatherer {
  readonly #size: number;
  #count = 0;
  /** The first vector: sums are of differences from it, so that large means lose no digits. */
  #origin: Float64Array | undefined;
  readonly #sum: Float64Array;
  readonly #products: Float64Array;

  constructor(size: number) {
    this.#size = size;
    this.#sum = new Float64Array(size);
    this.#products = new Float64Array(size * size);
  }

  /** Rows of [N, D]. */
  update(vectors: ArrayLike<number>): void {
    const n = this.#size;
    const difference = new Float64Array(n);
    for (let start = 0; start + n <= vectors.length; start += n) {
      this.#origin ??= Float64Array.from({ length: n }, (_, i) => vectors[start + i] as number);
      for (let i = 0; i < n; i++) difference[i] = (vectors[start + i] as number) - (this.#origin[i] as number);
      for (let i = 0; i < n; i++) {
        const x = difference[i] as number;
        if (x === 0) continue;
        this.#sum[i] = (this.#sum[i] as number) + x;
        for (let j = 0; j <= i; j++)
          this.#products[i * n + j] = (this.#products[i * n + j] as number) + x * (difference[j] as number);
      }
      this.#count++;
    }
  }

  /** Errors: DataError for fewer than two vectors. */
  result(): Moments {
    const [n, count] = [this.#size, this.#count];
    if (count < 2) throw new DataError(`Fréchet distance: expected at least 2 feature vectors, got ${count}`);
    const covariance = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const products = (this.#products[i * n + j] as number) - ((this.#sum[i] as number) * (this.#sum[j] as number)) / count;
        covariance[i * n + j] = products / (count - 1);
        covariance[j * n + i] = products / (count - 1);
      }
    }
    return { count, mean: this.#sum.map((sum, i) => sum / count + (this.#origin?.[i] as number)), covariance };
  }
}

/** Roots of eigenvalues. Covariances have none below 0; what is within the rounding of the largest one is nothing, and its root would not be. */
function rootOf(values: Float64Array): (value: number) => number {
  const rounding = values.length * Number.EPSILON * Math.max(0, values.at(-1) ?? 0);
  return (value) => (value <= rounding ? 0 : Math.sqrt(value));
}

const trace = (matrix: Float64Array, n: number): number => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += matrix[i * n + i] as number;
  return sum;
};

/** A · B of n × n matrices, B symmetric: rows meet rows. */
function timesSymmetric(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const product = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += (a[i * n + k] as number) * (b[j * n + k] as number);
      product[i * n + j] = sum;
    }
  }
  return product;
}

/**
 * The Fréchet (2-Wasserstein) distance between two normal distributions, squared as in the literature's FID.
 *
 *     ‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2·(C₁^½ · C₂ · C₁^½)^½)
 *
 * Errors: DataError if the sizes differ. Cost: about 25·D³ operations.
 * Source: Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500, equation 6.
 * Differs from the source: the root is of the symmetric C₁^½·C₂·C₁^½, which has the trace of (C₁·C₂)^½ and no imaginary part.
 * Checked against: SciPy 1.17, `scipy.linalg.sqrtm`, 1e-8, frechet.test.ts.
 */
export function frechetDistance(a: Moments, b: Moments): number {
  const n = a.mean.length;
  if (b.mean.length !== n) throw new DataError(`Fréchet distance: expected features of one size, got ${n} and ${b.mean.length}`);
  let means = 0;
  for (let i = 0; i < n; i++) means += ((a.mean[i] as number) - (b.mean[i] as number)) ** 2;
  const decomposed = symmetricEigen(a.covariance, n);
  const root = symmetricFunction(decomposed, rootOf(decomposed.values));
  const { values } = symmetricEigen(timesSymmetric(timesSymmetric(root, b.covariance, n), root, n), n);
  const shared = values.map(rootOf(values)).reduce((sum, value) => sum + value, 0);
  return Math.max(0, means + trace(a.covariance, n) + trace(b.covariance, n) - 2 * shared);
}
