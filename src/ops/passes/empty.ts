/**
 * @module Tensors without elements. The engine's kernels divide by such a length (TopK: the process dies), never return (Conv without channels), leave the
 * result as they found it (a product over nothing), or refuse; so what is made of no elements is made here, and no kernel sees it.
 */
import type { Graph, Node, Tensor, TensorType } from "../../graph/index.js";
import { bindDim, constant, formatShape, fromNumbers, isLeaf, isStatic, rewriteGraph, withScope } from "../../graph/index.js";
import { ShapeError } from "../../util/errors.js";
import { opOf } from "../table.js";

/** Whether a tensor is known to have no elements. */
const isEmpty = ({ shape }: TensorType): boolean => shape.includes(0);

/** Outputs to put in place of a node with empty operands; undefined where the node may stay. */
function replacement(node: Node, inputs: readonly (Tensor | null)[]): readonly Tensor[] | undefined {
  if (isLeaf(node)) return undefined;
  const shapes = node.outputs.map(({ shape }) => shape);
  if (!shapes.every(isStatic)) return undefined;
  if (node.outputs.every(isEmpty))
    return node.outputs.map(({ dtype }, i) => constant(fromNumbers(dtype, shapes[i] as number[], [])));
  if (!inputs.some((t) => t !== null && isEmpty(t))) return undefined;
  const made = opOf(node).empty?.({ inputs, attributes: node.attributes, outputs: node.outputs });
  if (made !== undefined) return made;
  const given = inputs.map((t) => (t === null ? "–" : formatShape(t.shape))).join(", ");
  throw new ShapeError(
    `${node.scope === "" ? "" : `${node.scope}: `}${node.op}: expected operands with elements, since there is no result without, got ${given}`,
  );
}

/** Ops whose kernels crash, hang or refuse where an operand has no elements, though their result is then empty as well. */
const FATAL: ReadonlySet<string> = new Set(["TopK", "Conv", "ConvTranspose", "GroupQueryAttention"]);
/** Ops whose kernels handle such operands correctly, though their result has elements. */
const RIGHT: ReadonlySet<string> = new Set(["Concat", "ReduceSum", "Shape", "Size", "NonMaxSuppression", "NonZero"]);

/**
 * For a graph with free dimensions, whose kernels will see what is fed: refuses lengths of 0 that one of them does not take.
 *
 * Errors: ShapeError, naming the op.
 */
export function refuseEmpty(graph: Graph, bindings: ReadonlyMap<string, number>): void {
  const lacks = (t: Tensor | null): boolean => t !== null && t.shape.some((d) => bindDim(d, bindings) === 0);
  for (const node of graph.nodes) {
    if (isLeaf(node) || RIGHT.has(node.op) || !node.inputs.some(lacks)) continue;
    if (!FATAL.has(node.op) && node.outputs.every(lacks)) continue;
    const sizes = [...bindings].map(([name, size]) => `${name} = ${size}`).join(", ");
    throw new ShapeError(
      `${node.scope === "" ? "" : `${node.scope}: `}${node.op}: expected operands with elements, got ${sizes}`,
    );
  }
}

/**
 * The graph in which no node makes or takes tensors of no elements, as far as shapes are known: their values are constants.
 *
 * Errors: ShapeError for a node whose result would have elements and follows from none (the largest of no rows).
 */
export function removeEmpty(graph: Graph): Graph {
  const touched = graph.nodes.some((node) => node.outputs.some(isEmpty));
  return touched ? rewriteGraph(graph, (node, inputs) => withScope(node.scope, () => replacement(node, inputs))) : graph;
}
