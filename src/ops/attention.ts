/**
 * @module Attention of one new token to those before it, in one kernel of the engine.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, dimEquals, formatShape, fromNumbers, isFloat, sameShape } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { where } from "./choice.js";
import { arange } from "./cum-sum.js";
import type { Op } from "./op.js";
import { bytesMoved, elementCount, emit, expectDType, expectSameDType } from "./op.js";

interface GroupAttributes {
  readonly [name: string]: number;
  readonly num_heads: number;
  readonly kv_num_heads: number;
  /** Factor for the products of queries and keys; 0 stands for 1/√d. */
  readonly scale: number;
}

type GroupInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  pastKey: Tensor,
  pastValue: Tensor,
  lengths: Tensor,
  total: Tensor,
];

/**
 * Appends a token's key and value to those of the past, and computes the attention of its query over all of them. A head of keys
 * serves h/g heads of queries.
 *
 * Shapes: query [N, 1, h·d], key and value [N, 1, g·d], past of each [N, g, C, d], lengths int32 [N] (filled places of the past), total int32 [] or
 * [1] (the largest length, and one) → [N, 1, h·d], the past of each with the new token [N, g, C, d].
 * Source: onnxruntime 1.30, com.microsoft.GroupQueryAttention, with one token and room for it.
 * Differs from the source: what stands behind the new token stays as it was; the engine's kernel makes it 0 where past and result have not the same memory.
 */
export const GroupQueryAttention: Op<GroupAttributes, GroupInputs> = {
  name: "GroupQueryAttention",
  domain: "com.microsoft",
  attributes: { num_heads: "int", kv_num_heads: "int", scale: "float" },
  infer: ([query, key, value, pastKey, pastValue, lengths, total], { num_heads: h, kv_num_heads: g }, where) => {
    expectDType(where, query.dtype, isFloat, "floating-point queries");
    for (const t of [key, value, pastKey, pastValue]) expectSameDType(where, query, t);
    for (const t of [lengths, total]) expectDType(where, t.dtype, ["int32"], "int32");
    const [n, , , d] = pastKey.shape as [Dim, Dim, Dim, Dim];
    const fits =
      pastKey.rank === 4 &&
      typeof d === "number" &&
      h % g === 0 &&
      dimEquals(pastKey.shape[1] as Dim, g) &&
      sameShape(pastValue.shape, pastKey.shape) &&
      sameShape(query.shape, [n, 1, h * d]) &&
      [key, value].every((t) => sameShape(t.shape, [n, 1, g * d])) &&
      sameShape(lengths.shape, [n]) &&
      (total.rank === 0 || sameShape(total.shape, [1]));
    if (!fits) {
      const got = [query, key, value, pastKey, pastValue, lengths, total].map((t) => formatShape(t.shape)).join(", ");
      throw new ShapeError(
        `${where}: expected [N, 1, h·d], [N, 1, g·d] twice, [N, g, C, d] twice, [N] and [] of ${h} and ${g} heads, got ${got}`,
      );
    }
    return [query, pastKey, pastValue].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  gradient: { none: "it writes texts, and is only in use" },
  cost: (node) => {
    const heads = (node.attributes["num_heads"] as number) / (node.attributes["kv_num_heads"] as number);
    return { flops: 4 * heads * elementCount((node.inputs[3] as Tensor).shape), bytes: bytesMoved(node) };
  },
  batch: { unroll: "each example has a number of tokens of its own" },
  lower: ({ inputs: [query, key, value, pastKey, pastValue, lengths], attributes, target }) => {
    if (hasGroupQueryAttention(target) && query.dtype === "float32") return undefined;
    const { num_heads: h, kv_num_heads: g, scale } = attributes;
    const [n, , room, d] = pastKey.shape as [Dim, number, Dim, number];
    const positions = positionsIn(room); // [C]
    const at = lengths.reshape([n, 1, 1, 1]);
    const isNew = positions.unsqueeze(1).equal(at); // [N, 1, C, 1]
    const written = (past: Tensor, x: Tensor): Tensor => where(isNew, x.reshape([n, g, 1, d]), past);
    const [presentKey, presentValue] = [written(pastKey, key), written(pastValue, value)];
    const queries = query.reshape([n, g, h / g, d]).mul(scale === 0 ? 1 / Math.sqrt(d) : scale);
    const unseen = positions
      .greater(at)
      .cast(query.dtype)
      .mul(query.dtype === "float16" ? -3e4 : -1e9); // [N, 1, 1, C]
    const weights = queries.matMul(presentKey.swapAxes(-1, -2)).add(unseen).softmax(-1); // [N, g, h/g, C]
    return [weights.matMul(presentValue).reshape([n, 1, h * d]), presentKey, presentValue];
  },
};

/** 0, 1, 2, … as int32, which a GPU reads. */
const positionsIn = (room: Dim): Tensor =>
  typeof room === "number"
    ? constant(
        fromNumbers(
          "int32",
          [room],
          Array.from({ length: room }, (_, i) => i),
        ),
      )
    : arange(room).cast("int32");

/** Devices whose kernel for it is used. */
export const hasGroupQueryAttention = (target: string): boolean => target === "cpu";

/** Entries of the op table: the engine's attention with a cache. */
export const attention = [GroupQueryAttention] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Inputs of attention with a cache: queries, new and past keys and values, and lengths. */
export interface GroupQueryInputs {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly pastKey: Tensor;
  readonly pastValue: Tensor;
  readonly lengths: Tensor;
  readonly total: Tensor;
}

/** The attention output, and keys and values with the new token's. Shapes as at `GroupQueryAttention`. */
export const groupQueryAttention = (
  { query, key, value, pastKey, pastValue, lengths, total }: GroupQueryInputs,
  { heads, groups, scale = 0 }: { readonly heads: number; readonly groups: number; readonly scale?: number },
): readonly Tensor[] =>
  emit(GroupQueryAttention, [query, key, value, pastKey, pastValue, lengths, total], {
    num_heads: heads,
    kv_num_heads: groups,
    scale,
  });
