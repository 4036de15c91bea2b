/**
 * @module Simplification: steps that change no value, bit for bit, left out. Gradients leave them behind: that of a sum is ones, which
 * meet a product at once.
 */
import type { Graph, Tensor, TensorData } from "../../graph/index.js";
import { isLeaf, rewriteGraph, sameShape } from "../../graph/index.js";

/** Whether every element is the constant 1. */
function isOnes(t: Tensor): boolean {
  if (t.node.op === "Expand" || t.node.op === "Reshape") return isOnes(t.node.inputs[0] as Tensor);
  return t.node.op === "Constant" && t.rank === 0 && Number((t.node.attributes["value"] as TensorData).data[0]) === 1;
}

/** The graph with x in place of x·1, 1·x and x/1. */
export function simplifyGraph(graph: Graph): Graph {
  const results = new Set(graph.outputs.values());
  return rewriteGraph(graph, (node, inputs) => {
    if (node.op !== "Mul" && node.op !== "Div") return undefined;
    const [y] = node.outputs as readonly [Tensor];
    const [a, b] = inputs as readonly [Tensor, Tensor];
    const same = isOnes(b) ? a : node.op === "Mul" && isOnes(a) ? b : undefined;
    // A result of the graph stays a node of its own.
    if (same === undefined || !sameShape(same.shape, y.shape) || (isLeaf(same.node) && results.has(y))) return undefined;
    return [same];
  });
}
