import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Random } from "./random.js";
import { symmetricEigen, symmetricFunction } from "./symmetric-eigen.js";

const golden = JSON.parse(readFileSync(new URL("../../../test/golden/retrieval.json", import.meta.url), "utf8")) as {
  eigen: { matrix: number[][]; values: number[] }[];
};

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, scale: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number));
    assert.ok(error <= 1e-12 * Math.max(1, scale), `${what}[${i}]: expected ${expected[i]}, got ${actual[i]}`);
  }
}

for (const [i, { matrix, values }] of golden.eigen.entries())
  test(`eigenvalues of a ${values.length} × ${values.length} matrix, case ${i}: as SciPy's`, () => {
    const scale = Math.max(...values.map(Math.abs));
    assertClose(symmetricEigen(matrix.flat(), values.length).values, values, scale, "value");
  });

test("V is orthogonal and V · diag · Vᵀ is the matrix, up to 60 rows; its square root squared too", () => {
  for (const n of [1, 2, 3, 7, 20, 60]) {
    const random = new Random(3, "eigen", n);
    const half = Float64Array.from({ length: n * n }, () => random.normal());
    // A · Aᵀ: no negative eigenvalues, so that it has a root.
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        for (let k = 0; k < n; k++)
          matrix[i * n + j] = (matrix[i * n + j] as number) + (half[i * n + k] as number) * (half[j * n + k] as number);
    const eigen = symmetricEigen(matrix, n);
    const scale = 10 * n * (eigen.values.at(-1) as number);
    assertClose(
      symmetricFunction(eigen, (v) => v),
      matrix,
      scale,
      `${n}: the matrix`,
    );
    assertClose(
      symmetricFunction(eigen, () => 1),
      Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
      100 * n,
      `${n}: V · Vᵀ`,
    );
    const root = symmetricFunction(eigen, (v) => Math.sqrt(Math.max(0, v)));
    const squared = Float64Array.from(matrix, (_, at) => {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += (root[Math.floor(at / n) * n + k] as number) * (root[k * n + (at % n)] as number);
      return sum;
    });
    assertClose(squared, matrix, scale, `${n}: the root squared`);
  }
});

test("numbers that are not finite are refused", () => {
  assert.throws(() => symmetricEigen([1, Number.NaN, Number.NaN, 1], 2), /eigenvalues: expected finite numbers, got NaN/);
});

/** Σ over `rank` vectors of v·vᵀ, as a covariance of few examples is. */
function lowRank(n: number, vectors: readonly Float64Array[], scale: number): Float64Array {
  const matrix = new Float64Array(n * n);
  for (const v of vectors)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) matrix[i * n + j] = (matrix[i * n + j] as number) + scale * (v[i] as number) * (v[j] as number);
  return matrix;
}

test("matrices of low rank, of features that never vary, and of tiny or huge numbers are decomposed too", () => {
  for (const n of [2, 16, 64, 128])
    for (const rank of [0, 1, 2, 5, n - 1])
      for (const scale of [1e-300, 1e-12, 1, 1e12, 1e280])
        for (const seed of [0, 1, 2]) {
          if (n === 128 && seed > 0) continue;
          const random = new Random(seed, "low rank", n, rank);
          // Every third feature never varies, and some are 10⁸ times as large as others.
          const vectors = Array.from({ length: rank }, () =>
            Float64Array.from({ length: n }, (_, i) =>
              i % 3 === 1 ? 0 : random.normal() * (i % 5 === 0 ? 1e-4 : i % 7 === 0 ? 1e4 : 1),
            ),
          );
          const matrix = lowRank(n, vectors, scale);
          const eigen = symmetricEigen(matrix, n);
          const largest = eigen.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          const what = `${n} rows of rank ${rank}, scale ${scale}, seed ${seed}`;
          const unit = largest === 0 ? 1 : largest;
          assertClose(
            symmetricFunction(eigen, (v) => v / unit),
            matrix.map((v) => v / unit),
            10 * n,
            what,
          );
          assertClose(
            symmetricFunction(eigen, () => 1),
            Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
            100 * n,
            `${what}: V · Vᵀ`,
          );
        }
});
