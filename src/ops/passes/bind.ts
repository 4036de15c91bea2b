/**
 * @module Binding: gives free dimensions their sizes, and infers every shape again.
 */
import type { Attributes, AttributeValue, Dim, Shape, Tensor } from "../../graph/index.js";
import { bindDim, Graph, input, isStatic, rewriteTensors, SymbolicDim, withScope } from "../../graph/index.js";
import { emit } from "../op.js";
import { opOf } from "../table.js";

const bindShape = (shape: Shape, bindings: ReadonlyMap<string, Dim>): Shape => shape.map((d) => bindDim(d, bindings));

/** The graph with every symbol in `bindings` replaced by its number, or by another dimension. */
export function bindGraph(graph: Graph, bindings: ReadonlyMap<string, Dim>): Graph {
  if (bindings.size === 0) return graph;
  const map = rewriteTensors(graph.outputs.values(), (node, inputs) => {
    if (node.op === "Input") {
      const t = node.outputs[0] as Tensor;
      return isStatic(t.shape) ? undefined : [input(node.attributes["name"] as string, bindShape(t.shape, bindings), t.dtype)];
    }
    const attributes = bindAttributes(node.attributes, bindings);
    if (attributes === node.attributes && inputs.every((t, i) => t === node.inputs[i])) return undefined;
    return withScope(node.scope, () => emit(opOf(node), inputs, attributes));
  });
  return new Graph(new Map([...graph.outputs].map(([name, t]) => [name, map(t)])));
}

/** Attributes with the symbols in lists of dimensions replaced by what they are bound to. */
export function bindAttributes(attributes: Attributes, bindings: ReadonlyMap<string, Dim>): Attributes {
  let changed = false;
  const entries = Object.entries(attributes).map(([name, value]): [string, AttributeValue | undefined] => {
    if (!Array.isArray(value) || !(value as readonly unknown[]).some((v) => v instanceof SymbolicDim)) return [name, value];
    changed = true;
    return [name, (value as readonly Dim[]).map((d) => bindDim(d, bindings))];
  });
  return changed ? Object.fromEntries(entries) : attributes;
}
