/**
 * @module Normalizations spelled out in sums, products and quotients, for rules that know only those.
 */
import type { Node, Tensor } from "../graph/index.js";
import { normalizeAxis } from "../graph/index.js";
import { range } from "../util/range.js";

/** y of a normalization node for another x of the same shape; undefined of other ops. */
export function normalizationNodes(node: Node, x: Tensor): Tensor | undefined {
  if (!normalizationNodes.ops.has(node.op)) return undefined;
  const [, scale, bias = null] = node.inputs;
  const { axis = -1, epsilon = 1e-5 } = node.attributes as { readonly axis?: number; readonly epsilon?: number };
  const axes = range(normalizeAxis(axis, x.rank, node.op), x.rank);
  const centered = node.op === "LayerNormalization" ? x.sub(x.mean(axes, true)) : x;
  const variance = centered.square().mean(axes, true);
  const normalized = centered.mul(variance.add(epsilon).sqrt().reciprocal());
  const scaled = scale === null || scale === undefined ? normalized : normalized.mul(scale);
  return bias === null ? scaled : scaled.add(bias);
}

/** Ops that `normalizationNodes` spells out. */
normalizationNodes.ops = new Set([
  "LayerNormalization",
  "RMSNormalization",
  "SimplifiedLayerNormalization",
]) as ReadonlySet<string>;
