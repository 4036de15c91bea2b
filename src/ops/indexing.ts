/**
 * @module Ops that pick and place by index: gather, scatter, one-hot, the place of an extreme, running sums. Indices are
 * int32 or int64 and may count from the end; only data has gradients.
 */
import type { Dim, DType, Shape } from "../graph/index.js";
import {
  constant,
  dimAdd,
  dimEquals,
  dimSub,
  formatShape,
  fromNumbers,
  isFloat,
  isStatic,
  normalizeAxis,
  sameShape,
  sizeOf,
  staticDim,
  staticShape,
  stridesOf,
  Tensor,
} from "../graph/index.js";
import { NoGradientError, ShapeError } from "../util/errors.js";
import type { Op, Target } from "./op.js";
import { bytesMoved, elementCount, emit, emitOne, expectDType, expectSameDType, moves, perElement } from "./op.js";

type One = readonly [Tensor];
type Two = readonly [Tensor, Tensor];
type Three = readonly [Tensor, Tensor, Tensor];

const INDEX: readonly DType[] = ["int32", "int64"];
const INT64: readonly DType[] = ["int64"];
const isNumeric = (d: DType): boolean => d !== "bool" && d !== "string";
const range = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
const zeros = (shape: Shape, dtype: DType): Tensor => constant(0, dtype).expand(shape);

/** 0, 1, …, n − 1 as a constant. */
const iota = (n: number, dtype: DType): Tensor => constant(fromNumbers(dtype, [n], range(0, n)));

/** Indices that count from the end, counted from the start instead. */
const fromStart = (indices: Tensor, length: number): Tensor => indices.add(indices.less(0).cast(indices.dtype).mul(length));

/** Every input with the mapped axis in front: those without one are repeated. */
const allMapped = <I extends readonly Tensor[]>(c: { inputs: I; mapped: readonly boolean[]; size: Dim }): I =>
  c.inputs.map((t, i) => (c.mapped[i] ? t : t.expand([c.size, ...t.shape]))) as unknown as I;

/** Axes in order, with one of them taken to another place. */
const moved = (rank: number, from: readonly number[], to: number): number[] => {
  const rest = range(0, rank).filter((axis) => !from.includes(axis));
  return [...rest.slice(0, to), ...from, ...rest.slice(to)];
};

// --- whole slices -----------------------------------------------------------------------------------------------------

/** y[a.., i.., b..] = x[a.., indices[i..], b..]: slices of x along `axis`, as a table of embeddings is read. */
export const Gather: Op<{ axis: number }, Two> = {
  name: "Gather",
  domain: "",
  attributes: { axis: "int" },
  infer: ([x, indices], { axis }, where) => {
    expectDType(where, indices.dtype, INDEX, "int32 or int64 indices");
    const along = normalizeAxis(axis, x.rank, where);
    return [{ shape: [...x.shape.slice(0, along), ...indices.shape, ...x.shape.slice(along + 1)], dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, indices], dy, attributes: { axis } }) => {
    const along = normalizeAxis(axis, x.rank, "Gather");
    const depth = staticDim(x.shape[along], "gradient of Gather");
    // The axes of the indices to the front, summed into slices there, and the slices' axis back to its place.
    const picked = range(along, along + indices.rank);
    const sums = emitOne(EmbeddingGradient, [dy.transpose(moved(dy.rank, picked, 0)), indices], { depth });
    return [sums.transpose(moved(x.rank, [0], along)), null];
  },
  cost: moves,
  batch: ({ inputs: [x, indices], mapped, ranks, size, attributes: { axis } }) => {
    const along = normalizeAxis(axis, ranks[0] as number, "Gather");
    if (!mapped[1]) return [emitOne(Gather, [x, indices], { axis: along + 1 })];
    if (!mapped[0]) return [bringForward(emitOne(Gather, [x, indices], { axis: along }), along)];
    // One table with all examples' slices, and indices that point into the example's own part.
    const depth = staticDim(x.shape[along + 1], "vmap of Gather");
    const rest = x.shape.filter((_, i) => i !== 0 && i !== along + 1);
    const table = x.transpose(moved(x.rank, [0, along + 1], 0)).reshape([staticDim(size, "vmap of Gather") * depth, ...rest]);
    const y = emitOne(Gather, [table, intoParts(indices, depth)], { axis: 0 });
    // [N, i.., a.., b..] → [N, a.., i.., b..]
    return [y.transpose(moved(y.rank, range(1, indices.rank), along + 1))];
  },
};

