/**
 * @module Common subexpressions: nodes with the same op, inputs and attributes become one. Structure only: nodes that must
 * stay apart say so through their attributes (a random node's key), or are named in `keep`.
 */
import type { TensorData } from "../dtype.js";
import type { Graph } from "../graph.js";
import { rewriteGraph } from "../graph.js";
import type { AttributeValue, Node } from "../node.js";
import { SymbolicDim } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { copyNode } from "../tensor.js";

/** Constants above this many elements are not compared. */
const COMPARED_ELEMENTS = 4096;

/** Makes one node of nodes with the same op, inputs and attributes. Random nodes stay apart, and so does what `keep` names. */
export function mergeCommonSubexpressions(graph: Graph, keep: (node: Node) => boolean = () => false): Graph {
  const functionIds = new Map<unknown, number>();
  const known = new Map<string, readonly Tensor[]>();
  const attributeKey = (value: AttributeValue | undefined): string => {
    if (Array.isArray(value))
      return `[${(value as readonly unknown[]).map((v) => (v instanceof SymbolicDim ? v.key : String(v))).join(",")}]`;
    if (typeof value === "function") {
      if (!functionIds.has(value)) functionIds.set(value, functionIds.size);
      return `f${functionIds.get(value)}`;
    }
    if (typeof value === "object") {
      const data = value as TensorData;
      return `${data.dtype}[${data.shape.join(",")}]${data.data.join(",")}`;
    }
    return `${typeof value}:${String(value)}`;
  };
  return rewriteGraph(graph, (node, inputs) => {
    if (node.op === "Input" || node.op === "Parameter" || keep(node)) return undefined;
    const value = node.attributes["value"];
    if (node.op === "Constant" && (value as TensorData).data.length > COMPARED_ELEMENTS) return undefined;
    const attributes = Object.entries(node.attributes).map(([name, v]) => `${name}=${attributeKey(v)}`);
    const key = `${node.op}(${inputs.map((t) => (t === null ? "-" : `${t.node.id}.${t.index}`)).join(",")}){${attributes.join(";")}}`;
    const same = known.get(key);
    if (same !== undefined) return same;
    // The node itself may be rebuilt with new inputs after this: only an unchanged one can be remembered here.
    if (inputs.every((t, i) => t === node.inputs[i])) known.set(key, node.outputs);
    else {
      const rebuilt = copyNode(node, inputs).outputs;
      known.set(key, rebuilt);
      return rebuilt;
    }
    return undefined;
  });
}
