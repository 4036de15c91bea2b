/**
 * @module Mathematical functions, element by element: exponential, logarithm, trigonometric, hyperbolic, erf.
 */
import { unary } from "./elementwise-op.js";

/** y = eˣ. */
export const Exp = unary("Exp", { dx: ({ y, dy }) => dy.mul(y), flops: 8 });
/** y = the natural logarithm of x. */
export const Log = unary("Log", { dx: ({ x, dy }) => dy.div(x), flops: 8 });
/** y = sin x, x in radians. */
export const Sin = unary("Sin", { dx: ({ x, dy }) => dy.mul(x.cos()), flops: 8 });
/** y = cos x, x in radians. */
export const Cos = unary("Cos", { dx: ({ x, dy }) => dy.mul(x.sin()).neg(), flops: 8 });
/** tan′ = 1 + tan². */
export const Tan = unary("Tan", { dx: ({ y, dy }) => dy.mul(y.square().add(1)), flops: 8 });
/** y = arcsin x, in radians. */
export const Asin = unary("Asin", { dx: ({ x, dy }) => dy.div(x.square().neg().add(1).sqrt()), flops: 8 });
/** y = arccos x, in radians. */
export const Acos = unary("Acos", { dx: ({ x, dy }) => dy.div(x.square().neg().add(1).sqrt()).neg(), flops: 8 });
/** y = arctan x, in radians. */
export const Atan = unary("Atan", { dx: ({ x, dy }) => dy.div(x.square().add(1)), flops: 8 });
/** y = sinh x. */
export const Sinh = unary("Sinh", { dx: ({ x, dy }) => dy.mul(x.cosh()), flops: 8 });
/** y = cosh x. */
export const Cosh = unary("Cosh", { dx: ({ x, dy }) => dy.mul(x.sinh()), flops: 8 });
/** y = the inverse of sinh. */
export const Asinh = unary("Asinh", { dx: ({ x, dy }) => dy.div(x.square().add(1).sqrt()), flops: 8 });
/** y = the inverse of cosh. */
export const Acosh = unary("Acosh", { dx: ({ x, dy }) => dy.div(x.square().sub(1).sqrt()), flops: 8 });
/** y = the inverse of tanh. */
export const Atanh = unary("Atanh", { dx: ({ x, dy }) => dy.div(x.square().neg().add(1)), flops: 8 });
/** erf′(x) = 2/√π · exp(−x²). */
export const Erf = unary("Erf", {
  dx: ({ x, dy }) =>
    dy.mul(
      x
        .square()
        .neg()
        .exp()
        .mul(2 / Math.sqrt(Math.PI)),
    ),
  flops: 16,
});

/** The table's mathematical functions. */
export const mathFunctions = [Exp, Log, Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Asinh, Acosh, Atanh, Erf] as const;
