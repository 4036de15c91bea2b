/**
 * @module Weights in blocks, computed once: the engine folds constants, but not through the reorderings of its own blocks (`ops/blocked.ts`).
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { Graph, isLeaf, Parameter, rewriteGraph, staticShape } from "../graph/index.js";
import { fixedNodes } from "../ops/index.js";

/** A graph, and the numbers of its parameters. */
export interface Folded {
  readonly graph: Graph;
  readonly values: ReadonlyMap<Tensor, TensorData>;
}

/** The graph with what hangs on known weights alone, through a reordering into blocks, as parameters of their own; `compute` runs a graph on weights. */
export async function foldBlocks(
  graph: Graph,
  values: ReadonlyMap<Tensor, TensorData>,
  compute: (graph: Graph, values: ReadonlyMap<Tensor, TensorData>) => Promise<Record<string, TensorData>>,
): Promise<Folded> {
  const fixed = fixedNodes(graph, (t) => values.has(t));
  const reordered = new Set(graph.nodes.filter((node) => node.op === "ReorderInput" && fixed.has(node)));
  for (const node of graph.nodes)
    if (fixed.has(node) && node.inputs.some((t) => t !== null && reordered.has(t.node))) reordered.add(node);
  const wanted = new Set<Tensor>();
  for (const node of graph.nodes)
    if (!fixed.has(node)) for (const t of node.inputs) if (t !== null && reordered.has(t.node)) wanted.add(t);
  if (wanted.size === 0) return { graph, values };
  const tensors = [...wanted];
  const computed = await compute(new Graph(Object.fromEntries(tensors.map((t, i) => [`folded${i}`, t]))), values);
  const folded = new Map<Tensor, Parameter>();
  const numbers = new Map(values);
  tensors.forEach((t, i) => {
    const parameter = new Parameter(staticShape(t.shape, "weights in blocks"), { initializer: () => [], trainable: false });
    folded.set(t, parameter);
    numbers.set(parameter, computed[`folded${i}`] as TensorData);
  });
  return {
    graph: rewriteGraph(graph, (node) =>
      isLeaf(node) || !node.outputs.some((t) => folded.has(t)) ? undefined : node.outputs.map((t) => folded.get(t) ?? t),
    ),
    values: numbers,
  };
}
