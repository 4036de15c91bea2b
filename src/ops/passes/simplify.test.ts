import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../../autodiff/index.js";
import { constant, Graph, input, type Tensor } from "../../graph/index.js";
import { simplifyGraph } from "./simplify.js";

const opsOf = (y: Tensor): string[] => simplifyGraph(new Graph({ y })).nodes.map((node) => node.op);
const x = input("x", [2, 3]);
const one = constant(1, "float32");

test("products and quotients with ones are left out", () => {
  assert.deepEqual(opsOf(x.exp().mul(one)), ["Input", "Exp"]);
  assert.deepEqual(opsOf(one.expand([2, 3]).mul(x.exp())), ["Input", "Exp"]);
  assert.deepEqual(opsOf(x.exp().div(one.reshape([1]).expand([3]))), ["Input", "Exp"]);
});

test("the gradient of a sum of products is the other factor", () => {
  const dy = input("dy", [2, 3]);
  assert.deepEqual(opsOf(grad(x.exp().mul(dy).sum(), x)), ["Input", "Input", "Exp", "Mul"]);
});

test("what changes a value or a shape stays, and so does a result of the graph", () => {
  assert.ok(opsOf(x.exp().mul(2)).includes("Mul"));
  assert.ok(opsOf(one.div(x.exp())).includes("Div"));
  assert.ok(opsOf(one.expand([4, 2, 3]).mul(x.exp())).includes("Mul"));
  assert.ok(opsOf(x.mul(one)).includes("Mul"));
});
