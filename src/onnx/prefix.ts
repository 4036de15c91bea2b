/**
 * @module A graph cut behind the last op that Descent does not have: what only the engine runs, and the rest, which can be differentiated.
 */
import { conversionOf } from "./convert.js";
import { functionsOf } from "./functions.js";
import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from "./messages.js";
import { opName } from "./uses.js";

/** A model in two, one behind the other. */
export interface SplitModel {
  /** Nodes that Descent does not have, and all that they need; its outputs are what the rest reads of it, and of the file's inputs. */
  readonly prefix: ModelProto;
  /** The other nodes, as they are; its inputs are the prefix's outputs. */
  readonly rest: ModelProto;
  /** The ops that the cut is made for, without repeats. */
  readonly ops: readonly string[];
}

/** Whether a node, or one inside of it, is of an op that Descent does not have. */
function isOpaque(node: NodeProto, functions: ReadonlySet<string>): boolean {
  const name = `${node.domain}::${node.opType}`;
  const isKnown = functions.has(name) || node.opType === "Constant" || conversionOf(node.domain, node.opType) !== undefined;
  return !isKnown || node.attributes.some((a) => a.type === "graph" && a.value.nodes.some((inner) => isOpaque(inner, functions)));
}

/** The values of the graph around it that a node reads, those of its branches included. */
const readBy = (node: NodeProto): string[] => [
  ...node.inputs.filter((name) => name !== ""),
  ...node.attributes.flatMap((a) =>
    a.type === "graph" ? [...a.value.nodes.flatMap(readBy), ...a.value.outputs.map(({ name }) => name)] : [],
  ),
];

/** The nodes that some need, with those themselves. */
function withSources(nodes: readonly NodeProto[], wanted: readonly NodeProto[]): ReadonlySet<NodeProto> {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const found = new Set<NodeProto>();
  const pending = [...wanted];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const name of readBy(node)) {
      const source = producers.get(name);
      if (source !== undefined) pending.push(source);
    }
  }
  return found;
}

const part = (graph: GraphProto, nodes: NodeProto[], inputs: ValueInfoProto[], outputs: ValueInfoProto[]): GraphProto => {
  const read = new Set(nodes.flatMap(readBy));
  const initializers = graph.initializers.filter(({ name }) => read.has(name));
  return { ...graph, nodes, inputs, outputs, initializers };
};

/** Floats for each row of the file's inputs, which is what goes over a cut. */
const rows = (name: string): ValueInfoProto => ({ name, elementType: FLOAT, shape: undefined });
const FLOAT = 1;

/**
 * Cuts a model behind its ops that Descent does not have; undefined where it has none, and where nothing is left behind them.
 * Values over the cut are taken for float32 of any shape: the file does not say.
 */
export function splitPrefix(model: ModelProto): SplitModel | undefined {
  const { graph } = model;
  const functions = new Set(functionsOf(model.functions).keys());
  const opaque = graph.nodes.filter((node) => isOpaque(node, functions));
  if (opaque.length === 0) return undefined;
  const first = withSources(graph.nodes, opaque);
  // Constants that both sides read stand on both.
  const fixed = graph.nodes.filter((node) => first.has(node) && node.opType === "Constant");
  const made = new Set(graph.nodes.filter((node) => first.has(node) && !fixed.includes(node)).flatMap(({ outputs }) => outputs));
  const after = graph.nodes.filter((node) => !first.has(node) || fixed.includes(node));
  if (after.length === fixed.length || graph.outputs.some(({ name }) => made.has(name))) return undefined;
  const stored = new Set(graph.initializers.map(({ name }) => name));
  const given = graph.inputs.filter(({ name }) => !stored.has(name));
  const read = new Set(after.flatMap(readBy));
  const passed = given.filter(({ name }) => read.has(name)).map(({ name }) => name);
  const copies = passed.map((name): NodeProto => {
    const output = `${name} as given`;
    return { name: output, opType: "Identity", domain: "", inputs: [name], outputs: [output], attributes: [] };
  });
  const renamed = (name: string): string => (passed.includes(name) ? `${name} as given` : name);
  const crossing = [...[...read].filter((name) => made.has(name)), ...passed.map(renamed)];
  const before = [...graph.nodes.filter((node) => first.has(node)), ...copies];
  const rest = after.map((node) => ({ ...node, inputs: node.inputs.map(renamed) }));
  const values = crossing.map(rows);
  return {
    prefix: { ...model, graph: part(graph, before, given, values) },
    rest: { ...model, graph: part(graph, rest, values, graph.outputs) },
    ops: [...new Set(opaque.map(opName))],
  };
}
