/**
 * @module Recomputation: a part of a model whose inner values are not kept for the backward pass, but computed again.
 */
import type { Node, Tensor } from "../graph/index.js";
import { copyNode, isFloat, isLeaf, reachableNodes } from "../graph/index.js";
import { CustomGradient, emitOne, identity } from "../ops/index.js";
import { DescentError } from "../util/errors.js";
import { vjpOf } from "./grad.js";

/**
 * f, with its inner values computed again when the gradient is: memory for one more forward pass of f. Chen et al. 2016,
 * arXiv:1604.06174. The value and the gradient are those of f; dropout draws the same masks both times.
 *
 * The gradient goes to the arguments and to every parameter and tensor that f captures.
 * Shapes are those of f.
 */
export function checkpoint(f: (...xs: readonly Tensor[]) => Tensor): (...xs: readonly Tensor[]) => Tensor {
  return (...xs) => {
    // Nodes made from here on belong to f: what they take from before is captured.
    const start = identity(xs[0] as Tensor).node.id;
    const y = f(...xs);
    const boundary = new Set<Tensor>(xs);
    const inside = (node: Node): boolean => node.id > start && !isLeaf(node);
    for (const node of reachableNodes([y])) {
      if (!inside(node)) continue;
      for (const t of node.inputs) if (t !== null && !inside(t.node) && t.node.op !== "Constant") boundary.add(t);
    }
    return emitOne(CustomGradient, [y, ...boundary], { rule: recompute });
  };
}

/** Gradients of the boundary, through a copy of what lies between it and y. It waits for dy: else it could as well be kept. */
export function recompute(dy: Tensor, y: Tensor, boundary: readonly Tensor[]): (Tensor | null)[] {
  const forward = y.node.inputs[0] as Tensor;
  // Zero whatever dy holds, but the engine cannot know.
  const later = dy.reshape([-1]).slice(0, 0, 1).greater(Infinity).reshape([]);
  const copies = new Map<Tensor, Tensor>();
  for (const t of boundary) {
    const leaf = isLeaf(t.node);
    copies.set(t, leaf || !isFloat(t.dtype) ? identity(t) : t.add(later.cast(t.dtype)));
  }
  for (const node of between(forward, copies)) {
    const inputs = node.inputs.map((t) => (t === null ? null : (copies.get(t) ?? t)));
    const copy = copyNode(node, inputs);
    node.outputs.forEach((output, i) => {
      if (!copies.has(output)) copies.set(output, copy.outputs[i] as Tensor);
    });
  }
  const again = copies.get(forward);
  if (again === undefined)
    throw new DescentError(
      "checkpoint: expected a value that depends on its arguments; differentiate inside vmap, not around it",
    );
  const targets = boundary.filter((t) => isFloat(t.dtype));
  const gradients = vjpOf(
    [again],
    [dy],
    targets.map((t) => copies.get(t) as Tensor),
  );
  return boundary.map((t) => (isFloat(t.dtype) ? (gradients.shift() as Tensor) : null));
}

/** The nodes on paths from the boundary to `y`, in trace order; nothing before the boundary. */
function between(y: Tensor, boundary: ReadonlyMap<Tensor, Tensor>): Node[] {
  const dependent = new Map<Node, boolean>();
  const order: Node[] = [];
  const pending: { node: Node; ready: boolean }[] = boundary.has(y) ? [] : [{ node: y.node, ready: false }];
  for (let top = pending.pop(); top !== undefined; top = pending.pop()) {
    const { node, ready } = top;
    if (dependent.has(node)) continue;
    const inner = node.inputs.filter((t): t is Tensor => t !== null && !boundary.has(t));
    if (!ready) {
      pending.push({ node, ready: true });
      for (const t of inner) if (!dependent.has(t.node)) pending.push({ node: t.node, ready: false });
      continue;
    }
    const depends = inner.length < node.inputs.filter((t) => t !== null).length || inner.some((t) => dependent.get(t.node));
    dependent.set(node, depends);
    if (depends) order.push(node);
  }
  return order;
}
