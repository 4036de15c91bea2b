/**
 * @module Files one behind the other: the outputs of each are inputs of the next, by name, and the nodes of all stay as they are.
 */
import { ConfigError } from "../util/errors.js";
import type { AttributeProto, GraphProto, ModelProto, NodeProto } from "./messages.js";

type Names = ReadonlyMap<string, string>;

const renamed = (names: Names, name: string): string => names.get(name) ?? name;

function renamedNode(node: NodeProto, names: Names): NodeProto {
  const attributes = node.attributes.map((a): AttributeProto =>
    a.type === "graph" ? { ...a, value: renamedGraph(a.value, names) } : a,
  );
  const all = (list: readonly string[]): string[] => list.map((name) => renamed(names, name));
  return { ...node, inputs: all(node.inputs), outputs: all(node.outputs), attributes };
}

const renamedGraph = (graph: GraphProto, names: Names): GraphProto => ({
  ...graph,
  nodes: graph.nodes.map((node) => renamedNode(node, names)),
  initializers: graph.initializers.map((tensor) => ({ ...tensor, name: renamed(names, tensor.name) })),
  inputs: graph.inputs.map((value) => ({ ...value, name: renamed(names, value.name) })),
  outputs: graph.outputs.map((value) => ({ ...value, name: renamed(names, value.name) })),
});

/** The model with other names for some of its values. */
export const withNames = (model: ModelProto, names: ReadonlyMap<string, string>): ModelProto => ({
  ...model,
  graph: renamedGraph(model.graph, names),
});

/** Every value of a graph, of its branches too. */
const valuesOf = (graph: GraphProto): string[] => [
  ...[...graph.inputs, ...graph.outputs, ...graph.initializers].map(({ name }) => name),
  ...graph.nodes.flatMap((node) => [
    ...node.outputs,
    ...node.attributes.flatMap((a) => (a.type === "graph" ? valuesOf(a.value) : [])),
  ]),
];

/** Nodes with a name each: the engine refuses a file in which two have one. */
function namedApart(nodes: readonly NodeProto[]): NodeProto[] {
  const taken = new Set<string>();
  return nodes.map((node) => {
    let { name } = node;
    for (let n = 2; name !== "" && taken.has(name); n++) name = `${node.name}.${n}`;
    taken.add(name);
    return { ...node, name };
  });
}

/** Versions of all ops. ConfigError where two files want different ones: one file cannot say that. */
function opsetsOf(models: readonly ModelProto[], where: string): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const model of models)
    for (const [domain, version] of model.opsets) {
      const other = opsets.get(domain);
      if (other !== undefined && other !== version)
        throw new ConfigError(
          `${where}: expected ops of ${domain === "" ? "opset" : domain} ${other}, as the steps around it have, got ${version}`,
        );
      opsets.set(domain, version);
    }
  return opsets;
}

/**
 * Files as one file, whose inputs are those of the first and whose outputs are those of the last. An input of a later file is the value of that name
 * that the file before it gives, or an input of the first.
 *
 * Errors: ConfigError where an input is given by none, and where two files want ops of different versions.
 */
export function chained(models: readonly [ModelProto, ...ModelProto[]], where: string): ModelProto {
  const [first] = models;
  const last = models.at(-1) ?? first;
  const kept = new Set([...first.graph.inputs, ...last.graph.outputs].map(({ name }) => name));
  const taken = new Set(kept);
  // Values by the names under which the next file asks for them.
  let given = new Map(first.graph.inputs.map(({ name }) => [name, name]));
  const graphs = models.map((model, i) => {
    const initializers = new Set(model.graph.initializers.map(({ name }) => name));
    const asked = model.graph.inputs.filter(({ name }) => !initializers.has(name));
    const names = new Map<string, string>();
    const outputs = new Set(model.graph.outputs.map(({ name }) => name));
    for (const name of new Set(valuesOf(model.graph))) {
      if (name === "" || (model === last && outputs.has(name))) continue;
      let free = i > 0 || kept.has(name) ? `${name}.${i + 1}` : name;
      // A file that is a chain itself has such names already.
      while (taken.has(free)) free = `${free}.${i + 1}`;
      taken.add(free);
      if (free !== name) names.set(name, free);
    }
    for (const { name } of asked) {
      const source = given.get(name);
      if (source === undefined) throw new ConfigError(`${where}: expected a value for input "${name}", got none`);
      names.set(name, source);
    }
    given = new Map([...given, ...model.graph.outputs.map(({ name }): [string, string] => [name, renamed(names, name)])]);
    return renamedGraph(model.graph, names);
  });
  return {
    ...last,
    irVersion: Math.max(...models.map(({ irVersion }) => irVersion)),
    opsets: opsetsOf(models, where),
    functions: models.flatMap(({ functions }) => functions),
    graph: {
      name: last.graph.name,
      nodes: namedApart(graphs.flatMap(({ nodes }) => nodes)),
      initializers: graphs.flatMap(({ initializers }) => initializers),
      inputs: first.graph.inputs,
      outputs: last.graph.outputs,
    },
  };
}
