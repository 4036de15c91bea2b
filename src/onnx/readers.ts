/**
 * @module Weights by the nodes that read them: exporters often keep a layer's name in its node alone, and call its weight `onnx::Conv_911`.
 */
import type { ModelProto } from "./messages.js";

/** A weight stays one on its way through these. */
const PASSES: ReadonlySet<string> = new Set(["Identity", "Transpose", "Cast", "DequantizeLinear", "Reshape", "Unsqueeze"]);

/**
 * Names of the nodes that read each initializer, behind nodes that only pass it on; initializers in the order in which nodes first read them, those
 * that none reads last. Nodes inside of functions and branches are not looked at.
 */
export function readersOf({ graph }: ModelProto): ReadonlyMap<string, readonly string[]> {
  const behind = new Map<string, Set<string>>();
  for (const node of graph.nodes)
    for (const name of node.inputs) behind.set(name, (behind.get(name) ?? new Set<string>()).add(node.outputs[0] ?? ""));
  const nodes = new Map(graph.nodes.map((node) => [node.outputs[0] ?? "", node]));
  const follow = (name: string, seen: Set<string>): string[] =>
    [...(behind.get(name) ?? [])].flatMap((output) => {
      const node = nodes.get(output);
      if (node === undefined || seen.has(output)) return [];
      if (PASSES.has(node.opType) && node.inputs[0] === name) return follow(output, seen.add(output));
      return node.name === "" ? [] : [node.name];
    });
  const found = graph.initializers.map(({ name }) => [name, follow(name, new Set())] as const);
  const positions = new Map(graph.nodes.map(({ name }, i) => [name, i]));
  const first = (readers: readonly string[]): number =>
    Math.min(...readers.map((reader) => positions.get(reader) ?? positions.size), positions.size);
  return new Map([...found].sort(([, a], [, b]) => first(a) - first(b)));
}
