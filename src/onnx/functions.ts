/**
 * @module Function bodies: a node that calls a function of the file is replaced by the function's own nodes.
 */
import { DataError } from "../util/errors.js";
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from "./messages.js";

/** Functions by `domain::name`. */
export type Functions = ReadonlyMap<string, FunctionProto>;

export const functionsOf = (functions: readonly FunctionProto[]): Functions =>
  new Map(functions.map((f) => [`${f.domain}::${f.name}`, f]));

/** The function that a node calls, or undefined. */
export const calledBy = (node: NodeProto, functions: Functions): FunctionProto | undefined =>
  functions.get(`${node.domain}::${node.opType}`);

/** Functions and branches inside one another: the import recurses as deep. */
const MAX_DEPTH = 64;
/** Nodes that calls of functions may become. Each function twice in the next makes 2^40 of them out of 2 kB. */
const MAX_NODES = 500_000;

interface Expanded {
  readonly nodes: number;
  readonly depth: number;
}

/**
 * Counts what calls of functions become before any is followed, each function once.
 * Errors: DataError where they are more than MAX_NODES or deeper than MAX_DEPTH, or a function calls itself.
 */
export function checkExpansion(nodes: readonly NodeProto[], functions: Functions, where: string): void {
  const known = new Map<FunctionProto, Expanded>();
  const open = new Set<FunctionProto>();
  const ofCall = (f: FunctionProto, level: number): Expanded => {
    const found = known.get(f);
    if (found !== undefined) return found;
    if (open.has(f)) throw new DataError(`${where}: expected functions that end, got "${f.name}", which calls itself`);
    open.add(f);
    const expanded = ofNodes(f.nodes, level);
    open.delete(f);
    known.set(f, expanded);
    return expanded;
  };
  const ofNodes = (list: readonly NodeProto[], level: number): Expanded => {
    let [count, depth] = [0, level];
    const add = (inner: Expanded): void => {
      count += inner.nodes;
      depth = Math.max(depth, 1 + inner.depth);
      if (depth > MAX_DEPTH)
        throw new DataError(`${where}: expected functions and branches up to ${MAX_DEPTH} deep, got deeper ones`);
      if (count > MAX_NODES)
        throw new DataError(`${where}: expected functions that become up to ${MAX_NODES} nodes, got some that become more`);
    };
    for (const node of list) {
      const called = calledBy(node, functions);
      if (called !== undefined) add(ofCall(called, level + 1));
      for (const a of node.attributes) if (a.type === "graph") add(ofNodes(a.value.nodes, level + 1));
    }
    return { nodes: count + list.length, depth: depth - level };
  };
  ofNodes(nodes, 0);
}

type Rename = (name: string) => string;

/** A node with its values under other names, those that its branches take from around them too. */
function renamed(node: NodeProto, rename: Rename): NodeProto {
  const given: Rename = (name) => (name === "" ? name : rename(name));
  const inside = (graph: GraphProto): GraphProto => {
    const own = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name));
    for (const { outputs } of graph.nodes) for (const name of outputs) own.add(name);
    const outer: Rename = (name) => (own.has(name) ? name : given(name));
    return {
      ...graph,
      nodes: graph.nodes.map((inner) => renamed(inner, outer)),
      outputs: graph.outputs.map((output) => ({ ...output, name: outer(output.name) })),
    };
  };
  return {
    ...node,
    inputs: node.inputs.map(given),
    outputs: node.outputs.map(given),
    attributes: node.attributes.map((a) => (a.type === "graph" ? { ...a, value: inside(a.value) } : a)),
  };
}

/**
 * The model with the functions' own nodes in place of calls of them: as exporters of PyTorch 2.1 to 2.5 write modules. Calls of a function that was written
 * for another version of the ops stay.
 *
 * Errors: those of `checkExpansion`.
 */
export function withoutCalls(model: ModelProto, where: string): ModelProto {
  const functions = functionsOf(model.functions);
  checkExpansion(model.graph.nodes, functions, where);
  let count = 0;
  const fits = ({ opsets }: FunctionProto): boolean =>
    [...opsets].every(([domain, version]) => (model.opsets.get(domain) ?? version) === version);
  const expanded = (node: NodeProto): NodeProto[] => {
    const called = calledBy(node, functions);
    if (called === undefined || !fits(called)) return [node];
    const place = `${node.name === "" ? called.name : node.name}/`;
    const values = new Map(called.inputs.map((formal, i) => [formal, node.inputs[i] ?? ""]));
    // An output may be an input as it is.
    const passed = called.outputs.flatMap((formal, i): NodeProto[] => {
      const [from, to = ""] = [values.get(formal), node.outputs[i]];
      if (from === undefined && to !== "") values.set(formal, to);
      const identity = { name: "", opType: "Identity", domain: "", attributes: [] };
      return from === undefined || to === "" ? [] : [{ ...identity, inputs: [from], outputs: [to] }];
    });
    const unique = `${place}${count++}/`;
    const rename: Rename = (name) => values.get(name) ?? `${unique}${name}`;
    const body = bodyOf(called, node).map((inner) => ({ ...renamed(inner, rename), name: `${place}${inner.name}` }));
    return [...body.flatMap(expanded), ...passed];
  };
  const opsets = new Map([...model.functions.flatMap((f) => [...f.opsets]), ...model.opsets]);
  return { ...model, opsets, graph: { ...model.graph, nodes: model.graph.nodes.flatMap(expanded) } };
}

/**
 * The body's nodes with the caller's attributes in place of references to them; a reference to one that neither the caller nor
 * the function's defaults give is left out, so that the op's own default counts.
 */
export function bodyOf(f: FunctionProto, caller: NodeProto): NodeProto[] {
  const given = new Map([...f.attributeDefaults, ...caller.attributes].map((a) => [a.name, a]));
  const substituted = (a: AttributeProto): AttributeProto[] => {
    if (a.type !== "reference") return [a];
    const value = given.get(a.value);
    return value === undefined ? [] : [{ ...value, name: a.name }];
  };
  return f.nodes.map((node) => ({ ...node, attributes: node.attributes.flatMap(substituted) }));
}
