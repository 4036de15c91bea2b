/**
 * @module Fused ops that the engine's optimizers write (com.microsoft), converted to the ops that they stand for.
 * Source: onnxruntime 1.30, docs/ContribOperators.md.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import { emitOne } from "../ops/index.js";
import { range } from "../util/range.js";
import type { Call } from "./call.js";
import type { Conversion } from "./conversion.js";
import { activation, apply, plainAttributes } from "./conversion.js";
import { biasOf, fromHeads, lengthOf, maskedSoftmax, repeatHeads, rotate, toHeads } from "./convert-attention.js";
import { convWindow } from "./convert-window.js";

/** Applies the activation that a fused node ends in, with its parameters. */
function activated(c: Call, x: Tensor, numbers: readonly number[]): Tensor {
  const name = c.string("activation", "");
  const [a, b] = numbers;
  switch (name) {
    case "":
      return x;
    case "Relu":
      return x.relu();
    case "Sigmoid":
      return x.sigmoid();
    case "Tanh":
      return x.tanh();
    case "LeakyRelu":
      return ops.leakyRelu(x, a ?? 0.01);
    case "Clip":
      return x.clip(a ?? null, b ?? null);
    case "HardSigmoid":
      return emitOne(ops.HardSigmoid, [x], { alpha: a ?? 0.2, beta: b ?? 0.5 });
    case "HardSwish":
      return ops.hardSwish(x);
    default:
      return c.unsupported(`activation ${name}`);
  }
}

function fusedConv(c: Call): readonly Tensor[] {
  const [x, w, sum] = [c.x(0), c.x(1), c.optional(3)];
  const y = emitOne(ops.Conv, [x, w, c.optional(2)], { ...convWindow(c, x, w), group: c.int("group", 1) });
  return [activated(c, sum === null ? y : y.add(sum), c.floats("activation_params") ?? [])];
}

function fusedGemm(c: Call): readonly Tensor[] {
  const product = emitOne(ops.opNamed("Gemm"), [c.x(0), c.x(1), c.optional(2)], {
    alpha: c.float("alpha", 1),
    beta: c.float("beta", 1),
    transA: c.flag("transA", false),
    transB: c.flag("transB", false),
  });
  const given = ["activation_alpha", "activation_beta", "activation_gamma"].filter((name) => c.attribute(name) !== undefined);
  return [activated(c, product, given.map((name) => c.float(name)))]; // prettier-ignore
}

/** Axes but the first and the last one moved to the end, as `transBatchA` and `transBatchB` say. */
function fusedMatMul(c: Call): readonly Tensor[] {
  const moved = (x: Tensor, isMoved: boolean): Tensor => (isMoved ? x.transpose([...range(1, x.rank - 1), 0, x.rank - 1]) : x);
  const attributes = plainAttributes(c, ops.opNamed("FusedMatMul"));
  const [a, b] = [moved(c.x(0), c.flag("transBatchA", false)), moved(c.x(1), c.flag("transBatchB", false))];
  return apply("FusedMatMul", [a, b], attributes);
}

/** A sum normalized over its last axis; mean and 1/σ only where the file asks for them. */
function skipNormalization(c: Call): readonly Tensor[] {
  const centres = c.node.opType === "SkipLayerNormalization";
  const bias = c.optional(centres ? 4 : 3);
  const sum = bias === null ? c.x(0).add(c.x(1)) : c.x(0).add(c.x(1)).add(bias);
  const epsilon = c.float("epsilon", 1e-12);
  const [y] = centres
    ? apply("LayerNormalization", [sum, c.x(2), c.optional(3)], { axis: -1, epsilon })
    : apply("RMSNormalization", [sum, c.x(2)], { axis: -1, epsilon });
  const mean = sum.mean(-1, true);
  const spread = (centres ? sum.sub(mean) : sum).square().mean(-1, true);
  return [y as Tensor, mean, spread.add(epsilon).sqrt().reciprocal(), sum];
}