/** Moves an axis to the front. */
const bringForward = (x: Tensor, axis: number): Tensor => x.transpose(moved(x.rank, [axis], 0));

/** Per-example indices into parts of length `depth` as indices into all parts one after another. */
function intoParts(indices: Tensor, depth: number): Tensor {
  const size = staticDim(indices.shape[0], "vmap of an index");
  const start = iota(size, indices.dtype).mul(depth);
  return fromStart(indices, depth).add(start.reshape([size, ...range(1, indices.rank).map(() => 1)]));
}

/**
 * dx[v] = Σ dy[i] over all i with indices[i] = v: the gradient of reading slices by index, and the sum of repeated ones.
 *
 * Shapes: dy [I.., D..], indices [I..] → dx [depth, D..].
 */
export const EmbeddingGradient: Op<{ depth: number }, Two> = {
  name: "EmbeddingGradient",
  domain: "descent",
  attributes: { depth: "int" },
  infer: ([dy, indices], { depth }, where) => {
    expectDType(where, indices.dtype, INDEX, "int32 or int64 indices");
    if (!sameShape(dy.shape.slice(0, indices.rank), indices.shape)) {
      throw new ShapeError(
        `${where}: expected a gradient whose first axes are ${formatShape(indices.shape)}, got ${formatShape(dy.shape)}`,
      );
    }
    return [{ shape: [depth, ...dy.shape.slice(indices.rank)], dtype: dy.dtype }];
  },
  gradient: ({ inputs: [, indices], dy }) => [emitOne(Gather, [dy, indices], { axis: 0 }), null],
  cost: (node) => ({ flops: elementCount((node.inputs[0] as Tensor).shape), bytes: bytesMoved(node) }),
  batch: ({ inputs: [dy, indices], mapped, ranks, size, attributes: { depth } }) => {
    if (!mapped[1]) {
      const sums = emitOne(EmbeddingGradient, [dy.transpose(moved(dy.rank, [0], ranks[1] as number)), indices], { depth });
      return [sums.swapAxes(0, 1)];
    }
    const all = mapped[0] ? dy : dy.expand([size, ...dy.shape]);
    const count = staticDim(size, "vmap of EmbeddingGradient");
    const sums = emitOne(EmbeddingGradient, [all, intoParts(indices, depth)], { depth: count * depth });
    return [sums.reshape([count, depth, ...sums.shape.slice(1)])];
  },
  lower: ({ inputs: [dy, indices], attributes: { depth }, target }) => {
    const tail = dy.shape.slice(indices.rank);
    const width = staticShape(tail, "EmbeddingGradient").reduce((a, b) => a * b, 1);
    const rows = dy.reshape([-1, width]);
    const flat = indices.reshape([-1]);
    const dx =
      isFloat(dy.dtype) && depth <= oneHotLimit(target)
        ? oneHotRows(flat, depth, dy.dtype).matMul(rows)
        : emitOne(ScatterElements, [zeros([depth, width], dy.dtype), flat.unsqueeze(1).expand(rows.shape), rows], {
            axis: 0,
            reduction: "add",
          });
    return [dx.reshape([depth, ...tail])];
  },
};

/**
 * Table lengths up to which a product with a one-hot matrix is faster than a scatter. Measured on 2 cores for 768 indices into
 * 65 × 128: 0.5 against 0.7 ms; for 2,048 into 21k × 256 it is 313 against 14.
 */
const oneHotLimit = (target: Target): number => (target === "webgpu" || target === "cuda" ? 512 : 256);

/** [depth, n] with 1 at [indices[i], i]. */
const oneHotRows = (indices: Tensor, depth: number, dtype: DType): Tensor => oneHot(indices, depth, { axis: 0, dtype });

// --- single elements --------------------------------------------------------------------------------------------------

