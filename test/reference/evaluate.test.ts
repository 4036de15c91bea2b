import assert from "node:assert/strict";
import { test } from "node:test";
import { input, symbol, tensor } from "../../src/graph/index.js";
import { silu } from "../../src/ops/index.js";
import type { RefValue } from "./index.js";
import { evaluateReference } from "./index.js";

const value = (shape: number[], data: number[], dtype: RefValue["dtype"] = "float32"): RefValue => ({
  shape,
  dtype,
  data: Float64Array.from(data),
});

test("a product plus a broadcast row, by hand", () => {
  const x = input("x", [2, 2]);
  const y = x.matMul(tensor([[1], [2]])).add(tensor([10, 20]));
  const [result] = evaluateReference([y], new Map([[x, value([2, 2], [1, 2, 3, 4])]]));
  assert.deepEqual(result?.shape, [2, 2]);
  assert.deepEqual([...(result?.data ?? [])], [15, 25, 21, 31]);
});

test("free dimensions take the lengths of the feeds", () => {
  const x = input("x", [symbol("N"), 3]);
  const y = x.reshape([-1]).sum(0);
  const [result] = evaluateReference([y, x.flatten()], new Map([[x, value([2, 3], [1, 2, 3, 4, 5, 6])]]));
  assert.deepEqual([...(result?.data ?? [])], [21]);
});

test("rounds to float32 on request only", () => {
  const x = input("x", []);
  const y = silu(x).mul(1 / 3);
  const feeds = new Map([[x, value([], [0.1])]]);
  const exact = evaluateReference([y], feeds)[0]?.data[0] as number;
  const rounded = evaluateReference([y], feeds, { round: "float32" })[0]?.data[0] as number;
  assert.equal(rounded, Math.fround(rounded));
  assert.notEqual(exact, Math.fround(exact));
});

test("integers wrap around at their width", () => {
  const a = input("a", [2], "uint32");
  const product = a.mul(tensor([0x9e3779b1, 2], "uint32"));
  const [result] = evaluateReference([product, a], new Map([[a, value([2], [0x85ebca77, 2 ** 31 + 1], "uint32")]]));
  assert.deepEqual([...(result?.data ?? [])], [Math.imul(0x9e3779b1, 0x85ebca77) >>> 0, 2]);
});

test("a leaf without a value, or with one of another shape, is named", () => {
  const x = input("pixels", [2]);
  assert.throws(() => evaluateReference([x], new Map()), /expected a value for pixels/);
  assert.throws(() => evaluateReference([x], new Map([[x, value([3], [1, 2, 3])]])), /expected \[2\] for pixels, got \[3\]/);
});
