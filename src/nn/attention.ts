/**
 * @module Attention: the function on queries, keys and values, and `MultiheadAttention`.
 */
import type { Dim, DType, Tensor } from "../graph/index.js";
import { constant, dimMul, dimSub, formatShape, fromNumbers, Parameter } from "../graph/index.js";
import { arange, dropout as drop, split, where } from "../ops/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import { expectLast, expectSizes, layerName } from "./check.js";
import { xavierUniform, zerosInit } from "./init.js";
import { affine, Linear } from "./linear.js";
import { Module } from "./module.js";

/** Options of attention: a mask, bool, that broadcasts to [N, h, T, S] (true where looking is allowed), causal order, dropout, scale. */
export interface AttentionOptions {
  /** True where a query may look at a key: broadcasts to [.., T, S]. */
  readonly mask?: Tensor;
  /** Each query sees the keys up to its own position only. */
  readonly causal?: boolean;
  /** Share of the weights dropped while training. */
  readonly dropout?: number;
  /** In place of 1/√D. */
  readonly scale?: number;
}

/** True at and below the diagonal that ends in the last row and column: [T, S]. */
export function causalMask(queries: Dim, keys: Dim): Tensor {
  const offset = dimSub(keys, queries);
  if (typeof queries === "number" && typeof keys === "number") {
    const allowed = Array.from({ length: queries * keys }, (_, i) => (i % keys <= Math.floor(i / keys) + keys - queries ? 1 : 0));
    return constant(fromNumbers("bool", [queries, keys], allowed));
  }
  const columns = arange(keys);
  // A free number of keys more than queries is known when it runs: by the last position of both.
  const rows =
    typeof offset === "number" ? arange(queries, offset) : arange(queries).add(lastOf(columns).sub(lastOf(arange(queries))));
  return rows.unsqueeze(1).greaterOrEqual(columns);
}

const lastOf = (positions: Tensor): Tensor => positions.gather(constant(-1, "int64"));

/** [N, T, h·d] → [N, h, T, d]. */
export function splitHeads(x: Tensor, numHeads: number): Tensor {
  const [n, t, width] = x.shape as [Dim, Dim, number];
  return x.reshape([n, t, numHeads, width / numHeads]).transpose([0, 2, 1, 3]);
}

/** [N, h, T, d] → [N, T, h·d]. */
export function mergeHeads(x: Tensor): Tensor {
  const [n, heads, t, width] = x.shape as [Dim, number, Dim, number];
  return x.transpose([0, 2, 1, 3]).reshape([n, t, heads * width]);
}

/** A mask as bool, of the same shape: one that is bool as it is, a numeric one where it is not 0. */
export const boolMask = (mask: Tensor): Tensor => (mask.dtype === "bool" ? mask : mask.cast("int32").greater(0));

/** True where a key of [N, S] is no padding, as attention's mask [N, 1, 1, S]. */
export const paddingMask = (keys: Tensor): Tensor => boolMask(keys).unsqueeze(1, 2);

/** x · yᵀ, or x · y, over heads: where y has fewer of them (axis 1), each serves a group of x's. */
function perGroup(x: Tensor, y: Tensor): Tensor {
  const [heads, groups] = [x.shape[1] as number, y.shape[1] as number];
  if (x.rank !== 4 || heads === groups) return x.matMul(y);
  const [n, , t, width] = x.shape as [Dim, number, Dim, Dim];
  const product = x.reshape([n, groups, dimMul(t, heads / groups), width]).matMul(y); // [N, g, h/g·T, ..]
  return product.reshape([n, heads, t, product.shape[3] as Dim]);
}

/** Computes attention scores, before masks: q·kᵀ/√D. Shapes as for `scaledDotProductAttention`. ShapeError if the width D is not known. */
export function attentionScores(q: Tensor, k: Tensor, { scale }: Pick<AttentionOptions, "scale"> = {}): Tensor {
  const width = q.shape[q.rank - 1];
  if (typeof width !== "number") throw new ShapeError(`attention: expected a known width, got ${formatShape(q.shape)}`);
  // The queries are the smallest of what the scale could multiply.
  return perGroup(q.mul(scale ?? 1 / Math.sqrt(width)), k.swapAxes(-1, -2)); // [.., T, S]
}

/**
 * 0 where attention is allowed, and elsewhere so far below that no weight is left. A sum is faster than a choice, and its gradient is free: where the
 * weight is 0, so is the gradient.
 * Shape of `allowed`.
 */
export const penalty = (allowed: Tensor, dtype: DType): Tensor =>
  where(allowed, constant(0, dtype), dtype === "float16" ? -3e4 : -1e9);

/** Values in the shares that weights [.., T, S] give them. */
export const attentionMixture = (weights: Tensor, v: Tensor): Tensor => perGroup(weights, v);

