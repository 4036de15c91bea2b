/**
 * @module Folding: work beside convolutions and pooling, moved to where there is less of it. Values stay the same up to rounding.
 *
 * A batch normalization in use, and its gradient, scale each channel: with constant weights the weights are scaled once, in place of every
 * picture. And relu's gradient passes what a max-pooling behind it chose as well before the pooling's gradient as after it, on fewer elements.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import { createNode, rewriteGraph, withScope } from "../../graph/index.js";
import { countUses } from "./fuse.js";

type Inputs = readonly (Tensor | null)[];

/** w·a along the weights' first axis, the channels that come out. */
const scaled = (w: Tensor, a: Tensor): Tensor => w.mul(a.reshape([a.shape[0] ?? 1, ...w.shape.slice(1).map(() => 1)]));

const like = (node: Node, inputs: Inputs): Tensor =>
  createNode(node.op, inputs, node.attributes, node.outputs, node.scope).outputs[0] as Tensor;

/** norm(conv(x, w) + b) = conv(x, a·w) + a·b + shift. */
function normalizedConvolution(inputs: Inputs, epsilon: number): Tensor {
  const [y, scale, shift, mean, variance] = inputs as readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
  const [x, w, b] = y.node.inputs as readonly [Tensor, Tensor, Tensor | null];
  const a = scale.mul(variance.add(epsilon).sqrt().reciprocal());
  const centred = b === null || b === undefined ? mean.neg() : b.sub(mean);
  return like(y.node, [x, scaled(w, a), centred.mul(a).add(shift)]);
}

/** The graph with what scales channels folded into the weights of convolutions; for weights that are constants. */
export function foldNorms(graph: Graph): Graph {
  const uses = countUses(graph);
  const isOnlyUse = (old: Tensor | null | undefined): boolean => old !== null && old !== undefined && uses.get(old) === 1;
  return rewriteGraph(graph, (node, inputs) =>
    withScope(node.scope, () => {
      const [first, second] = inputs;
      if (first === null || first === undefined || !isOnlyUse(node.inputs[0])) return undefined;
      if (node.op === "BatchNormalization" && node.attributes["training_mode"] !== true && first.node.op === "Conv")
        return [normalizedConvolution(inputs, node.attributes["epsilon"] as number)];
      if (node.op !== "ConvInputGradient" || first.node.op !== "ChannelAffine" || !second) return undefined;
      const [dy, a, b] = first.node.inputs as readonly [Tensor, Tensor, Tensor | null];
      return b === null ? [like(node, [dy, scaled(second, a)])] : undefined;
    }),
  );
}

/** The graph with relu's gradient before the gradient of the pooling that follows the relu. */
export function poolRectified(graph: Graph): Graph {
  const uses = countUses(graph);
  return rewriteGraph(graph, (node, [passed, y]) => {
    if (node.op !== "ReluGradient" || passed?.node.op !== "MaxPoolGradient" || uses.get(node.inputs[0] as Tensor) !== 1)
      return undefined;
    const [dy, x, pooled, places] = passed.node.inputs as readonly [Tensor, Tensor, Tensor, Tensor];
    if (x !== y || x.node.op !== "Relu") return undefined;
    const masked = createNode("ReluGradient", [dy, pooled], node.attributes, [dy], node.scope).outputs[0] as Tensor;
    return [like(passed.node, [masked, x, pooled, places])];
  });
}
