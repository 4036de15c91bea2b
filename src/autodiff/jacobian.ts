/**
 * @module Whole matrices of derivatives, and the Hessian's product with a vector, which needs no matrix.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers, formatShape, sameShape, sizeOf, staticShape } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { grad, vjpOf } from "./grad.js";
import { vmap } from "./vmap.js";

/**
 * ∂y/∂x of shape [y.., x..]: one backward pass per element of y, all of them batched. y must have known dimensions.
 *
 * @example
 * import { jacobian, tensor } from "descentjs";
 * const x = tensor([1, 2]);
 * console.log(await jacobian(x.square(), x).data()); // Float32Array(4) [ 2, 0, 0, 4 ]
 */
export function jacobian(y: Tensor, x: Tensor): Tensor {
  const shape = staticShape(y.shape, "jacobian");
  const size = sizeOf(shape);
  const identity = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const basis = constant(fromNumbers(y.dtype, [size, ...shape], identity));
  const rows = vmap((dy) => grad(y, x, { dy: dy }))(basis);
  return rows.reshape([...shape, ...x.shape]);
}

/**
 * ∂²y/∂x² of the scalar y, of shape [x.., x..].
 *
 * @example
 * import { hessian, tensor } from "descentjs";
 * const x = tensor([1, 2]);
 * console.log(await hessian(x.pow(3).sum(), x).data()); // Float32Array(4) [ 6, 0, 0, 12 ]
 */
export const hessian = (y: Tensor, x: Tensor): Tensor => jacobian(grad(y, x), x);

/**
 * ∂²y/∂x² · v of the scalar y, of x's shape, for the price of two gradients (Pearlmutter 1994). ShapeError if v has not the shape of x.
 *
 * @example
 * import { hessianVectorProduct, tensor } from "descentjs";
 * const x = tensor([1, 2]);
 * console.log(await hessianVectorProduct(x.pow(3).sum(), x, tensor([1, 1])).data()); // Float32Array(2) [ 6, 12 ]
 */
export function hessianVectorProduct(y: Tensor, x: Tensor, v: Tensor): Tensor {
  if (!sameShape(x.shape, v.shape))
    throw new ShapeError(`hessianVectorProduct: expected a vector ${formatShape(x.shape)}, got ${formatShape(v.shape)}`);
  return vjpOf([grad(y, x)], [v], [x])[0] as Tensor;
}
