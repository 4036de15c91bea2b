/** @module Parts of explanations: sums of what elements were given; of pixels, what a hidden window did. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Explanation } from "./explain-node.js";
import { byInput } from "./page-node.js";
import { contributions, pixelMap } from "./summary.js";

const explanation = (method: Explanation["method"], values: readonly number[], shape: readonly number[]): Explanation => ({
  view: {
    name: "good film",
    input: { kind: "text", text: "good film", offsets: [0, 4, 5, 9] },
    parts: { names: ["good", "film"], partOf: Int32Array.of(-1, 0, 1, 1) },
  },
  place: 0,
  method,
  values: Float64Array.from(values),
  shape,
  example: { target: 0, label: "positive", score: 1 },
  settings: {},
  remarks: [],
  faithfulness: {},
});

test("a word has the sum of its tokens' vectors, whose numbers share what hiding a token did", () => {
  const values = [9, 9, 1, 1, 2, 2, 4, 4]; // four tokens of two numbers each
  const of = (method: Explanation["method"]) => contributions(explanation(method, values, [4, 2])).map(({ value }) => value);
  assert.deepEqual(of("integrated-gradients"), [2, 12]);
  assert.deepEqual(of("occlusion"), [2, 12]);
});

test("a pixel has the sum of its channels, and of a hidden window what hiding it did", () => {
  const of = (method: Explanation["method"]) => [...pixelMap(explanation(method, [1, 2, 1, 2, 1, 2], [3, 1, 2]))];
  assert.deepEqual(of("integrated-gradients"), [3, 6]);
  assert.deepEqual(
    of("occlusion").map((v) => Number(v.toFixed(12))),
    [1, 2],
  );
});

test("answers to several questions about one input stand together, those about several boxes do not", () => {
  const asked = (label: string, boxes?: Explanation["view"]["boxes"]): Explanation => {
    const one = explanation("lime", [1], [1]);
    return { ...one, view: { ...one.view, boxes }, example: { ...one.example, label } };
  };
  const labels = (...all: readonly Explanation[]) => byInput(all).map((some) => some.map(({ example }) => example.label));
  assert.deepEqual(labels(asked("fly"), asked("daisy")), [["fly", "daisy"]]);
  const box = { left: 1, top: 1, width: 2, height: 2 };
  assert.deepEqual(labels(asked("cat", [box]), asked("bus", [{ ...box, left: 9 }])), [["cat"], ["bus"]]);
});
