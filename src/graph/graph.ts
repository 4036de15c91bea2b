/**
 * @module `Graph`: named outputs and everything they need. Immutable; passes make new graphs.
 */
import type { Node } from "./node.js";
import type { Tensor } from "./tensor.js";
import { copyNode } from "./tensor.js";

/** Every node that the given tensors need, in trace order (which is topological), but for nodes that `isGiven` and what only these need. Shapes and types play no part. */
export function reachableNodes(outputs: Iterable<Tensor>, isGiven: (node: Node) => boolean = () => false): Node[] {
  const seen = new Set<Node>();
  const pending: Node[] = [];
  for (const output of outputs) pending.push(output.node);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node) || isGiven(node)) continue;
    seen.add(node);
    for (const input of node.inputs) if (input !== null && !seen.has(input.node)) pending.push(input.node);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** The nodes that named outputs need, each after those that it takes values from. */
export class Graph {
  /** Outputs by name, in order. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Topological. */
  readonly nodes: readonly Node[];

  constructor(outputs: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>) {
    this.outputs = outputs instanceof Map ? outputs : new Map(Object.entries(outputs as Readonly<Record<string, Tensor>>));
    this.nodes = reachableNodes(this.outputs.values());
  }

  /** Leaves that are given at each run, in trace order. */
  get inputs(): Tensor[] {
    return this.nodes.filter((node) => node.op === "Input").map((node) => node.outputs[0] as Tensor);
  }

  /** Leaves that a model owns, in trace order. */
  get parameters(): Tensor[] {
    return this.nodes.filter((node) => node.op === "Parameter").map((node) => node.outputs[0] as Tensor);
  }
}

/** Rewrites a node whose inputs are already rewritten: returns its new outputs, or undefined to keep it. */
export type Rewrite = (node: Node, inputs: readonly (Tensor | null)[]) => readonly Tensor[] | undefined;

/** Rebuilds whatever `outputs` need, node by node; returns the map from old tensors to new ones. New tensors keep the shapes and types of the old ones. */
export function rewriteTensors(outputs: Iterable<Tensor>, rewrite: Rewrite): (old: Tensor) => Tensor {
  const replaced = new Map<Node, readonly Tensor[]>();
  const map = (old: Tensor): Tensor => replaced.get(old.node)?.[old.index] ?? old;
  for (const node of reachableNodes(outputs)) {
    const inputs = node.inputs.map((input) => (input === null ? null : map(input)));
    const changed = inputs.some((input, i) => input !== node.inputs[i]);
    const made = rewrite(node, inputs);
    if (made !== undefined) replaced.set(node, made);
    else if (changed) replaced.set(node, copyNode(node, inputs).outputs);
  }
  return map;
}

/** Makes a graph anew, node by node, with what `rewrite` gives in place of each; undefined keeps a node. Outputs keep their names, shapes and types. */
export function rewriteGraph(graph: Graph, rewrite: Rewrite): Graph {
  const map = rewriteTensors(graph.outputs.values(), rewrite);
  return new Graph(new Map([...graph.outputs].map(([name, output]) => [name, map(output)])));
}
