/**
 * @module Losses of regression: squared, absolute, and between the two.
 */
import type { Tensor } from "../graph/index.js";
import { where } from "../ops/index.js";
import type { ReductionOptions } from "./loss.js";
import { defineLoss, expectAlike, reduce } from "./loss.js";

function difference(name: string, output: Tensor, target: Tensor): Tensor {
  expectAlike(name, output, target);
  return output.sub(target.cast(output.dtype));
}

/** (output − target)², on the mean over all elements. Shapes: alike → scalar. */
export const meanSquaredError = defineLoss<ReductionOptions>("meanSquaredError", (output, target, { reduction }) =>
  reduce(difference("meanSquaredError", output, target).square(), reduction),
);

/** |output − target|; its derivative at 0 is 0. Shapes: alike → scalar. */
export const l1 = defineLoss<ReductionOptions>("l1", (output, target, { reduction }) =>
  reduce(difference("l1", output, target).abs(), reduction),
);

/** Options of the Huber loss: from which error on it is linear. */
export interface HuberOptions extends ReductionOptions {
  /** The error at which the square ends and the line begins. */
  readonly delta?: number;
}

/** ½d² for |d| ≤ δ, else δ(|d| − ½δ), from the absolute difference: with m = min(|d|, δ), m·(|d| − ½m). */
function huberValues(d: Tensor, delta: number): Tensor {
  const a = d.abs();
  const m = where(a.less(delta), a, delta);
  return m.mul(a.sub(m.mul(0.5)));
}

/**
 * Squared near 0, absolute beyond δ.
 *
 *     ½d²  for |d| ≤ δ,  δ·(|d| − ½δ)  else
 *
 * Shapes: alike → scalar. Source: Huber 1964. Checked against: PyTorch 2.13, `huber_loss`, 1e-6, losses.test.ts.
 */
export const huber = defineLoss<HuberOptions>("huber", (output, target, { delta = 1, reduction }) =>
  reduce(huberValues(difference("huber", output, target), delta), reduction),
);

/** Options of the smooth L1 loss: from which error on it is linear. */
export interface SmoothL1Options extends ReductionOptions {
  /** The error at which the square ends and the line begins. */
  readonly beta?: number;
}

/** Huber's loss divided by β: ½d²/β for |d| < β, |d| − ½β else. Source: Girshick 2015, arXiv:1504.08083. */
export const smoothL1 = defineLoss<SmoothL1Options>("smoothL1", (output, target, { beta = 1, reduction }) => {
  const d = difference("smoothL1", output, target);
  return reduce(beta === 0 ? d.abs() : huberValues(d, beta).mul(1 / beta), reduction);
});
