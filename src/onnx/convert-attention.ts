/**
 * @module Attention and rotary positions as opsets 23 and later write them, put together from products, masks and softmax.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, dimSub, isFloat, staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import type { Call } from "./call.js";
import type { Conversion } from "./conversion.js";
import { dtypeOf } from "./numbers.js";

/** [N, T, h·d] → [N, h, T, d]; tensors of four axes are returned as they are. */
export function toHeads(x: Tensor, heads: number): Tensor {
  if (x.rank === 4) return x;
  const [n, t, width] = x.shape as [Dim, Dim, Dim];
  return x.reshape([n, t, heads, staticDim(width, "Attention") / heads]).transpose([0, 2, 1, 3]);
}

/** [N, h, T, d] → [N, T, h·d]. */
export function fromHeads(x: Tensor): Tensor {
  const [n, h, t, d] = x.shape as [Dim, number, Dim, number];
  return x.transpose([0, 2, 1, 3]).reshape([n, t, h * d]);
}

/** Repeats each head of keys or values for the heads of queries that share it. */
export function repeatHeads(x: Tensor, heads: number): Tensor {
  const [n, groups, s, d] = x.shape as [Dim, number, Dim, Dim];
  const each = heads / groups;
  return each === 1 ? x : x.unsqueeze(2).expand([n, groups, each, s, d]).reshape([n, heads, s, d]);
}

/** 0 where a truth value holds, −∞ elsewhere. */
export const biasOf = (allowed: Tensor, dtype: Tensor["dtype"]): Tensor =>
  allowed.where(constant(0, dtype), constant(-Infinity, dtype));

const both = (a: Tensor | null, b: Tensor | null): Tensor | null => (a === null ? b : b === null ? a : a.and(b));

/** The keys that a query may see by its position: none after it, and only those inside a window around it. */
function byPlace(c: Call, t: Dim, s: Dim, offset: Tensor | null): Tensor | null {
  const causal = c.flag("is_causal", false);
  const [left, right] = [c.int("left_window_size", -1), c.int("right_window_size", -1)];
  if (!causal && left < 0 && right < 0) return null;
  const queries = ops.arange(t).unsqueeze(1); // [T, 1]
  const positions = offset === null ? queries : queries.add(offset);
  const keys = ops.arange(s).unsqueeze(0); // [1, S]
  let allowed = causal ? keys.lessOrEqual(positions) : null;
  if (left >= 0) allowed = both(allowed, keys.greaterOrEqual(positions.sub(left)));
  return right < 0 ? allowed : both(allowed, keys.lessOrEqual(positions.add(right)));
}

/** The mask of the file, as wide as there are keys: what it does not reach may not be seen. */
function padded(mask: Tensor, s: Dim): Tensor {
  const width = mask.shape[mask.rank - 1] as Dim;
  const missing = dimSub(s, width);
  if (typeof missing !== "number" || missing <= 0 || width === 1) return mask;
  const [before, after] = [mask.shape.map(() => 0), mask.shape.map((_, i) => (i === mask.rank - 1 ? missing : 0))];
  if (mask.dtype !== "bool") return mask.pad(before, after, "constant", -Infinity);
  return mask.cast("int32").pad(before, after, "constant", 0).cast("bool");
}

/** Softmax over the last axis of scores + bias, where a row that may see nothing is 0, and its gradient too. */
export function maskedSoftmax(scores: Tensor, bias: Tensor | null, mayBeEmpty: boolean, as = scores.dtype): Tensor {
  const logits = (bias === null ? scores : scores.add(bias)).cast(as);
  if (bias === null || !mayBeEmpty) return logits.softmax(-1).cast(scores.dtype);
  const empty = bias.reduceMax(-1, true).equal(-Infinity);
  const weights = empty.where(constant(0, as), logits).softmax(-1);
  return empty.where(constant(0, as), weights).cast(scores.dtype);
}

/**
 * Attention: softmax(scale · Q·Kᵀ + bias) · V, with keys and values of the past before the new ones, a mask (truth values or a bias), causal and
 * windowed sight, as many heads of queries as share one of keys, and scores that are held below `softcap` by tanh.
 * Source: ONNX, Attention 23 to 25.
 */
