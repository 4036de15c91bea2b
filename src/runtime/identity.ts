/**
 * @module The smallest model, a copy: to try a device out, and to read values back from one.
 */
import type { DType } from "../graph/index.js";
import { Graph, input, symbol } from "../graph/index.js";
import { exportGraph } from "../onnx/index.js";
import { emitOne, Identity } from "../ops/index.js";

/** A model with input `x` of any shape of that rank, and output `y` = x. */
export function identityModel(dtype: DType, rank: number): Uint8Array {
  const shape = Array.from({ length: rank }, (_, i) => symbol(`d${i}`));
  return exportGraph(new Graph({ y: emitOne(Identity, [input("x", shape, dtype)], {}) }));
}
