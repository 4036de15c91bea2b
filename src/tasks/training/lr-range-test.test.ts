import assert from "node:assert/strict";
import { test } from "node:test";
import { steepest } from "./lr-range-test-node.js";

const points = (losses: readonly number[]) => losses.map((loss, i) => ({ learningRate: 10 ** (-6 + i / 4), loss }));

test("the learning rate that is suggested lies where the loss falls fastest, before its least", () => {
  // Flat, then falling fastest at place 12, least at 16, then away.
  const losses = Array.from({ length: 24 }, (_, i) => (i <= 16 ? 2 - 1 / (1 + Math.exp(-(i - 12))) : 1 + (i - 16)));
  assert.equal(steepest(points(losses)), 10 ** (-6 + 12 / 4));
});

test("a loss that never falls has no suggestion", () => {
  assert.equal(steepest(points(Array.from({ length: 20 }, (_, i) => 1 + i))), undefined);
  assert.equal(steepest([]), undefined);
});
