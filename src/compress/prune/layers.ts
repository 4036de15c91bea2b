/**
 * @module Whole layers cut out: a numbered block of a model (`encoder.layer.3`) through which one tensor runs, and comes out with the shape that it went
 * in with. Readers of what comes out read what went in.
 */
import type { Graph as GraphType, Node, Tensor } from "../../graph/index.js";
import { Graph, isLeaf, reachableNodes, rewriteTensors, sameShape } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { NamedGraph, Rewrite } from "../rewrite.js";

/** A block that can be cut out. */
export interface Layer {
  /** The path of the block's module, or the scope of its nodes in a file. */
  readonly path: string;
  readonly input: Tensor;
  readonly output: Tensor;
}

/** Paths above a node that end in a number: `encoder.layer.3`, `/layer1/layer1.0`. */
function numberedPaths(scope: string): string[] {
  return [...scope.matchAll(/[./_]\d+(?=[./]|$)/g)].map((match) => scope.slice(0, match.index + match[0].length));
}

/** The graphs of outputs that share no node: traces of one model, which share its parameters alone. */
function traces(graph: GraphType): Graph[] {
  const found: { readonly outputs: [string, Tensor][]; readonly nodes: Set<Node> }[] = [];
  for (const [name, t] of graph.outputs) {
    const nodes = new Set(reachableNodes([t]).filter((node) => !isLeaf(node)));
    const shared = found.filter((trace) => [...nodes].some((node) => trace.nodes.has(node)));
    const outputs: [string, Tensor][] = [...shared.flatMap((trace) => trace.outputs), [name, t]];
    for (const trace of shared) {
      found.splice(found.indexOf(trace), 1);
      for (const node of trace.nodes) nodes.add(node);
    }
    found.push({ outputs, nodes });
  }
  return found.map(({ outputs }) => new Graph(new Map(outputs)));
}

/** Finds the numbered blocks that one tensor runs through, the outermost ones, in order; those of each trace where there are several. */
export const findLayers = (graph: GraphType): Layer[] => traces(graph).flatMap(layersOf);

function layersOf(graph: GraphType): Layer[] {
  const members = new Map<string, Set<Node>>();
  for (const node of graph.nodes) {
    if (isLeaf(node)) continue;
    for (const path of numberedPaths(node.scope)) {
      const nodes = members.get(path) ?? new Set();
      members.set(path, nodes.add(node));
    }
  }
  const readers = readersIn(graph);
  const layers: Layer[] = [];
  for (const [path, nodes] of members) {
    if (layers.some((outer) => path.startsWith(`${outer.path}.`) || path.startsWith(`${outer.path}/`))) continue;
    const through = throughTensors(nodes, readers, graph);
    if (through !== undefined) layers.push({ path, ...through });
  }
  return layers;
}

function readersIn(graph: GraphType): ReadonlyMap<Tensor, readonly Node[]> {
  const readers = new Map<Tensor, Node[]>();
  for (const node of graph.nodes) {
    for (const t of node.inputs) {
      if (t === null) continue;
      const list = readers.get(t) ?? [];
      readers.set(t, list);
      list.push(node);
    }
  }
  return readers;
}

/** The one tensor that leaves a block, and the one of its shape that comes in and that it is made of. */
function throughTensors(
  nodes: ReadonlySet<Node>,
  readers: ReadonlyMap<Tensor, readonly Node[]>,
  graph: GraphType,
): Pick<Layer, "input" | "output"> | undefined {
  const results = new Set(graph.outputs.values());
  const outputs = new Set<Tensor>();
  const inputs = new Set<Tensor>();
  for (const node of nodes) {
    for (const t of node.outputs)
      if (results.has(t) || readers.get(t)?.some((reader) => !nodes.has(reader)) === true) outputs.add(t);
    for (const t of node.inputs) if (t !== null && !nodes.has(t.node) && !isLeaf(t.node)) inputs.add(t);
  }
  const [output] = outputs;
  if (output === undefined || outputs.size > 1) return undefined;
  const fitting = [...inputs].filter((t) => t.dtype === output.dtype && sameShape(t.shape, output.shape));
  const [input] = fitting;
  return input === undefined || fitting.length > 1 ? undefined : { input, output };
}

/** The rewrite that takes layers out. ConfigError for a path that is not a layer of the model. */
export const droppingLayers = (paths: readonly string[]): Rewrite => ({
  apply({ graph, paths: names }: NamedGraph): NamedGraph {
    const layers = findLayers(graph);
    const gone = new Map<Tensor, Tensor>();
    for (const path of paths) {
      const found = layers.filter((each) => each.path === path);
      if (found.length === 0)
        throw new ConfigError(
          `layers: expected some of ${layers.map((each) => each.path).join(", ") || "a model with layers that can be removed"}, got ${path}`,
        );
      for (const { input, output } of found) gone.set(output, input);
    }
    const through = (t: Tensor): Tensor => {
      let at = t;
      for (let next = gone.get(at); next !== undefined; next = gone.get(at)) at = next;
      return at;
    };
    // A node's output is replaced where the node is met: what went in was made before it.
    const made = new Map<Tensor, Tensor>();
    const map = rewriteTensors(graph.outputs.values(), (node, inputs) => {
      node.inputs.forEach((t, i) => {
        if (t !== null && inputs[i] !== t) made.set(t, inputs[i] as Tensor);
      });
      // A node's other outputs, such as a normalization's statistics, are not read outside the layer.
      if (!node.outputs.some((t) => gone.has(t))) return undefined;
      return node.outputs.map((t) => (gone.has(t) ? (made.get(through(t)) ?? through(t)) : t));
    });
    const rewritten = new Graph(new Map([...graph.outputs].map(([name, t]) => [name, map(t)])));
    const left = new Set(rewritten.parameters);
    return { graph: rewritten, paths: new Map([...names].filter(([t]) => left.has(t))) };
  },
  // Weights that left the graph are left out of the files as well.
  weights: (before) => new Map(before),
});
