/**
 * @module One-hot encoding of indices.
 */
import type { DType, Tensor } from "../graph/index.js";
import { constant, formatShape, fromNumbers, normalizeAxis, sameShape } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { range } from "../util/range.js";
import { isNumeric } from "./elementwise-op.js";
import { fromStart, iota } from "./indices.js";
import type { Op } from "./op.js";
import { emitOne, expectDType, moves } from "./op.js";

/** `values[1]` where the new axis's position is the index, else `values[0]`; an index out of range gives none. */
export const OneHot: Op<{ axis: number; depth: number }, readonly [Tensor, Tensor]> = {
  name: "OneHot",
  domain: "",
  attributes: { axis: "int", depth: "int" },
  attributeInputs: { depth: { slot: 1, scalar: true } },
  infer: ([indices, values], { axis, depth }, where) => {
    expectDType(where, indices.dtype, isNumeric, "numbers as indices");
    if (!sameShape(values.shape, [2])) throw new ShapeError(`${where}: expected values [2], got ${formatShape(values.shape)}`);
    const at = normalizeAxis(axis, indices.rank, where, true);
    return [{ shape: [...indices.shape.slice(0, at), depth, ...indices.shape.slice(at)], dtype: values.dtype }];
  },
  gradient: ({ inputs: [indices], dy, attributes }) => {
    const hot = emitOne(OneHot, [indices, constant(fromNumbers(dy.dtype, [2], [0, 1]))], attributes);
    const on = dy.mul(hot).sum().reshape([1]);
    return [null, dy.sum().reshape([1]).sub(on).concat([on], 0)];
  },
  cost: moves,
  batch: ({ inputs: [indices, values], mapped, ranks, attributes: { axis, depth } }) => {
    const at = normalizeAxis(axis, ranks[0] as number, "OneHot", true) + (mapped[0] ? 1 : 0);
    if (!mapped[1]) return [emitOne(OneHot, [indices, values], { axis: at, depth })];
    const hot = emitOne(OneHot, [indices, constant(fromNumbers("bool", [2], [0, 1]))], { axis: at, depth });
    const tail = range(0, (ranks[0] as number) + 1).map(() => 1);
    const [off, on] = [0, 1].map((i) => values.slice(1, i, i + 1).reshape([-1, ...tail])) as [Tensor, Tensor];
    return [(mapped[0] ? hot : hot.unsqueeze(0)).where(on, off)];
  },
  lower: ({ inputs: [indices, values], attributes: { axis, depth }, target }) => {
    // ONNX wants at least one axis of indices.
    if (indices.rank === 0) return [emitOne(OneHot, [indices.unsqueeze(0), values], { axis: -1, depth }).squeeze(0)];
    // The CPU's kernel, which files run on as well, knows few combinations of types, and WebGPU has none: there every position is compared.
    const kernel = target === "cpu" || target === "wasm" || target === "onnx";
    if (kernel && (values.dtype === "float32" || values.dtype === "int64")) {
      return indices.dtype === "int64" ? undefined : [emitOne(OneHot, [indices.cast("int64"), values], { axis, depth })];
    }
    if (target === "onnx") return undefined;
    const at = normalizeAxis(axis, indices.rank, "OneHot", true);
    const small = indices.cast("int32");
    const positions = iota(depth, "int32").reshape([depth, ...range(at, indices.rank).map(() => 1)]);
    const hit = fromStart(small, depth).unsqueeze(at).equal(positions);
    const [off, on] = [0, 1].map((i) => values.slice(0, i, i + 1).reshape([])) as [Tensor, Tensor];
    return [hit.where(on, off)];
  },
};

/** 1 where the new axis's position is the index, else 0 (or `on` and `off`): [N] → [N, depth]. */
export function oneHot(
  indices: Tensor,
  depth: number,
  options: { axis?: number; dtype?: DType; on?: number; off?: number } = {},
): Tensor {
  const { axis = -1, dtype = "float32", on = 1, off = 0 } = options;
  return emitOne(OneHot, [indices, constant(fromNumbers(dtype, [2], [off, on]))], { axis, depth });
}
