/**
 * @module Counts of elements as factors, whether their dimensions are known or free.
 */
import { constant, type Dim, type DType } from "../graph/index.js";
import type { TensorLike } from "./op.js";

/** 1 / count; of a free dimension as a tensor that counts ones. */
export function inverseOf(count: Dim, dtype: DType): TensorLike {
  if (typeof count === "number") return 1 / count;
  return constant(1, dtype).div(constant(1, dtype).expand([count]).sum());
}
