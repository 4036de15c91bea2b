import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../../autodiff/index.js";
import { constant, Graph, input, mergeCommonSubexpressions, symbol, type Tensor } from "../../graph/index.js";
import { affine } from "../../nn/index.js";
import { gelu } from "../elementwise.js";
import { layerNorm } from "../normalization.js";
import { simplifyGraph } from "./simplify.js";

const opsOf = (y: Tensor): string[] => simplifyGraph(new Graph({ y })).nodes.map((node) => node.op);
const x = input("x", [2, 3]);
const one = constant(1, "float32");

test("products and quotients with ones are left out", () => {
  assert.deepEqual(opsOf(x.exp().mul(one)), ["Input", "Exp"]);
  assert.deepEqual(opsOf(one.expand([2, 3]).mul(x.exp())), ["Input", "Exp"]);
  assert.deepEqual(opsOf(x.exp().div(one.reshape([1]).expand([3]))), ["Input", "Exp"]);
});

test("a single number is not spread over what it meets", () => {
  const c = input("c", []);
  assert.deepEqual(opsOf(x.exp().mul(c.expand([2, 3]))), ["Input", "Input", "Exp", "Mul"]);
  assert.deepEqual(opsOf(c.reshape([1, 1]).expand([2, 3]).sub(x.exp())), ["Input", "Input", "Exp", "Sub"]);
  assert.ok(!opsOf(grad(x.exp().mean(), x)).includes("Expand"));
  // Spread over more than the other operand has, or different from place to place: it stays.
  assert.ok(opsOf(x.exp().mul(c.expand([4, 2, 3]))).includes("Expand"));
  assert.ok(opsOf(x.exp().mul(input("row", [3]).exp().expand([2, 3]))).includes("Expand"));
});

test("the gradient of a sum of products is the other factor", () => {
  const dy = input("dy", [2, 3]);
  assert.deepEqual(opsOf(grad(x.exp().mul(dy).sum(), x)), ["Input", "Input", "Exp", "Mul"]);
});

test("reshapes of reshapes are one, and so is a transpose that moves no element", () => {
  assert.deepEqual(opsOf(x.exp().reshape([6]).unsqueeze(0).reshape([3, 2])), ["Input", "Exp", "Reshape"]);
  assert.deepEqual(opsOf(x.exp().reshape([6]).reshape([2, 3]).tanh()), ["Input", "Exp", "Tanh"]);
  const heads = x.exp().reshape([2, 1, 3, 1]).transpose([0, 2, 1, 3]); // [2, 3, 1, 1]
  assert.deepEqual(opsOf(heads), ["Input", "Exp", "Reshape"]);
  assert.ok(opsOf(x.exp().unsqueeze(0).transpose([0, 2, 1])).includes("Transpose"));
  // With a free dimension, too: it is one axis, whatever its length.
  const free = input("free", [symbol("N"), 1, 6]);
  assert.deepEqual(
    opsOf(
      free
        .exp()
        .reshape([symbol("N"), 1, 2, 3])
        .transpose([0, 2, 1, 3]),
    ),
    ["Input", "Exp", "Reshape"],
  );
});

test("between products of rows nothing is reshaped: what treats elements or rows by themselves works on rows", () => {
  const w = input("w", [4, 4]);
  const [scale, bias] = [input("scale", [4]), input("bias", [4])];
  const tokens = input("tokens", [symbol("N"), 3, 4]).exp();
  const product = (t: Tensor): Tensor => affine(t, w, bias);
  const opsBehind = (y: Tensor): string[] =>
    mergeCommonSubexpressions(simplifyGraph(new Graph({ y })))
      .nodes.map((node) => node.op)
      .filter((op) => op !== "Input");
  assert.deepEqual(opsBehind(product(gelu(product(tokens)))), ["Exp", "Reshape", "Gemm", "Gelu", "Gemm", "Reshape"]);
  const stream = tokens.add(product(tokens));
  const normal = layerNorm(stream, scale, bias);
  assert.deepEqual(opsBehind(stream.add(product(normal))), [
    "Exp",
    "Reshape",
    "Gemm",
    "Add",
    "LayerNormalization",
    "Gemm",
    "Add",
    "Reshape",
  ]);
  // A softmax over another axis mixes rows, and so does a sum with what is not of its shape.
  assert.equal(opsBehind(product(product(tokens).softmax(1))).filter((op) => op === "Reshape").length, 4);
  assert.equal(opsBehind(product(product(tokens).add(input("place", [3, 4])))).filter((op) => op === "Reshape").length, 4);
});

test("what changes a value or a shape stays, and so does a result of the graph", () => {
  assert.ok(opsOf(x.exp().mul(2)).includes("Mul"));
  assert.ok(opsOf(one.div(x.exp())).includes("Div"));
  assert.ok(opsOf(one.expand([4, 2, 3]).mul(x.exp())).includes("Mul"));
  assert.ok(opsOf(x.mul(one)).includes("Mul"));
});
