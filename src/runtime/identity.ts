/**
 * @module The smallest model: a copy. It tries a device out, and brings values back from one.
 */
import type { DType } from "../graph/index.js";
import { Graph, input } from "../graph/index.js";
import { exportGraph } from "../onnx/index.js";
import { emitOne, Identity } from "../ops/index.js";

/** A model with input `x` and output `y` = x. */
export function identityModel(dtype: DType, shape: readonly number[]): Uint8Array {
  return exportGraph(new Graph({ y: emitOne(Identity, [input("x", shape, dtype)], {}) }));
}
