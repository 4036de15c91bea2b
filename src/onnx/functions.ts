/**
 * @module Function bodies: a node that calls a function of the file is replaced by the function's own nodes.
 */
import type { AttributeProto, FunctionProto, NodeProto } from "./messages.js";

/** Functions by `domain::name`. */
export type Functions = ReadonlyMap<string, FunctionProto>;

export const functionsOf = (functions: readonly FunctionProto[]): Functions =>
  new Map(functions.map((f) => [`${f.domain}::${f.name}`, f]));

/** The function that a node calls, or undefined. */
export const calledBy = (node: NodeProto, functions: Functions): FunctionProto | undefined =>
  functions.get(`${node.domain}::${node.opType}`);

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
