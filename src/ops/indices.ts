/**
 * @module Common parts of ops on indices: element types, counting from the end, and positions under a mapped axis.
 */
import type { Dim, DType, Tensor } from "../graph/index.js";
import { constant, fromNumbers } from "../graph/index.js";
import { range } from "../util/range.js";

export const INDEX: readonly DType[] = ["int32", "int64"];

/** 0, 1, …, n − 1 as a constant. */
export const iota = (n: number, dtype: DType): Tensor => constant(fromNumbers(dtype, [n], range(0, n)));

/** Indices that count from the end, counted from the start instead. */
export const fromStart = (indices: Tensor, length: number): Tensor =>
  indices.add(indices.less(0).cast(indices.dtype).mul(length));

/** Every input with the mapped axis in front: those without one are repeated. */
export const allMapped = <I extends readonly Tensor[]>(c: { inputs: I; mapped: readonly boolean[]; size: Dim }): I =>
  // As many tensors as there were, which the type of `map` does not say.
  c.inputs.map((t, i) => (c.mapped[i] ? t : t.expand([c.size, ...t.shape]))) as readonly Tensor[] as I;