/** y[.., i, ..] = x[.., indices[.., i, ..], ..]: one element along `axis` for each place of `indices`. */
export const GatherElements: Op<{ axis: number }, Two> = {
  name: "GatherElements",
  domain: "",
  attributes: { axis: "int" },
  infer: ([x, indices], { axis }, where) => {
    expectDType(where, indices.dtype, INDEX, "int32 or int64 indices");
    expectElementwise(x, indices, normalizeAxis(axis, x.rank, where), where);
    return [{ shape: indices.shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, indices], dy, attributes: { axis } }) => [
    emitOne(ScatterElements, [zeros(x.shape, dy.dtype), indices, dy], { axis, reduction: "add" }),
    null,
  ],
  cost: moves,
  batch: (c) => [
    emitOne(GatherElements, allMapped(c), {
      axis: normalizeAxis(c.attributes.axis, c.ranks[0] as number, "GatherElements") + 1,
    }),
  ],
};

function expectElementwise(x: Tensor, indices: Tensor, axis: number, where: string): void {
  const fits = x.shape.every((d, i) => {
    const index = indices.shape[i];
    return i === axis || (typeof d === "number" && typeof index === "number" ? index <= d : dimEquals(d, index as Dim));
  });
  if (indices.rank !== x.rank || !fits) {
    throw new ShapeError(
      `${where}: expected indices that fit ${formatShape(x.shape)} but for axis ${axis}, got ${formatShape(indices.shape)}`,
    );
  }
}

export type ScatterReduction = "none" | "add" | "mul" | "max" | "min";

/** The gradient of a scatter: dy passes to the data where nothing was written (everywhere, for add), and is read at what was written. */
function refuseReduction(name: string, reduction: ScatterReduction): void {
  if (reduction === "none" || reduction === "add") return;
  throw new NoGradientError(
    `${name}: has no gradient for reduction "${reduction}", since it is defined for "none" and "add" only; use stopGradient before it`,
  );
}

/** x with updates[i] written (or added) at [.., indices[i], ..]; without a reduction indices must not repeat. */
export const ScatterElements: Op<{ axis: number; reduction: ScatterReduction }, Three> = {
  name: "ScatterElements",
  domain: "",
  attributes: { axis: "int", reduction: "string" },
  infer: ([x, indices, updates], { axis }, where) => {
    expectDType(where, indices.dtype, INDEX, "int32 or int64 indices");
    expectSameDType(where, x, updates);
    expectElementwise(x, indices, normalizeAxis(axis, x.rank, where), where);
    if (!sameShape(indices.shape, updates.shape)) {
      throw new ShapeError(`${where}: expected updates ${formatShape(indices.shape)}, got ${formatShape(updates.shape)}`);
    }
    return [x];
  },
  gradient: ({ inputs: [, indices, updates], dy, attributes: { axis, reduction }, needs }) => {
    refuseReduction("ScatterElements", reduction);
    const kept =
      reduction === "add"
        ? dy
        : emitOne(ScatterElements, [dy, indices, zeros(updates.shape, dy.dtype)], { axis, reduction: "none" });
    return [needs[0] ? kept : null, null, needs[2] ? emitOne(GatherElements, [dy, indices], { axis }) : null];
  },
  cost: moves,
  batch: (c) => [
    emitOne(ScatterElements, allMapped(c), {
      axis: normalizeAxis(c.attributes.axis, c.ranks[0] as number, "ScatterElements") + 1,
      reduction: c.attributes.reduction,
    }),
  ],
};

/** y[b.., i..] = x[b.., indices[b.., i.., :], ..]: the last axis of the indices is a position in x. */
export const GatherND: Op<{ batch_dims: number }, Two> = {
  name: "GatherND",
  domain: "",
  attributes: { batch_dims: "int" },
  infer: ([x, indices], { batch_dims: batch }, where) => {
    expectDType(where, indices.dtype, INT64, "int64 indices");
    const depth = staticDim(indices.shape[indices.rank - 1], where);
    if (
      indices.rank < 1 + batch ||
      batch + depth > x.rank ||
      !sameShape(x.shape.slice(0, batch), indices.shape.slice(0, batch))
    ) {
      throw new ShapeError(
        `${where}: expected indices [.., k ≤ ${x.rank - batch}] whose first ${batch} axes are those of ${formatShape(x.shape)}, got ${formatShape(indices.shape)}`,
      );
    }
    return [{ shape: [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)], dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, indices], dy, attributes: { batch_dims: batch } }) => [
    emitOne(ScatterND, [zeros(x.shape, dy.dtype), withBatchPositions(indices, batch), dy], { reduction: "add" }),
    null,
  ],
  cost: moves,
  batch: (c) => [emitOne(GatherND, allMapped(c), { batch_dims: c.attributes.batch_dims + 1 })],
};

