/**
 * @module Batch normalizations with known numbers, folded into the convolutions beside them: into the one whose output they take, and in a gradient into the
 * one that it passes next. Values stay the same up to rounding.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import { isLeaf, rewriteGraph, withScope } from "../../graph/index.js";
import { emit } from "../op.js";
import { opOf } from "../table.js";
import { countUses } from "./fuse.js";

type Inputs = readonly (Tensor | null)[];

/** Nodes whose results depend only on known values. Shapes play no part. */
export function fixedNodes(graph: Graph, isKnown: (t: Tensor) => boolean): ReadonlySet<Node> {
  const fixed = new Set<Node>();
  for (const node of graph.nodes) {
    const [first] = node.outputs;
    const own = isLeaf(node) ? node.op === "Constant" || (first !== undefined && isKnown(first)) : node.inputs.length > 0;
    if (own && node.inputs.every((t) => t === null || fixed.has(t.node))) fixed.add(node);
  }
  return fixed;
}

/** The graph with batch normalizations folded where the numbers of both are known. Outputs keep their shapes. */
export function foldNorms(graph: Graph, isKnown: (t: Tensor) => boolean): Graph {
  const uses = countUses(graph);
  const fixed = fixedNodes(graph, isKnown);
  const areFixed = (node: Node): boolean => node.inputs.slice(1).every((t) => t === null || fixed.has(t.node));
  return rewriteGraph(graph, (node, inputs) => {
    const [before] = node.inputs;
    if (before === null || before === undefined || !areFixed(node)) return undefined;
    const isForward = node.op === "BatchNormalization" && before.node.op === "Conv" && uses.get(before) === 1;
    const isBackward = node.op === "ConvInputGradient" && before.node.op === "ChannelAffine" && before.node.inputs[2] === null;
    if ((!isForward && !isBackward) || node.attributes["training_mode"] === true || !areFixed(before.node)) return undefined;
    return withScope(node.scope, () => (isForward ? forward : backward)(node, inputs));
  });
}

/** [M] onto weights [M, …]. */
const scaled = (w: Tensor, a: Tensor): Tensor => w.mul(a.reshape([a.shape[0] ?? 1, ...w.shape.slice(1).map(() => 1)]));

function forward(node: Node, inputs: Inputs): readonly Tensor[] {
  const [y, scale, bias, mean, variance] = inputs as readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
  const [x, w, b] = y.node.inputs as readonly [Tensor, Tensor, Tensor | null];
  const a = scale.mul(
    variance
      .add(node.attributes["epsilon"] as number)
      .sqrt()
      .reciprocal(),
  );
  const shift = bias.sub((b === null ? mean : mean.sub(b)).mul(a));
  return emit(opOf(y.node), [x, scaled(w, a), shift], y.node.attributes);
}

function backward(node: Node, inputs: Inputs): readonly Tensor[] {
  const [scaledGradient, w] = inputs as readonly [Tensor, Tensor];
  const [dy, a] = scaledGradient.node.inputs as readonly [Tensor, Tensor];
  return emit(opOf(node), [dy, scaled(w, a)], node.attributes);
}
