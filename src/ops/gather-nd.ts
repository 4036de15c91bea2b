/**
 * @module Elements and slices by whole positions, read and written: GatherND, ScatterND.
 */
import type { DType } from "../graph/index.js";
import {
  constant,
  formatShape,
  fromNumbers,
  sameShape,
  sizeOf,
  staticDim,
  staticShape,
  stridesOf,
  type Tensor,
} from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { range } from "../util/range.js";
import { EmbeddingGradient } from "./gather.js";
import { reductionGradients, ScatterElements, type ScatterReduction } from "./gather-elements.js";
import { allMapped, iota } from "./indices.js";
import type { Op } from "./op.js";
import { emitOne, expectDType, expectSameDType, moves, picks } from "./op.js";
import { zeros } from "./reshape.js";

type Two = readonly [Tensor, Tensor];
type Three = readonly [Tensor, Tensor, Tensor];

const INT64: readonly DType[] = ["int64"];

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
  cost: picks,
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

/** Data and updates as matrices, and positions as numbers of the data's rows. */
function asMatrix(x: Tensor, indices: Tensor, updates: Tensor) {
  const depth = staticDim(indices.shape[indices.rank - 1], "ScatterND");
  const lengths = staticShape(x.shape.slice(0, depth), "ScatterND");
  const rest = staticShape(x.shape.slice(depth), "ScatterND");
  const flat = indices.reshape([-1, depth]);
  const limits = constant(fromNumbers("int64", [depth], lengths));
  const positions = flat.add(flat.less(0).cast("int64").mul(limits));
  const rows = positions.mul(constant(fromNumbers("int64", [depth], stridesOf(lengths)))).sum(1);
  const values = updates.reshape([-1, sizeOf(rest)]);
  const at = rows.unsqueeze(1).expand(values.shape);
  return { matrix: x.reshape([sizeOf(lengths), sizeOf(rest)]), values, at, rows, rest };
}

/** x with updates[i..] written (or added) at position indices[i.., :]; without a reduction positions must not repeat. */
export const ScatterND: Op<{ reduction: ScatterReduction }, Three> = {
  name: "ScatterND",
  domain: "",
  attributes: { reduction: "string" },
  empty: ({ inputs: [x] }) => [x],
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
  gradient: ({ inputs: [x, indices, updates], y, dy, attributes: { reduction }, needs }) => {
    if (reduction !== "none" && reduction !== "add") {
      const { matrix, values, at } = asMatrix(x, indices, updates);
      const scattered = { x: matrix, indices: at, updates: values, y: y.reshape(matrix.shape), axis: 0 };
      const [dx, dUpdates] = reductionGradients(scattered, dy.reshape(matrix.shape), reduction);
      return [needs[0] ? dx.reshape(x.shape) : null, null, needs[2] ? dUpdates.reshape(updates.shape) : null];
    }
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
    const { matrix, values, at, rows, rest } = asMatrix(x, indices, updates);
    if (reduction === "add") {
      const sums = emitOne(EmbeddingGradient, [updates.reshape([-1, ...rest]), rows], { depth: matrix.shape[0] as number });
      return [x.add(sums.reshape(x.shape))];
    }
    return [emitOne(ScatterElements, [matrix, at, values], { axis: 0, reduction }).reshape(x.shape)];
  },
};

/** Slices of x at the index vectors in the last axis of `indices`: [..., k] → [..., rest of x's shape]; the first `batchDims` axes are shared. */
export const gatherND = (x: Tensor, indices: Tensor, batchDims = 0): Tensor =>
  emitOne(GatherND, [x, indices.cast("int64")], { batch_dims: batchDims });
/**
 * x with the slices `updates` put at the index vectors in the last axis of `indices`; equal positions are combined by `reduction`. The result has the shape
 * of x.
 */
export const scatterND = (x: Tensor, indices: Tensor, updates: Tensor, reduction: ScatterReduction = "none"): Tensor =>
  emitOne(ScatterND, [x, indices.cast("int64"), updates], { reduction });
