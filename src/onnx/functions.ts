/**
 * @module Function bodies: a node that calls a function of the file is replaced by the function's own nodes.
 */
import { DataError } from "../util/errors.js";
import type { AttributeProto, FunctionProto, NodeProto } from "./messages.js";

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
