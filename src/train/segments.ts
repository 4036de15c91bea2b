/**
 * @module A graph of gradients in parts, one after another: what the first parts give can travel while the others compute.
 */
import type { Node, Tensor } from "../graph/index.js";
import { copyNode, Graph, input, isLeaf, isStatic, reachableNodes, sizeOf } from "../graph/index.js";

/** A part of a graph, which takes from earlier parts what they hand over. */
export interface Segment {
  readonly graph: Graph;
  /** Names of outputs that later parts take, beside those of the whole graph. */
  readonly handed: readonly string[];
}

/** Ops that are done again in the part that needs them, since they cost nothing or melt into the next one. */
const VIEWS = new Set(["Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Transpose", "Expand"]);

/**
 * Deals names out to so many groups of about as many numbers, in the order in which the graph comes to their outputs: of a backward pass, the last layers
 * first.
 */
export function outputGroups(
  { outputs }: Graph,
  names: readonly string[],
  groups: number,
  outputOf: (name: string) => string,
): string[][] {
  const ordered = names
    .map((name) => [name, outputs.get(outputOf(name)) as Tensor] as const)
    .sort((a, b) => a[1].node.id - b[1].node.id);
  const sizeIn = ({ shape }: Tensor): number => (isStatic(shape) ? sizeOf(shape) : 0);
  const total = ordered.reduce((sum, [, t]) => sum + sizeIn(t), 0);
  const dealt = Array.from({ length: groups }, (): string[] => []);
  let before = 0;
  for (const [name, t] of ordered) {
    before += sizeIn(t);
    dealt[Math.min(groups - 1, Math.floor(((before - 1) / total) * groups))]?.push(name);
  }
  return dealt.filter((group) => group.length > 0);
}

/** Which part computes a node, where one has to: neither leaves nor what is done again. */
function ownersOf(graph: Graph, groups: readonly (readonly Tensor[])[]): ReadonlyMap<Node, number> {
  const fixed = new Set<Node>();
  for (const node of graph.nodes)
    if (node.op === "Constant" || (node.inputs.length > 0 && node.inputs.every((t) => t === null || fixed.has(t.node))))
      fixed.add(node);
  const owners = new Map<Node, number>();
  groups.forEach((outputs, g) => {
    for (const node of reachableNodes(outputs))
      if (!isLeaf(node) && !VIEWS.has(node.op) && !fixed.has(node) && !owners.has(node)) owners.set(node, g);
  });
  return owners;
}

/**
 * Cuts a graph into parts that give groups of its outputs, one after another; an output that an earlier part has to compute is that part's. Returns
 * undefined where a value between parts has no static shape.
 */
export function segmentsOf(graph: Graph, groups: readonly (readonly string[])[]): Segment[] | undefined {
  const tensorOf = (name: string): Tensor => graph.outputs.get(name) as Tensor;
  const owners = ownersOf(
    graph,
    groups.map((names) => names.map(tensorOf)),
  );
  const parts = groups.map(() => ({
    outputs: new Map<string, Tensor>(),
    handed: [] as string[],
    made: new Map<Tensor, Tensor>(),
  }));
  groups.forEach((names, g) => {
    for (const name of names) parts[owners.get(tensorOf(name).node) ?? g]?.outputs.set(name, tensorOf(name));
  });

  const handed = new Map<Tensor, Tensor>();
  const handOver = (t: Tensor): Tensor => {
    const name = `handed:${handed.size}`;
    const known = handed.get(t) ?? input(name, t.shape, t.dtype);
    if (handed.has(t)) return known;
    handed.set(t, known);
    const giver = parts[owners.get(t.node) as number];
    giver?.outputs.set(name, t);
    giver?.handed.push(name);
    return known;
  };
  parts.forEach(({ outputs, made }, g) => {
    const isEarlier = (node: Node): boolean => (owners.get(node) ?? g) < g;
    for (const node of reachableNodes(outputs.values(), isEarlier)) {
      if (isLeaf(node)) continue;
      const inputs = node.inputs.map((t) => t && (isEarlier(t.node) ? handOver(t) : (made.get(t) ?? t)));
      const isKept = inputs.every((t, i) => t === node.inputs[i]);
      const copy = isKept ? node : copyNode(node, inputs);
      node.outputs.forEach((t, i) => made.set(t, copy.outputs[i] as Tensor));
    }
  });
  if ([...handed.keys()].some(({ shape }) => !isStatic(shape))) return undefined;
  return parts.map(({ outputs, handed: names, made }) => {
    return { graph: new Graph(new Map([...outputs].map(([name, t]) => [name, made.get(t) ?? t]))), handed: names };
  });
}