/** Sums and normalizes the embeddings of words, positions and segments; counts the positions that the mask shows. */
function embedNormalization(c: Call): readonly Tensor[] {
  const [ids, segments, words, positions] = [c.x(0), c.optional(1), c.x(2), c.x(3)];
  const at = c.optional(8) ?? ops.arange(ids.shape[1] as Dim);
  let sum = words.gather(ids, 0).add(positions.gather(at, 0));
  if (segments !== null) sum = sum.add(c.x(4).gather(segments, 0));
  const [y] = apply("LayerNormalization", [sum, c.x(5), c.x(6)], { axis: -1, epsilon: c.float("epsilon", 1e-12) });
  const mask = c.optional(7);
  c.attribute("mask_index_type");
  const shown = mask === null ? constant(0, "int32").expand([ids.shape[0] as Dim]) : mask.sum(1);
  return [y as Tensor, shown, sum];
}

/** The bias that a mask adds to scores [N, h, T, S]. The mask holds lengths [N], or 1 for visible positions, [N, S] or [N, T, S]. */
function maskBias(c: Call, mask: Tensor, s: Dim, dtype: Tensor["dtype"]): Tensor {
  const least = constant(c.float("mask_filter_value", -10000), dtype);
  const n = mask.shape[0] as Dim;
  let seen: Tensor;
  if (mask.rank === 1) seen = ops.arange(s).less(mask.cast("int64").reshape([n, 1, 1, 1]));
  else if (mask.rank === 2) seen = mask.greater(0).reshape([n, 1, 1, mask.shape[1] as Dim]);
  else if (mask.rank === 3) seen = mask.greater(0).unsqueeze(1);
  else return c.unsupported(`a mask of ${mask.rank} axes`);
  return seen.where(constant(0, dtype), least);
}

interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Scores, masks, softmax and mixture of [N, h, T, d]; the result is [N, T, h·d]. */
function attend(c: Call, { q, k, v }: Heads, mask: Tensor | null, bias: Tensor | null): Tensor {
  const [t, s] = [q.shape[2] as Dim, k.shape[2] as Dim];
  const given = c.float("scale", 0);
  const scale = given === 0 ? 1 / Math.sqrt(staticDim(q.shape[3], c.where)) : given;
  const scores = q.mul(scale).matMul(k.swapAxes(-1, -2));
  let added = mask === null ? null : maskBias(c, mask, s, q.dtype);
  if (c.flag("unidirectional", false)) {
    // The last query sees every key: what the past holds comes before the first.
    const seen = ops
      .arange(s)
      .unsqueeze(0)
      .lessOrEqual(ops.arange(t).unsqueeze(1).add(beyond(s, t)));
    added = added === null ? biasOf(seen, q.dtype) : added.add(biasOf(seen, q.dtype));
  }
  if (bias !== null) added = added === null ? bias : added.add(bias);
  return fromHeads(maskedSoftmax(scores, added, false).matMul(v));
}

/** The surplus of keys over queries, as a scalar. */
const beyond = (s: Dim, t: Dim): Tensor => lengthOf(s).sub(lengthOf(t));

