/**
 * @module The order in which the engine runs the nodes of a graph, which is not that of the file.
 */
import type { Graph, Node, Tensor } from "../graph/index.js";
import { isLeaf } from "../graph/index.js";
import { inMemoryOrder } from "../onnx/index.js";

/**
 * The nodes of a graph, leaves first, in the order in which the engine runs them on the CPU: backwards from those that nobody reads, the last one of the
 * file first, and of a node's inputs the one that was made last.
 *
 * Source: onnxruntime 1.30, `Graph::ReverseDFSFrom`. Differs from it: nodes that the engine itself fuses keep their positions.
 */
export function engineOrder(graph: Graph): readonly Node[] {
  const written = inMemoryOrder(graph.nodes);
  const place = new Map(written.map((node, i) => [node, i]));
  const sources = (node: Node): Node[] =>
    node.inputs.flatMap((t: Tensor | null) => (t === null || isLeaf(t.node) ? [] : [t.node]));
  const read = new Set(written.flatMap(sources));
  const pending = written.filter((node) => !isLeaf(node) && !read.has(node)).map((node) => ({ node, isDone: false }));
  const [seen, order] = [new Set<Node>(), written.filter(isLeaf)];
  for (let top = pending.pop(); top !== undefined; top = pending.pop()) {
    const { node, isDone } = top;
    if (isDone) order.push(node);
    if (isDone || seen.has(node)) continue;
    seen.add(node);
    pending.push({ node, isDone: true });
    const before = sources(node).filter((source) => !seen.has(source));
    before.sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
    pending.push(...before.map((source) => ({ node: source, isDone: false })));
  }
  return order;
}
