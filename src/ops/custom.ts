/**
 * @module Custom gradients: an op whose forward is any graph and whose gradient is a given rule.
 */
import type { CustomRule, Tensor } from "../graph/index.js";
import type { Op } from "./op.js";
import { emitOne, moves } from "./op.js";

/** Its first input, with the gradient of `rule` in place of the first input's own: dy goes to the other inputs as the rule says. */
export const CustomGradient: Op<{ rule: CustomRule }, readonly Tensor[]> = {
  name: "CustomGradient",
  domain: "descent",
  attributes: { rule: "rule" },
  infer: ([y]) => [y as Tensor],
  gradient: ({ inputs, y, dy, attributes: { rule } }) => [null, ...rule(dy, y, inputs.slice(1))],
  cost: moves,
  batch: { unroll: "a rule given by hand is written for one example" },
  lower: ({ inputs }) => [inputs[0] as Tensor],
};

/** Entries of the op table: gradients of one's own. */
export const custom = [CustomGradient] as const;

/**
 * A function with a gradient of your own: `forward(xs)` makes the value, `backward(dy, y, xs)` gives one gradient per
 * input (null for none), each of that input's shape or of one that it broadcasts to.
 *
 * @example
 * import { customGradient, grad, tensor } from "descentjs";
 * const clippedLog = customGradient(([t]) => t!.log(), (dy, _y, [t]) => [dy.mul(t!.reciprocal().min(10))]);
 * const t = tensor([0.01, 2]);
 * console.log(await grad(clippedLog(t).sum(), t).data()); // Float32Array(2) [ 10, 0.5 ]
 */
export function customGradient(
  forward: (xs: readonly Tensor[]) => Tensor,
  backward: CustomRule,
): (...xs: readonly Tensor[]) => Tensor {
  return (...xs) => emitOne(CustomGradient, [forward(xs), ...xs], { rule: backward });
}

/**
 * f on the way forward, the identity on the way back (Bengio et al. 2013, arXiv:1308.3432): `straightThrough((x) => x.round())`. f keeps the shape of
 * its argument.
 */
export const straightThrough = (f: (x: Tensor) => Tensor): ((...xs: readonly Tensor[]) => Tensor) =>
  customGradient(
    (xs) => f(xs[0] as Tensor),
    (dy) => [dy],
  );
