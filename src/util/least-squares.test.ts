import assert from "node:assert/strict";
import { test } from "node:test";
import { ridgeFit, solveSymmetric } from "./least-squares.js";
import { Random } from "./random.js";

const near = (got: ArrayLike<number>, expected: readonly number[]): void =>
  expected.forEach((v, i) => assert.ok(Math.abs((got[i] as number) - v) <= 1e-9, `${i}: ${got[i]}, expected ${v}`));

test("a positive definite system by hand", () => {
  near(solveSymmetric(Float64Array.of(4, 2, 2, 3), [2, 3], 2), [0, 1]);
});

test("a singular system: the shortest of the solutions", () => {
  near(solveSymmetric(Float64Array.of(1, 1, 1, 1), [2, 2], 2), [1, 1]);
});

test("a ridge fit without ridge finds the line; the intercept is not shrunk", () => {
  const random = new Random(2);
  const x = Float64Array.from({ length: 60 }, () => random.normal());
  const y = Float64Array.from({ length: 30 }, (_, r) => 2 * (x[2 * r] as number) - 3 * (x[2 * r + 1] as number) + 7);
  const weights = Float64Array.from({ length: 30 }, () => random.uniform());
  const { coefficients, intercept, r2 } = ridgeFit(x, y, weights, 2, 0);
  near([...coefficients, intercept, r2], [2, -3, 7, 1]);
  near([ridgeFit(x, y.fill(5), weights, 2, 1e6).intercept], [5]);
});
