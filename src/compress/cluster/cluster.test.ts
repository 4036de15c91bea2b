import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers, toNumbers } from "../../graph/index.js";
import { cubicSparsity, magnitudeMasks } from "../prune/masks.js";
import { clustered, clusterValues, storedBits } from "./cluster.js";

test("clusters of numbers that lie in three heaps are the heaps' means", () => {
  const numbers = Float64Array.of(-1.1, -0.9, 1.9, 2, 2.1, 5, 5.2);
  assert.deepEqual(
    [...clusterValues(numbers, 3)].map((v) => Number(v.toFixed(6))),
    [-1, 2, 5.1],
  );
});

test("a clustered tensor has so many values, and its zeros stay", () => {
  const t = fromNumbers("float32", [3, 4], [0, 1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 0]);
  const numbers = toNumbers(clustered(t, 2));
  assert.equal(new Set(numbers).size, 3);
  assert.deepEqual([numbers[0], numbers[4], numbers[11]], [0, 0, 0]);
});

test("storage: a place and a value for each weight that is not 0, fillers over long gaps", () => {
  const t = fromNumbers(
    "float32",
    [80],
    Float64Array.from({ length: 80 }, (_, i) => (i === 79 ? 1 : 0)),
  );
  // Two fillers after 32 zeros each, then the weight: 3 entries of 2 + 5 bits, and four values.
  assert.equal(storedBits(t, 4), 3 * 7 + 128);
});

test("masks: the least magnitudes go, over all layers or in each alike; biases stay", () => {
  const weights = new Map([
    ["a", fromNumbers("float32", [2, 2], [1, -2, 3, -4])],
    ["b", fromNumbers("float32", [2, 2], [10, 20, 30, 40])],
    ["bias", fromNumbers("float32", [2], [0, 0])],
  ]);
  const of = (scope: "global" | "layer") => [...magnitudeMasks(weights, 0.5, scope)].map(([path, m]) => [path, ...toNumbers(m)]);
  assert.deepEqual(of("global"), [
    ["a", 0, 0, 0, 0],
    ["b", 1, 1, 1, 1],
  ]);
  assert.deepEqual(of("layer"), [
    ["a", 0, 0, 1, 1],
    ["b", 0, 0, 1, 1],
  ]);
  assert.equal(cubicSparsity(0.8, 0), 0);
  assert.equal(cubicSparsity(0.8, 0.3, 0.6), 0.8 * (1 - 0.125));
  assert.equal(cubicSparsity(0.8, 0.9, 0.6), 0.8);
});
