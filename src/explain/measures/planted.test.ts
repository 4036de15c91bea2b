/** @module Known truth: closed forms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { agreementOf, foundEvidence, reproducibility } from "./planted.js";

test("evidence is first where the greatest size is; ties share it", () => {
  assert.deepEqual(foundEvidence([1, -3, 0], [0, 1, 0]), { first: 1, mass: 0.75 });
  assert.deepEqual(foundEvidence([2, 2, 0], [0, 1, 0]), { first: 0.5, mass: 0.5 });
  assert.deepEqual(foundEvidence([5, 2, 1], [0, 1, 0]), { first: 0, mass: 0.25 });
  assert.deepEqual(foundEvidence([0, 0], [1, 0]), { first: 0, mass: 0 });
});

test("a measure agrees with the truth as their ranks do, whichever way it is better", () => {
  const truth = [0.9, 0.5, 0.1];
  assert.equal(agreementOf(truth, [3, 2, 1], "high"), 1);
  assert.equal(agreementOf(truth, [3, 2, 1], "low"), -1);
  assert.equal(agreementOf(truth, [1, 1, 1], "low"), 0);
  assert.equal(reproducibility([truth, [9, 5, 1], [0.9, 0.5, 0.1]]), 1);
  assert.equal(reproducibility([truth]), 1);
  assert.equal(reproducibility([truth, [1, 2, 3]]), -1);
});
