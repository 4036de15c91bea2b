/**
 * @module The largest or smallest elements along an axis, and their indices: ArgMax, ArgMin, TopK.
 */
import type { Dim } from "../graph/index.js";
import { formatShape, normalizeAxis, type Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { isNumeric, type Unary } from "./elementwise-op.js";
import { ScatterElements } from "./gather-elements.js";
import type { Op } from "./op.js";
import { bytesMoved, elementCount, emit, emitOne, expectDType } from "./op.js";
import { zeros } from "./reshape.js";

/** Attributes of ArgMax and ArgMin. */
export interface ArgAttributes {
  readonly [name: string]: number | boolean;
  readonly axis: number;
  readonly keepdims: boolean;
  readonly select_last_index: boolean;
}

function argExtreme(name: string): Op<ArgAttributes, Unary> {
  const op: Op<ArgAttributes, Unary> = {
    name,
    domain: "",
    attributes: { axis: "int", keepdims: "bool", select_last_index: "bool" },
    infer: ([x], { axis, keepdims }, where) => {
      expectDType(where, x.dtype, isNumeric, "numbers");
      const along = normalizeAxis(axis, x.rank, where);
      const kept = x.shape.map((d, i) => (i === along ? 1 : d));
      return [{ shape: keepdims ? kept : kept.filter((_, i) => i !== along), dtype: "int64" }];
    },
    gradient: { none: "its result is an index" },
    cost: (node) => ({ flops: elementCount((node.inputs[0] as Tensor).shape), bytes: bytesMoved(node) }),
    batch: ({ inputs: [x], ranks, attributes }) => [
      emitOne(op, [x], { ...attributes, axis: normalizeAxis(attributes.axis, ranks[0] as number, name) + 1 }),
    ],
  };
  return op;
}

/** Index of the largest element along `axis`: the first of several equal ones, or the last on request. */
export const ArgMax = argExtreme("ArgMax");
/** Index of the smallest element along an axis. */
export const ArgMin = argExtreme("ArgMin");

/** Attributes of TopK. */
export interface TopKAttributes {
  readonly [name: string]: number | boolean | readonly number[];
  readonly axis: number;
  /** One number, in a list as ONNX wants it. */
  readonly k: readonly number[];
  readonly largest: boolean;
  readonly sorted: boolean;
}

/** The k largest (or smallest) elements along `axis`, and their indices; of equal ones the lower index comes first. */
export const TopK: Op<TopKAttributes, Unary> = {
  name: "TopK",
  domain: "",
  attributes: { axis: "int", k: "ints", largest: "bool", sorted: "bool" },
  attributeInputs: { k: { slot: 1 } },
  infer: ([x], { axis, k: [k = 0] }, where) => {
    expectDType(where, x.dtype, isNumeric, "numbers");
    const along = normalizeAxis(axis, x.rank, where);
    const length = x.shape[along] as Dim;
    if (typeof length === "number" && k > length) {
      throw new ShapeError(`${where}: expected k of at most ${length} (axis ${along} of ${formatShape(x.shape)}), got ${k}`);
    }
    const shape = x.shape.map((d, i) => (i === along ? k : d));
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: "int64" },
    ];
  },
  gradient: ({ inputs: [x], outputs, dys, attributes: { axis } }) => {
    const dy = dys[0] ?? null;
    if (dy === null) return [null];
    const none = zeros(x.shape, dy.dtype);
    return [emitOne(ScatterElements, [none, outputs[1] as Tensor, dy], { axis, reduction: "none" })];
  },
  cost: (node) => ({ flops: 4 * elementCount((node.inputs[0] as Tensor).shape), bytes: bytesMoved(node) }),
  batch: ({ inputs: [x], ranks, attributes }) =>
    emit(TopK, [x], { ...attributes, axis: normalizeAxis(attributes.axis, ranks[0] as number, "TopK") + 1 }),
};

/** Index of the largest element along an axis, int64; the first of equal ones. The axis is gone, or of length 1 with `keepdims`. [.., n, ..] → [.., ..]. */
export const argMax = (x: Tensor, axis = -1, keepdims = false): Tensor =>
  emitOne(ArgMax, [x], { axis: normalizeAxis(axis, x.rank, "ArgMax"), keepdims, select_last_index: false });
/**
 * Index of the smallest element along an axis, int64; the first of equal ones. The axis is gone, or of length 1 with `keepdims`. [.., n, ..] → [.., ..].
 */
export const argMin = (x: Tensor, axis = -1, keepdims = false): Tensor =>
  emitOne(ArgMin, [x], { axis: normalizeAxis(axis, x.rank, "ArgMin"), keepdims, select_last_index: false });

/**
 * The k largest elements along an axis, in descending order, and their indices. [.., n, ..] → [.., k, ..], indices int64. ShapeError if the axis is
 * shorter than k.
 */
export function topK(
  x: Tensor,
  k: number,
  options: { axis?: number; largest?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  const { axis = -1, largest = true } = options;
  const [values, indices] = emit(TopK, [x], { axis: normalizeAxis(axis, x.rank, "TopK"), k: [k], largest, sorted: true });
  return { values: values as Tensor, indices: indices as Tensor };
}
