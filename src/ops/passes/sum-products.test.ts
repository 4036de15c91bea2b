import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../../autodiff/index.js";
import { Graph, input, sizeOf, type Tensor } from "../../graph/index.js";
import { evaluateReference, type RefValue } from "../../../test/reference/index.js";
import { Random } from "../../util/random.js";
import { sumProducts } from "./sum-products.js";

const random = new Random("sum-products.test");
const drawn = (t: Tensor): [Tensor, RefValue] => {
  const shape = t.shape as readonly number[];
  return [t, { dtype: t.dtype, shape, data: Float64Array.from({ length: sizeOf(shape) }, () => random.normal()) }];
};

/** The products of a graph before and after, and the largest difference between what both compute. */
function compared(
  y: Tensor,
  inputs: readonly Tensor[],
): { readonly before: number; readonly after: number; readonly off: number } {
  const rewritten = sumProducts(new Graph({ y })).outputs.get("y") as Tensor;
  const feeds = new Map(inputs.map(drawn));
  const [a, b] = evaluateReference([y, rewritten], feeds) as [RefValue, RefValue];
  const products = (t: Tensor): number => new Graph({ t }).nodes.filter(({ op }) => op === "MatMul").length;
  const off = Math.max(...Array.from(a.data, (value, i) => Math.abs(value - (b.data[i] as number))));
  return { before: products(y), after: products(rewritten), off };
}

test("the gradient of a weight that each step uses is one product over all steps", () => {
  const [x, w] = [input("x", [2, 3, 8], "float64"), input("w", [2, 8, 8], "float64")];
  let h = x;
  for (let t = 0; t < 4; t++) h = h.matMul(w).tanh();
  const { before, after, off } = compared(grad(h.square().sum(), w), [x, w]);
  assert.deepEqual({ before, after }, { before: 11, after: 8 });
  assert.ok(off < 1e-12, String(off));
});

test("what else is added stays, and products over many rows are added up as they are", () => {
  const [a, b, c] = [input("a", [2, 9], "float64"), input("b", [2, 9], "float64"), input("c", [9, 9], "float64")];
  const term = (x: Tensor, y: Tensor): Tensor => x.swapAxes(0, 1).matMul(y);
  const { before, after, off } = compared(term(a, b).add(c).add(term(b, b)).add(term(b, a)), [a, b, c]);
  assert.deepEqual({ before, after }, { before: 3, after: 1 });
  assert.ok(off < 1e-12, String(off));
  const [tall, wide] = [input("tall", [40, 3], "float64"), input("wide", [40, 3], "float64")];
  const kept = compared(term(tall, wide).add(term(wide, wide)), [tall, wide]);
  assert.deepEqual({ before: kept.before, after: kept.after }, { before: 2, after: 2 });
});