/** Positions with the numbers of the batch axes put before them: [b.., i.., k] → [b.., i.., batch + k]. */
function withBatchPositions(indices: Tensor, batch: number): Tensor {
  if (batch === 0) return indices;
  const lead = indices.shape.slice(0, -1);
  const columns = range(0, batch).map((axis) =>
    iota(staticDim(indices.shape[axis], "GatherND"), indices.dtype)
      .reshape([...lead.map((d, i) => (i === axis ? d : 1)), 1])
      .expand([...lead, 1]),
  );
  return (columns[0] as Tensor).concat([...columns.slice(1), indices], -1);
}

/** x with updates[i..] written (or added) at position indices[i.., :]; without a reduction positions must not repeat. */
export const ScatterND: Op<{ reduction: ScatterReduction }, Three> = {
  name: "ScatterND",
  domain: "",
  attributes: { reduction: "string" },
  infer: ([x, indices, updates], _attributes, where) => {
    expectDType(where, indices.dtype, INT64, "int64 indices");
    expectSameDType(where, x, updates);
    const depth = staticDim(indices.shape[indices.rank - 1], where);
    const expected = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
    if (depth > x.rank || !sameShape(expected, updates.shape)) {
      throw new ShapeError(
        `${where}: expected updates ${formatShape(expected)} for ${formatShape(x.shape)} at ${formatShape(indices.shape)}, got ${formatShape(updates.shape)}`,
      );
    }
    return [x];
  },
  gradient: ({ inputs: [, indices, updates], dy, attributes: { reduction }, needs }) => {
    refuseReduction("ScatterND", reduction);
    const kept =
      reduction === "add" ? dy : emitOne(ScatterND, [dy, indices, zeros(updates.shape, dy.dtype)], { reduction: "none" });
    return [needs[0] ? kept : null, null, needs[2] ? emitOne(GatherND, [dy, indices], { batch_dims: 0 }) : null];
  },
  cost: moves,
  batch: (c) => {
    const [x, indices, updates] = allMapped(c);
    return [emitOne(ScatterND, [x, withBatchPositions(indices, 1), updates], c.attributes)];
  },
  lower: ({ inputs: [x, indices, updates], attributes: { reduction }, target }) => {
    // The engine's CPU kernel races where positions repeat under a reduction (onnxruntime 1.30: wrong by up to 70 %).
    if (reduction === "none" || (target !== "cpu" && target !== "wasm")) return undefined;
    const depth = staticDim(indices.shape[indices.rank - 1], "ScatterND");
    const lengths = staticShape(x.shape.slice(0, depth), "ScatterND");
    const rest = staticShape(x.shape.slice(depth), "ScatterND");
    const count = sizeOf(lengths);
    // Positions as row numbers of x seen as a matrix.
    const flat = indices.reshape([-1, depth]);
    const limits = constant(fromNumbers("int64", [depth], lengths));
    const positions = flat.add(flat.less(0).cast("int64").mul(limits));
    const rows = positions.mul(constant(fromNumbers("int64", [depth], stridesOf(lengths)))).sum(1);
    if (reduction === "add") {
      const sums = emitOne(EmbeddingGradient, [updates.reshape([-1, ...rest]), rows], { depth: count });
      return [x.add(sums.reshape(x.shape))];
    }
    const values = updates.reshape([-1, sizeOf(rest)]);
    const matrix = x.reshape([count, sizeOf(rest)]);
    const at = rows.unsqueeze(1).expand(values.shape);
    return [emitOne(ScatterElements, [matrix, at, values], { axis: 0, reduction }).reshape(x.shape)];
  },
};

// --- one-hot, extremes, order -------------------------------------------------------------------------------------------

