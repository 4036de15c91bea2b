/** @module Influence: products of gradients taken one by one, and what steps of gradient descent do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { constant, fromNumbers, input, toNumbers } from "../graph/index.js";
import type { Tensor } from "../graph/index.js";
import { grad } from "../autodiff/index.js";
import { crossEntropy } from "../losses/index.js";
import { evaluate } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { answerGradient, influence } from "./influence.js";

const random = new Random(3, "influence");
const normal = (shape: number[]) =>
  fromNumbers(
    "float32",
    shape,
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  );

const [w1, w2] = [input("w1", [4, 5]), input("w2", [5, 3])];
const numbers = { w1: normal([4, 5]), w2: normal([5, 3]) };
const x = normal([6, 4]);
const label = fromNumbers("int32", [6], [0, 1, 2, 0, 1, 2]);
const forward = (rows: Tensor, a: Tensor = w1, b: Tensor = w2): Tensor => rows.matMul(a).tanh().matMul(b);
const losses = crossEntropy(forward(constant(x)), constant(label), { reduction: "none" });
const query = constant(normal([1, 4]));
const answer = forward(query).logSoftmax().slice(1, 1, 2);
const directions = answerGradient(answer, [w1, w2]);

test("the influence of each example is the product of two gradients, with its sign changed", async () => {
  const { found } = await evaluate({ found: influence(losses, [w1, w2], directions) }, numbers);
  const products = Array.from({ length: 6 }, (_, i) => {
    const one = losses.slice(0, i, i + 1).sum();
    return [w1, w2]
      .map((w, k) =>
        grad(one, w)
          .mul(directions[k] as Tensor)
          .sum(),
      )
      .reduce((a, b) => a.add(b))
      .neg();
  });
  const expected = await evaluate(Object.fromEntries(products.map((p, i) => [`p${i}`, p])), numbers);
  toNumbers(found).forEach((v, i) => {
    const [e = NaN] = toNumbers(expected[`p${i}`] ?? fromNumbers("float32", [1], [NaN]));
    assert.ok(Math.abs(v - e) < 1e-4 * Math.max(1, Math.abs(e)), `${i}: ${v}, expected ${e}`);
  });
});

test("a step of gradient descent on an example moves the answer by its influence times the rate", async () => {
  const rate = 1e-3;
  const { found } = await evaluate({ found: influence(losses, [w1, w2], directions) }, numbers);
  for (const i of [0, 3, 5]) {
    const one = losses.slice(0, i, i + 1).sum();
    const [a, b] = [w1.sub(grad(one, w1).mul(rate)), w2.sub(grad(one, w2).mul(rate))];
    const { after, before } = await evaluate(
      { after: forward(query, a, b).logSoftmax().slice(1, 1, 2), before: answer },
      numbers,
    );
    const moved = (Number(after.data[0]) - Number(before.data[0])) / rate;
    const expected = Number(found.data[i]);
    assert.ok(Math.abs(moved - expected) < 0.05 * Math.max(1, Math.abs(expected)), `${i}: ${moved}, expected ${expected}`);
  }
});
