/** @module Tests of significance against scipy 1.16 and statsmodels 0.14. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fisherTail, holm, incompleteBeta, logGamma, momentsOf, studentTail, welchTail } from "./significance.js";

const near = (found: number, expected: number): void =>
  assert.ok(Math.abs(found - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${found}, expected ${expected}`);

test("distributions are scipy's", () => {
  near(logGamma(0.5), 0.5723649429247);
  near(logGamma(20.3), 40.23333683543724);
  near(incompleteBeta(0.7, 2.5, 0.5), 0.2031106637200549);
  near(incompleteBeta(0.99, 30, 0.5), 0.43933436890525074);
  near(studentTail(2.1, 7.3), 0.0361233567124267);
  near(studentTail(-1, 40), 0.8383390941258544);
});

test("tests are scipy's", () => {
  // hypergeom.sf(6, 200, 40, 20): at least 7 of 20.
  near(fisherTail(7, 20, 40, 200), 0.07569864170775026);
  near(welchTail(momentsOf([1.2, 3.4, 2.2, 5, 4.1]), momentsOf([0.9, 1.1, 2, 1.5, 1.7, 0.3])), 0.021363528338365138);
  assert.equal(welchTail(momentsOf([1, 1, 1]), momentsOf([0, 0])), 0);
  assert.equal(welchTail(momentsOf([1]), momentsOf([0, 0])), 1);
});

test("Holm's correction is statsmodels'", () => {
  holm([0.01, 0.04, 0.03, 0.005]).forEach((p, i) => near(p, [0.03, 0.06, 0.06, 0.02][i] as number));
  assert.deepEqual(holm([]), []);
});
