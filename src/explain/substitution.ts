/**
 * @module Substitution: the same graph on another input. A reference pass, and a model as a function of one of its layers, are both this.
 */
import type { Node, Tensor } from "../graph/index.js";
import { copyNode } from "../graph/index.js";

/**
 * The map from tensors to what they are when some are replaced by others of the same shape and type. What does not depend on a replaced one maps to
 * itself; what was mapped once is not made again.
 */
export function substitution(replaced: ReadonlyMap<Tensor, Tensor>): (t: Tensor) => Tensor {
  const made = new Map<Node, readonly Tensor[]>();
  const outputsOf = (node: Node): readonly Tensor[] | undefined => {
    if (!node.outputs.some((t) => replaced.has(t))) return undefined;
    return node.outputs.map((t) => replaced.get(t) ?? t);
  };
  const lookUp = (t: Tensor): Tensor => made.get(t.node)?.[t.index] ?? t;
  const build = (root: Node): void => {
    const pending = [root];
    for (let node = pending.at(-1); node !== undefined; node = pending.at(-1)) {
      const missing = outputsOf(node) === undefined ? node.inputs.filter((t) => t !== null && !made.has(t.node)) : [];
      if (missing.length > 0) {
        for (const t of missing) if (t !== null) pending.push(t.node);
        continue;
      }
      pending.pop();
      if (made.has(node)) continue;
      const inputs = node.inputs.map((t) => (t === null ? null : lookUp(t)));
      const changed = inputs.some((t, i) => t !== node.inputs[i]);
      made.set(node, outputsOf(node) ?? (changed ? copyNode(node, inputs).outputs : node.outputs));
    }
  };
  return (t) => {
    if (!made.has(t.node)) build(t.node);
    return lookUp(t);
  };
}