/**
 * Means of the values, weighted by how well keys fit queries.
 *
 *     softmax(q·kᵀ/√D + mask)·v
 *
 * Shapes: q [.., T, D], k [.., S, D], v [.., S, E] → [.., T, E]. Keys and values [N, g, S, D] may have fewer heads than queries
 * [N, h, T, D], each then serves h/g of them. Where a query may see nothing, it sees everything alike.
 * Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1; groups of heads: Ainslie et al. 2023, arXiv:2305.13245.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const { mask, causal = false, dropout = 0 } = options;
  let scores = attentionScores(q, k, options); // [.., T, S]
  const [queries, keys] = scores.shape.slice(-2) as [Dim, Dim];
  // A single query is the last one, and sees every key.
  const below = causal && queries !== 1 ? causalMask(queries, keys) : undefined;
  const allowed = mask !== undefined && below !== undefined ? mask.and(below) : (mask ?? below);
  if (allowed !== undefined) scores = scores.add(penalty(allowed, scores.dtype));
  return attentionMixture(drop(scores.softmax(-1), dropout), v); // [.., T, E]
}

/** Options of multi-head attention. */
export interface MultiheadAttentionOptions {
  readonly bias?: boolean;
  /** Share of the attention weights dropped while training. */
  readonly dropout?: number;
}

/** Further inputs of multi-head attention: keys and values [N, S, D], masks. */
export interface MultiheadInputs {
  /** [N, S, D]; left out, the queries themselves. */
  readonly key?: Tensor;
  /** [N, S, D]; left out, the keys. */
  readonly value?: Tensor;
  /** True where a query may look at a key: [T, S], [N, T, S], or [N, h, T, S]. */
  readonly mask?: Tensor;
  /** True at keys that are not padding: [N, S]. */
  readonly keyMask?: Tensor;
  readonly causal?: boolean;
}

/**
 * Attention by several heads at once, each on its own part of the width.
 *
 * Shapes: query [N, T, D] → [N, T, D]; in_proj_weight [3·D, D], in_proj_bias [3·D], out_proj.weight [D, D], out_proj.bias [D].
 * Errors: ConfigError if D is not divisible by the number of heads; ShapeError if an input's width is not D.
 * Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; parameters as PyTorch's.
 * Differs from PyTorch: the batch comes first; masks are true where attention is allowed; the weights are not returned.
 * Checked against: PyTorch 2.13, 1e-6, layers.test.ts.
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly inProjWeight: Parameter;
  readonly inProjBias: Parameter | null;
  readonly outProj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    expectSizes("MultiheadAttention", { embedDim, numHeads });
    if (embedDim % numHeads !== 0)
      throw new ConfigError(`MultiheadAttention: expected a width divisible by ${numHeads} heads, got ${embedDim}`);
    const { bias = true, dropout = 0 } = options;
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    this.inProjWeight = new Parameter([3 * embedDim, embedDim], { initializer: xavierUniform() });
    this.inProjBias = bias ? new Parameter([3 * embedDim], { initializer: zerosInit }) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias, biasInit: zerosInit });
  }

  override forward(query: Tensor, inputs: MultiheadInputs = {}): Tensor {
    const { key = query, value = key, mask, keyMask, causal = false } = inputs;
    for (const x of [query, key, value]) {
      expectLast(this, x, this.embedDim);
      if (x.rank !== 3)
        throw new ShapeError(`${layerName(this)}: expected [N, T, ${this.embedDim}], got ${formatShape(x.shape)}`);
    }
    const [q, k, v] = this.#project(query, key, value).map((x) => splitHeads(x, this.numHeads)) as [Tensor, Tensor, Tensor]; // [N, h, T, d]
    let allowed = mask?.rank === 3 ? mask.unsqueeze(1) : mask;
    if (keyMask !== undefined) {
      const keys = paddingMask(keyMask); // [N, 1, 1, S]
      allowed = allowed === undefined ? keys : allowed.and(keys);
    }
    const y = scaledDotProductAttention(q, k, v, { causal, dropout: this.dropout, mask: allowed });
    return this.outProj.forward(mergeHeads(y));
  }

  /** One product where all three come from one input. */
  #project(query: Tensor, key: Tensor, value: Tensor): readonly Tensor[] {
    const thirds = [this.embedDim, this.embedDim, this.embedDim];
    if (query === key && key === value) return split(affine(query, this.inProjWeight, this.inProjBias), thirds, -1);
    const weights = split(this.inProjWeight, thirds);
    const biases = this.inProjBias === null ? undefined : split(this.inProjBias, thirds);
    return [query, key, value].map((x, i) => affine(x, weights[i] as Tensor, biases?.[i] ?? null));
  }
}
