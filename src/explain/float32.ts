/**
 * @module Graphs of float16 numbers computed in float32: gradients, and what methods make of them, would lose most of their digits.
 */
import type { Node, Tensor } from "../graph/index.js";
import { isLeaf, reachableNodes, rewriteTensors } from "../graph/index.js";
import { emit, opOf } from "../ops/index.js";

const isHalf = (t: Tensor | null): boolean => t?.dtype === "float16";

/** Attributes that name float16 name float32 in its place. */
const widened = ({ attributes }: Node): Node["attributes"] =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value === "float16" ? "float32" : value]));

/** The same tensor computed in float32, weights and constants cast first; itself where there is no float16. */
export function inFloat32(t: Tensor): Tensor {
  if (!reachableNodes([t]).some((node) => node.outputs.some(isHalf))) return t;
  const map = rewriteTensors([t], (node, inputs) => {
    if (isLeaf(node)) return node.outputs.some(isHalf) ? node.outputs.map((output) => output.cast("float32")) : undefined;
    if (![...node.inputs, ...node.outputs].some(isHalf)) return undefined;
    return emit(opOf(node), inputs, widened(node));
  });
  return map(t);
}