/** Attention of a text to itself, from one product for queries, keys and values. */
function selfAttention(c: Call): readonly Tensor[] {
  const [x, w, b] = [c.x(0), c.x(1), c.optional(2)];
  const heads = c.int("num_heads");
  for (const name of ["do_rotary", "past_present_share_buffer"]) if (c.flag(name, false)) c.unsupported(name);
  if (c.has(6)) c.unsupported("a past of a given length");
  c.attribute("rotary_embedding_dim");
  const width = staticDim(w.shape[1], c.where);
  const sizes = c.ints("qkv_hidden_sizes") ?? [width / 3, width / 3, width / 3];
  const product = x.matMul(w);
  const [q, k, v] = (b === null ? product : product.add(b)).split(sizes, 2).map((t) => toHeads(t, heads)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const past = c.optional(4);
  const [oldKeys, oldValues] = past?.split([1, 1], 0).map((t) => t.squeeze(0)) ?? [];
  const keys = oldKeys === undefined ? k : oldKeys.concat([k], 2);
  const values = oldValues === undefined ? v : oldValues.concat([v], 2);
  return [attend(c, { q, k: keys, v: values }, c.optional(3), c.optional(5)), ops.stack([keys, values], 0)];
}

/** Attention with queries, keys and values given: [N, T, h·d], or keys and values as heads already. */
function multiHeadAttention(c: Call): readonly Tensor[] {
  const heads = c.int("num_heads");
  const query = c.x(0);
  if (query.rank !== 3 || !c.has(1) || !c.has(2)) return c.unsupported("queries, keys and values in one tensor");
  if (c.has(8) || c.has(9)) return c.unsupported("a past of a given length");
  const given = [query, c.x(1), c.x(2)];
  const bias = c.optional(3)?.split(given.map((t) => (t.rank === 4 ? staticDim(t.shape[1], c.where) * staticDim(t.shape[3], c.where) : staticDim(t.shape[2], c.where))), 0); // prettier-ignore
  const [q, k, v] = given.map((t, i) => toHeads(bias === undefined || t.rank === 4 ? t : t.add(bias[i] as Tensor), heads)) as [Tensor, Tensor, Tensor]; // prettier-ignore
  const [pastKeys, pastValues] = [c.optional(6), c.optional(7)];
  const keys = pastKeys === null ? k : pastKeys.concat([k], 2);
  const values = pastValues === null ? v : pastValues.concat([v], 2);
  return [
    attend(c, { q, k: repeatHeads(keys, heads), v: repeatHeads(values, heads) }, c.optional(4), c.optional(5)),
    keys,
    values,
  ];
}

function rotaryEmbedding(c: Call): readonly Tensor[] {
  const [x, ids] = [c.x(0), c.x(1).cast("int64")];
  if (c.flag("is_packed_batching", false)) c.unsupported("is_packed_batching");
  if (c.float("scale", 1) !== 1) c.unsupported(`scale ${c.float("scale", 1)}`);
  const half = staticDim(c.x(2).shape[1], c.where);
  const heads = c.int("num_heads", 0);
  const turned = c.int("rotary_embedding_dim", 0);
  const t = x.shape[x.rank - 2] as Dim;
  // One number is where the first token stands.
  const positions =
    ids.rank === 1 || (ids.shape[0] === 1 && ids.rank === 1)
      ? ops
          .arange(t)
          .add(ids.reshape([1]))
          .unsqueeze(0)
      : ids;
  const count = x.rank === 4 || heads > 0 ? heads : staticDim(x.shape[2], c.where) / (turned === 0 ? 2 * half : turned);
  const rotation = { interleaved: c.flag("interleaved", false), turned };
  const y = rotate(toHeads(x, count), c.x(2).gather(positions, 0), c.x(3).gather(positions, 0), rotation);
  return [x.rank === 4 ? y : fromHeads(y)];
}

/** Fused ops by `domain::name`. */
export const FUSED: readonly (readonly [string, Conversion])[] = [
  ["com.microsoft::Gelu", activation((x) => ops.gelu(x))],
  ["com.microsoft::BiasGelu", (c) => [ops.gelu(c.x(0).add(c.x(1)))]],
  ["com.microsoft::FastGelu", (c) => [ops.gelu(c.has(1) ? c.x(0).add(c.x(1)) : c.x(0), "tanh")]],
  ["com.microsoft::QuickGelu", activation((x, c) => x.mul(x.mul(c.float("alpha", 1.702)).sigmoid()))],
  ["com.microsoft::FusedConv", fusedConv],
  ["com.microsoft::FusedGemm", fusedGemm],
  ["com.microsoft::FusedMatMul", fusedMatMul],
  ["com.microsoft::TransposeMatMul", fusedMatMul],
  ["com.microsoft::SkipLayerNormalization", skipNormalization],
  ["com.microsoft::SkipSimplifiedLayerNormalization", skipNormalization],
  ["com.microsoft::EmbedLayerNormalization", embedNormalization],
  ["com.microsoft::Attention", selfAttention],
  ["com.microsoft::MultiHeadAttention", multiHeadAttention],
  ["com.microsoft::RotaryEmbedding", rotaryEmbedding],
];
