import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { Graph, input } from "../graph/index.js";
import { grad } from "../autodiff/index.js";
import { decodeModel, exportGraph } from "./index.js";

test("nodes that nobody reads come last in a file, the shallowest at the end: there the engine begins", () => {
  const x = input("x", [4, 3]);
  const weights = [0, 1, 2].map((i) => input(`w${i}`, [3, 3]));
  const y = weights.reduce((h, w) => h.matMul(w).tanh(), x);
  const outputs: Record<string, Tensor> = { loss: y.square().mean() };
  grad(outputs["loss"] as Tensor, weights).forEach((dw, i) => {
    outputs[`next${i}`] = (weights[i] as Tensor).sub(dw);
  });
  const { nodes } = decodeModel(exportGraph(new Graph(outputs))).graph;
  const produced = nodes.map((node) => node.outputs[0]);
  assert.deepEqual(produced.slice(-4), ["next0", "next1", "next2", "loss"]);
  // And every node still comes after what it reads.
  nodes.forEach((node, i) => {
    for (const name of node.inputs) assert.ok(!produced.includes(name) || produced.indexOf(name) < i);
  });
});
