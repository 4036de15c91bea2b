/**
 * @module What a graph needs while it runs: each value lives from the node that makes it to the last one that reads it.
 */
import type { Graph, Tensor } from "../graph/index.js";
import { DTYPES, isLeaf, isStatic, sizeOf } from "../graph/index.js";

const bytesOf = (t: Tensor): number => (isStatic(t.shape) ? sizeOf(t.shape) * DTYPES[t.dtype].bytes : 0);

/** Bytes of the leaves (state, batch, constants), and the most that all other values take at once. */
export function peakMemory(graph: Graph): { readonly leafBytes: number; readonly peakBytes: number } {
  const lastUse = new Map<Tensor, number>();
  graph.nodes.forEach((node, i) => {
    for (const t of node.inputs) if (t !== null) lastUse.set(t, i);
  });
  for (const t of graph.outputs.values()) lastUse.set(t, Infinity);
  const endingAt = new Map<number, number>();
  for (const [t, i] of lastUse) if (!isLeaf(t.node)) endingAt.set(i, (endingAt.get(i) ?? 0) + bytesOf(t));
  let leafBytes = 0;
  let live = 0;
  let peakBytes = 0;
  graph.nodes.forEach((node, i) => {
    const made = node.outputs.reduce((sum, t) => sum + bytesOf(t), 0);
    if (isLeaf(node)) leafBytes += made;
    else {
      live += made;
      peakBytes = Math.max(peakBytes, live);
      live -= endingAt.get(i) ?? 0;
    }
  });
  return { leafBytes, peakBytes };
}
