/**
 * @module Simplification: steps that change no value, bit for bit, left out. Gradients leave them behind: that of a sum is ones, which
 * meet a product at once.
 */
import type { Graph, Node, Tensor, TensorData } from "../../graph/index.js";
import { copyNode, isLeaf, rewriteGraph, sameShape, withScope } from "../../graph/index.js";
import { countUses } from "./fuse.js";
import { onRows } from "./rows.js";

/** Whether every element is the constant 1. */
function isOnes(t: Tensor): boolean {
  if (t.node.op === "Expand" || t.node.op === "Reshape") return isOnes(t.node.inputs[0] as Tensor);
  return t.node.op === "Constant" && t.rank === 0 && Number((t.node.attributes["value"] as TensorData).data[0]) === 1;
}

/** x·1, 1·x and x/1 are x. */
function withoutOnes({ op, outputs: [y] }: Node, [a, b]: readonly (Tensor | null)[]): Tensor | undefined {
  if ((op !== "Mul" && op !== "Div") || !a || !b || y === undefined) return undefined;
  const same = isOnes(b) ? a : op === "Mul" && isOnes(a) ? b : undefined;
  return same !== undefined && sameShape(same.shape, y.shape) ? same : undefined;
}

/** Ops of two operands that spread a single number by themselves. */
const SPREADING: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div"]);

/** The number [] that every element is; undefined where that is not seen. */
function singleNumber(t: Tensor): Tensor | undefined {
  const { op, inputs } = t.node;
  if (op === "Expand" || op === "Reshape") return singleNumber(inputs[0] as Tensor);
  if (t.rank === 0) return t;
  return t.shape.every((d) => d === 1) ? t.reshape([]) : undefined;
}

/** x·c in place of x times c spread over x's shape, as the gradient of a mean has it. */
function withoutSpreading(node: Node, [a, b]: readonly (Tensor | null)[]): Tensor | undefined {
  const [y] = node.outputs;
  if (!SPREADING.has(node.op) || !a || !b || y === undefined) return undefined;
  const shrunk = (t: Tensor, other: Tensor): Tensor | undefined =>
    t.shape.some((d) => d !== 1) && sameShape(other.shape, y.shape) ? singleNumber(t) : undefined;
  const [left, right] = [shrunk(a, b), shrunk(b, a)];
  if (right !== undefined) return copyNode(node, [a, right]).outputs[0];
  return left === undefined ? undefined : copyNode(node, [left, b]).outputs[0];
}

const RESHAPES: ReadonlySet<string> = new Set(["Reshape", "Squeeze", "Unsqueeze"]);

/** Whether the elements stay in their order: only axes of length 1 move. */
function keepsOrder({ op, attributes, inputs: [x] }: Node): boolean {
  if (op !== "Transpose") return RESHAPES.has(op);
  const moved = (attributes["perm"] as readonly number[]).filter((axis) => x?.shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > (moved[i - 1] as number));
}

/** One Reshape in place of several, and of a Transpose that moves no element. */
function reshaped(node: Node, [x]: readonly (Tensor | null)[]): Tensor | undefined {
  const [y] = node.outputs;
  if (!x || y === undefined || !keepsOrder(node)) return undefined;
  let source = x;
  while (RESHAPES.has(source.node.op)) source = source.node.inputs[0] as Tensor;
  return source === x && node.op !== "Transpose" ? undefined : source.reshape(y.shape);
}

/** The graph without what changes no value and no order: products with ones, reshapes of reshapes, and those between rows. */
export function simplifyGraph(graph: Graph): Graph {
  const results = new Set(graph.outputs.values());
  const uses = countUses(graph);
  const isUsed = (t: Tensor): boolean => uses.has(t);
  return rewriteGraph(graph, (node, inputs) => {
    const same = withScope(
      node.scope,
      () => withoutOnes(node, inputs) ?? withoutSpreading(node, inputs) ?? reshaped(node, inputs) ?? onRows(node, inputs, isUsed),
    );
    // A result of the graph stays a node of its own.
    if (same === undefined || (isLeaf(same.node) && results.has(node.outputs[0] as Tensor))) return undefined;
    return [same];
  });
}
