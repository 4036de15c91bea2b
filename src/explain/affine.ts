/**
 * @module The affine beginning of a score: what a network does to its input before anything bends. Straight lines stay straight in it.
 */
import type { Node, Tensor } from "../graph/index.js";
import { dimEquals, isFloat } from "../graph/index.js";
import { nodesBetween } from "./layers.js";
import { isLinear } from "./propagation.js";

/**
 * The one tensor [R, …] that is affine in x [R, …] and through which all of y depends on x: behind a first convolution and its normalization, say.
 * Undefined where x itself, or several tensors, go into what bends.
 */
export function affineEnd(y: Tensor, x: Tensor): Tensor | undefined {
  const depends = new Set<Node>([x.node]);
  const affine = new Set<Tensor>([x]);
  const ends = new Set<Tensor>();
  for (const node of nodesBetween(y, x)) {
    const needs = node.inputs.map((t) => t !== null && depends.has(t.node));
    const read = node.inputs.filter((t, i): t is Tensor => t !== null && needs[i] === true);
    depends.add(node);
    const isAffine =
      isLinear(node, needs) &&
      node.attributes["training_mode"] !== true &&
      read.every((t) => affine.has(t)) &&
      node.outputs.every((t) => isFloat(t.dtype));
    if (isAffine) for (const t of node.outputs) affine.add(t);
    else for (const t of read) if (affine.has(t)) ends.add(t);
  }
  if (affine.has(y)) ends.add(y);
  const [end, ...others] = ends;
  const isOne = end !== undefined && others.length === 0 && end !== x;
  return isOne && dimEquals(end.shape[0] ?? 0, x.shape[0] ?? 1) ? end : undefined;
}
