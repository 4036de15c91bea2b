/** @module Parts of explanations: sums of what elements were given, or what a hidden window did. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Explanation } from "./explain-node.js";
import { contributions, pixelMap } from "./summary.js";

const explanation = (method: Explanation["method"], values: readonly number[], shape: readonly number[]): Explanation => ({
  view: {
    name: "good film",
    input: { kind: "text", text: "good film", offsets: [0, 4, 5, 9] },
    parts: { names: ["good", "film"], partOf: Int32Array.of(-1, 0, 1, 1) },
  },
  method,
  values: Float64Array.from(values),
  shape,
  example: { target: 0, label: "positive", score: 1 },
  settings: {},
  remarks: [],
  faithfulness: {},
});

test("a word has the sum of its tokens' vectors, and of a hidden window what hiding it did", () => {
  const values = [9, 9, 1, 1, 2, 2, 4, 4]; // four tokens of two numbers each
  const of = (method: Explanation["method"]) => contributions(explanation(method, values, [4, 2])).map(({ value }) => value);
  assert.deepEqual(of("integrated-gradients"), [2, 12]);
  assert.deepEqual(of("occlusion"), [1, 3]);
});

test("so has a pixel of several channels", () => {
  const of = (method: Explanation["method"]) => [...pixelMap(explanation(method, [1, 2, 1, 2, 1, 2], [3, 1, 2]))];
  assert.deepEqual(of("integrated-gradients"), [3, 6]);
  assert.deepEqual(
    of("occlusion").map((v) => Number(v.toFixed(12))),
    [1, 2],
  );
});
