/**
 * @module Forward mode: the derivative along a direction, as a vector-Jacobian product of a vector-Jacobian product.
 */
import { formatShape, sameShape, Tensor } from "../graph/index.js";
import { zerosLike } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";
import { vjpOf } from "./grad.js";

/**
 * Σ ∂y/∂xᵢ · dxᵢ: how y changes when each x moves along its dx.
 *
 * u ↦ Σ u·∂y/∂x is linear in u, and its own transpose is what is asked for (J. Townsend 2017, "A new trick for calculating
 * Jacobian vector products"). Shapes: each dx as its x; the result as y. Errors: ShapeError where a direction does not fit.
 *
 * @example
 * import { jvp, tensor } from "descentjs";
 * const x = tensor([1, 2, 3]);
 * console.log(await jvp(x.square(), x, tensor([1, 0, 0.5])).data()); // Float32Array(3) [ 2, 0, 3 ]
 */
export function jvp(y: Tensor, x: Tensor, dx: Tensor): Tensor;
export function jvp(y: Tensor, xs: readonly Tensor[], dxs: readonly Tensor[]): Tensor;
export function jvp(y: Tensor, xs: Tensor | readonly Tensor[], dxs: Tensor | readonly Tensor[]): Tensor {
  const points = xs instanceof Tensor ? [xs] : xs;
  const directions = dxs instanceof Tensor ? [dxs] : dxs;
  points.forEach((x, i) => {
    const dx = directions[i];
    if (dx === undefined || !sameShape(dx.shape, x.shape)) {
      throw new ShapeError(`jvp: expected a direction ${formatShape(x.shape)}, got ${dx ? formatShape(dx.shape) : "none"}`);
    }
  });
  const u = zerosLike(y);
  return vjpOf(vjpOf([y], [u], points), directions, [u])[0] as Tensor;
}
