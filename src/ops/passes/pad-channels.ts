/**
 * @module Padding of channels as a convolution with an identity, for files: the engine finds blocks of channels by itself, and a padding would end them.
 * Values stay the same to the bit.
 */
import type { Graph, Shape, Tensor } from "../../graph/index.js";
import { constant, fromNumbers, rewriteGraph, withScope } from "../../graph/index.js";
import type { PadMode } from "../pad.js";
import { conv } from "../convolution.js";

/** The graph with zeros put around channels of pictures by convolutions. */
export function padChannelsByConvolution(graph: Graph): Graph {
  return rewriteGraph(graph, (node, [x, value]) => {
    const { pads = [], mode } = node.attributes as { pads?: Shape; mode?: PadMode };
    if (node.op !== "Pad" || mode !== "constant" || (value ?? null) !== null || x?.rank !== 4 || x.dtype !== "float32")
      return undefined;
    const [channels, before, after] = [x.shape[1], pads[1], pads[5]];
    if (typeof channels !== "number" || typeof before !== "number" || typeof after !== "number" || before < 0 || after < 0)
      return undefined;
    if (pads.some((width, i) => i % 4 !== 1 && width !== 0)) return undefined;
    return withScope(node.scope, () => [conv(x, identityWeights(channels, before, after))]);
  });
}

/** [before + channels + after, channels, 1, 1] of an identity between rows of zeros. */
function identityWeights(channels: number, before: number, after: number): Tensor {
  const rows = before + channels + after;
  const numbers = new Float32Array(rows * channels);
  for (let c = 0; c < channels; c++) numbers[(before + c) * channels + c] = 1;
  return constant(fromNumbers("float32", [rows, channels, 1, 1], numbers));
}
