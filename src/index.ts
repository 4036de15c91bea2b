/**
 * @module Descent: train, fine-tune, explain and compress neural networks. This entry is for exploring: tensors,
 * gradients, and their numbers; the layers below have entries of their own (`descentjs/nn`, `descentjs/train`, …).
 */
import type { NestedNumbers, TensorData, TypedArray } from "./graph/index.js";
import { Tensor } from "./graph/index.js";
import type { CompileOptions } from "./runtime/index.js";
import { evaluate } from "./runtime/index.js";

export * from "./graph/index.js";
export * from "./ops/index.js";
export * from "./autodiff/index.js";
export { compile, evaluate } from "./runtime/index.js";
export { ConfigError, DataError, DescentError, DTypeError } from "./util/errors.js";
export { NoGradientError, SessionError, ShapeError, UnsupportedOpError } from "./util/errors.js";
export type { NestedNumbers };

declare module "./graph/tensor.js" {
  interface Tensor {
    /** Computes the tensor and gives its numbers, row-major: compiled once, run by the engine. */
    data(feeds?: Readonly<Record<string, TensorData>>, options?: CompileOptions): Promise<TypedArray>;
  }
}
Tensor.prototype.data = async function (feeds, options) {
  return (await evaluate({ value: this }, feeds, options)).value.data;
};