function attention(c: Call): readonly Tensor[] {
  const [q3, k3, v3] = [c.x(0), c.x(1), c.x(2)];
  const [heads, groups] = q3.rank === 4 ? [q3.shape[1], k3.shape[1]] : [c.int("q_num_heads"), c.int("kv_num_heads")];
  c.attribute("q_num_heads");
  c.attribute("kv_num_heads");
  const h = staticDim(heads, c.where);
  const [q, newKeys, newValues] = [
    toHeads(q3, h),
    toHeads(k3, staticDim(groups, c.where)),
    toHeads(v3, staticDim(groups, c.where)),
  ];
  const [pastKeys, pastValues, lengths] = [c.optional(4), c.optional(5), c.optional(6)];
  const presentKeys = pastKeys === null ? newKeys : pastKeys.concat([newKeys], 2);
  const presentValues = pastValues === null ? newValues : pastValues.concat([newValues], 2);
  const [t, s] = [q.shape[2] as Dim, presentKeys.shape[2] as Dim];
  const scale = c.float("scale", 1 / Math.sqrt(staticDim(q.shape[3], c.where)));
  const products = q.mul(scale).matMul(repeatHeads(presentKeys, h).swapAxes(-1, -2)); // [N, h, T, S]
  const softcap = c.float("softcap", 0);
  const capped = softcap > 0 ? products.div(softcap).tanh().mul(softcap) : products;

  const counts = lengths?.cast("int64").reshape([-1, 1, 1, 1]) ?? null; // [N, 1, 1, 1]
  const past = pastKeys === null ? null : lengthOf(pastKeys.shape[2] as Dim);
  const inSight = byPlace(c, t, s, past ?? counts?.sub(lengthOf(t)) ?? null);
  const filled = counts === null ? null : ops.arange(s).less(counts);
  const given = c.optional(3);
  const mask = given === null ? null : padded(given, s);
  const allowed = both(both(inSight, filled), mask?.dtype === "bool" ? mask : null);
  let bias = allowed === null ? null : biasOf(allowed, q.dtype);
  if (mask !== null && isFloat(mask.dtype)) bias = bias === null ? mask : bias.add(mask);
  const mayBeEmpty =
    mask !== null || counts !== null || c.int("left_window_size", -1) >= 0 || c.int("right_window_size", -1) >= 0;
  const precision = c.attribute("softmax_precision") === undefined ? q.dtype : dtypeOf(c.int("softmax_precision"), c.where);
  const weights = maskedSoftmax(capped, bias, mayBeEmpty, precision);
  const mixed = weights.matMul(repeatHeads(presentValues, h));
  const shown = [products, capped, bias === null ? capped : capped.add(bias), weights][c.int("qk_matmul_output_mode", 0)];
  if (shown === undefined) return c.unsupported(`qk_matmul_output_mode ${c.int("qk_matmul_output_mode", 0)}`);
  return [q3.rank === 4 ? mixed : fromHeads(mixed), presentKeys, presentValues, shown];
}

/** A length as a scalar int64 tensor. */
export const lengthOf = (d: Dim): Tensor =>
  typeof d === "number" ? constant(d, "int64") : constant(1, "int64").expand([d]).sum();

export interface Rotation {
  readonly interleaved: boolean;
  /** Number of a head's features that turn; 0 for all. */
  readonly turned: number;
}

/** Features of x [N, h, T, d] turned in pairs by angles whose cosines and sines [N or 1, T, r/2] are given. Su et al. 2021, arXiv:2104.09864. */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor, { interleaved, turned }: Rotation): Tensor {
  const d = staticDim(x.shape[3], "RotaryEmbedding");
  const r = turned === 0 ? d : turned;
  const [part, rest] = r === d ? [x, null] : (x.split([r, d - r], 3) as [Tensor, Tensor]);
  const [c, s] = [cos.unsqueeze(1), sin.unsqueeze(1)];
  const [n, h, t] = x.shape as [Dim, Dim, Dim];
  const pairs = interleaved ? part.reshape([n, h, t, r / 2, 2]) : part.reshape([n, h, t, 2, r / 2]);
  const axis = interleaved ? 4 : 3;
  const [a, b] = pairs.split([1, 1], axis).map((p) => p.squeeze(axis)) as [Tensor, Tensor];
  const [real, imaginary] = [a.mul(c).sub(b.mul(s)), a.mul(s).add(b.mul(c))];
  const joined = real
    .unsqueeze(axis)
    .concat([imaginary.unsqueeze(axis)], axis)
    .reshape([n, h, t, r]);
  return rest === null ? joined : joined.concat([rest], 3);
}

function rotaryEmbedding(c: Call): readonly Tensor[] {
  const [x, ids] = [c.x(0), c.optional(3)];
  const heads = c.int("num_heads", 0);
  const table = (t: Tensor): Tensor => (ids === null ? t : t.gather(ids, 0));
  const rotation = { interleaved: c.flag("interleaved", false), turned: c.int("rotary_embedding_dim", 0) };
  const y = rotate(toHeads(x, heads), table(c.x(1)), table(c.x(2)), rotation);
  return [x.rank === 4 ? y : fromHeads(y)];
}

/** a · σ(α·a) · b. Shazeer 2020, arXiv:2002.05202. */
const swiGlu: Conversion = (c) => {
  const [a, b] = [c.x(0), c.x(1)];
  return [a.mul(a.mul(c.float("alpha", 1)).sigmoid()).mul(b)];
};

/** Writes new values into a cache from a position on, which may differ by example. */
function tensorScatter(c: Call): readonly Tensor[] {
  const [past, update, from] = [c.x(0), c.x(1), c.optional(2)];
  const axis = c.int("axis", -2) < 0 ? c.int("axis", -2) + past.rank : c.int("axis", -2);
  const mode = c.string("mode", "linear");
  if (mode !== "linear" && mode !== "circular") c.unsupported(`mode ${mode}`);
  const along = (t: Tensor, at: number): Tensor => t.reshape(update.shape.map((_, i) => (i === at ? -1 : 1)));
  const steps = along(ops.arange(update.shape[axis] as Dim), axis);
  const positions = from === null ? steps : steps.add(along(from.cast("int64"), 0));
  const inside = mode === "circular" ? positions.mod(lengthOf(past.shape[axis] as Dim)) : positions;
  return [past.scatterElements(inside.expand(update.shape), update, { axis })];
}

/** Attention and what transformers put around it. */
export const ATTENDING: readonly (readonly [string, Conversion])[] = [
  ["Attention", attention],
  ["RotaryEmbedding", rotaryEmbedding],
  ["SwiGLU", swiGlu],
  ["TensorScatter", tensorScatter],
];