/** `values[1]` where the new axis's place is the index, else `values[0]`; an index out of range gives none. */
export const OneHot: Op<{ axis: number; depth: number }, Two> = {
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
    if (target === "onnx") return undefined;
    // The CPU's kernel knows few combinations of types, and WebGPU has none: there every place is compared.
    const kernel = target === "cpu" || target === "wasm";
    if (kernel && (values.dtype === "float32" || values.dtype === "int64")) {
      return indices.dtype === "int64" ? undefined : [emitOne(OneHot, [indices.cast("int64"), values], { axis, depth })];
    }
    const at = normalizeAxis(axis, indices.rank, "OneHot", true);
    const small = indices.cast("int32");
    const places = iota(depth, "int32").reshape([depth, ...range(at, indices.rank).map(() => 1)]);
    const hit = fromStart(small, depth).unsqueeze(at).equal(places);
    const [off, on] = [0, 1].map((i) => values.slice(0, i, i + 1).reshape([])) as [Tensor, Tensor];
    return [hit.where(on, off)];
  },
};

interface ArgAttributes {
  readonly [name: string]: number | boolean;
  readonly axis: number;
  readonly keepdims: boolean;
  readonly select_last_index: boolean;
}

function argExtreme(name: string): Op<ArgAttributes, One> {
  const op: Op<ArgAttributes, One> = {
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

/** Where the largest element along `axis` is: the first of several, or the last on request. */
export const ArgMax = argExtreme("ArgMax");
export const ArgMin = argExtreme("ArgMin");

interface TopKAttributes {
  readonly [name: string]: number | boolean | readonly number[];
  readonly axis: number;
  /** One number, in a list as ONNX wants it. */
  readonly k: readonly number[];
  readonly largest: boolean;
  readonly sorted: boolean;
}

/** The k largest (or smallest) elements along `axis`, and where they are; of equal ones the lower index comes first. */
export const TopK: Op<TopKAttributes, One> = {
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

interface CumSumAttributes {
  readonly [name: string]: number | boolean;
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** Running sums along `axis`: `exclusive` leaves the element itself out, `reverse` runs from the end. Its gradient runs the other way. */
export const CumSum: Op<CumSumAttributes, One> = {
  name: "CumSum",
  domain: "",
  attributes: { axis: "int", exclusive: "bool", reverse: "bool" },
  attributeInputs: { axis: { slot: 1, scalar: true } },
  infer: ([x], { axis }, where) => {
    expectDType(where, x.dtype, isNumeric, "numbers");
    normalizeAxis(axis, x.rank, where);
    return [x];
  },
  gradient: ({ dy, attributes }) => [emitOne(CumSum, [dy], { ...attributes, reverse: !attributes.reverse })],
  cost: perElement(1),
  batch: ({ inputs: [x], ranks, attributes }) => [
    emitOne(CumSum, [x], { ...attributes, axis: normalizeAxis(attributes.axis, ranks[0] as number, "CumSum") + 1 }),
  ],
};

/** start, start + 1, … below `limit` (a dimension, which may be free) as int64. */
export const Range: Op<{ start: number; limit: readonly Dim[] }, readonly []> = {
  name: "Range",
  domain: "descent",
  attributes: { start: "int", limit: "shape" },
  infer: (_inputs, { start, limit }) => [{ shape: [dimSub(limit[0] as Dim, start)], dtype: "int64" }],
  gradient: { none: "it has no inputs" },
  cost: moves,
  batch: { unroll: "it has no inputs that could be mapped" },
  lower: ({ attributes: { start, limit } }) => {
    const length = dimSub(limit[0] as Dim, start);
    if (isStatic([length])) return [constant(fromNumbers("int64", [length as number], range(start, start + (length as number))))];
    const counted = emitOne(CumSum, [constant(1, "int64").expand([length])], { axis: 0, exclusive: true, reverse: false });
    return [start === 0 ? counted : counted.add(start)];
  },
};

export const indexing = [
  Gather,
  EmbeddingGradient,
  GatherElements,
  ScatterElements,
  GatherND,
  ScatterND,
  OneHot,
  ArgMax,
  ArgMin,
  TopK,
  CumSum,
  Range,
] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Slices of x along an axis, by number: `gather(weight, tokens)` reads embeddings. */
export const gather = (x: Tensor, indices: Tensor, axis = 0): Tensor => emitOne(Gather, [x, indices], { axis });
/** One element of x along an axis for each place of `indices`, which has x's rank. */
export const gatherElements = (x: Tensor, indices: Tensor, axis = 0): Tensor => emitOne(GatherElements, [x, indices], { axis });
export const gatherND = (x: Tensor, indices: Tensor, batchDims = 0): Tensor =>
  emitOne(GatherND, [x, indices.cast("int64")], { batch_dims: batchDims });
export const scatterElements = (
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  options: { axis?: number; reduction?: ScatterReduction } = {},
): Tensor => emitOne(ScatterElements, [x, indices, updates], { axis: 0, reduction: "none", ...options });
export const scatterND = (x: Tensor, indices: Tensor, updates: Tensor, reduction: ScatterReduction = "none"): Tensor =>
  emitOne(ScatterND, [x, indices.cast("int64"), updates], { reduction });

/** 1 where the new axis's place is the index, else 0 (or `on` and `off`): [N] → [N, depth]. */
export function oneHot(
  indices: Tensor,
  depth: number,
  options: { axis?: number; dtype?: DType; on?: number; off?: number } = {},
): Tensor {
  const { axis = -1, dtype = "float32", on = 1, off = 0 } = options;
  return emitOne(OneHot, [indices, constant(fromNumbers(dtype, [2], [off, on]))], { axis, depth });
}

export const argMax = (x: Tensor, axis = -1, keepdims = false): Tensor =>
  emitOne(ArgMax, [x], { axis: normalizeAxis(axis, x.rank, "ArgMax"), keepdims, select_last_index: false });
export const argMin = (x: Tensor, axis = -1, keepdims = false): Tensor =>
  emitOne(ArgMin, [x], { axis: normalizeAxis(axis, x.rank, "ArgMin"), keepdims, select_last_index: false });

/** The k largest elements along an axis, in descending order, and their places. */
export function topK(
  x: Tensor,
  k: number,
  options: { axis?: number; largest?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  const { axis = -1, largest = true } = options;
  const [values, indices] = emit(TopK, [x], { axis: normalizeAxis(axis, x.rank, "TopK"), k: [k], largest, sorted: true });
  return { values: values as Tensor, indices: indices as Tensor };
}

export const cumSum = (x: Tensor, axis = -1, options: { exclusive?: boolean; reverse?: boolean } = {}): Tensor =>
  emitOne(CumSum, [x], { axis: normalizeAxis(axis, x.rank, "CumSum"), exclusive: false, reverse: false, ...options });

/** start, …, start + length − 1 as int64; the length may be free. */
export const arange = (length: Dim, start = 0): Tensor => emitOne(Range, [], { start, limit: [dimAdd(length, start)] });

declare module "../graph/tensor.js" {
  interface Tensor {
    /** Slices along an axis, by number. */
    gather(indices: Tensor, axis?: number): Tensor;
    /** One element along an axis for each place of `indices`. */
    gatherElements(indices: Tensor, axis?: number): Tensor;
    /** A copy with `updates` put, or added, at the places of `indices` along an axis. */
    scatterElements(indices: Tensor, updates: Tensor, options?: { axis?: number; reduction?: ScatterReduction }): Tensor;
    argMax(axis?: number, keepdims?: boolean): Tensor;
    argMin(axis?: number, keepdims?: boolean): Tensor;
    cumSum(axis?: number, options?: { exclusive?: boolean; reverse?: boolean }): Tensor;
    /** Indices as rows of zeros with a one. */
    oneHot(depth: number, options?: { axis?: number; dtype?: DType; on?: number; off?: number }): Tensor;
  }
}
Tensor.prototype.gather = function (indices, axis) {
  return gather(this, indices, axis);
};
Tensor.prototype.gatherElements = function (indices, axis) {
  return gatherElements(this, indices, axis);
};
Tensor.prototype.scatterElements = function (indices, updates, options) {
  return scatterElements(this, indices, updates, options);
};
Tensor.prototype.argMax = function (axis, keepdims) {
  return argMax(this, axis, keepdims);
};
Tensor.prototype.argMin = function (axis, keepdims) {
  return argMin(this, axis, keepdims);
};
Tensor.prototype.cumSum = function (axis, options) {
  return cumSum(this, axis, options);
};
Tensor.prototype.oneHot = function (depth, options) {
  return oneHot(this, depth, options);
};
