/**
 * @module Saliency: how steeply the score changes with each feature.
 */
import { grad } from "../../autodiff/index.js";
import type { GradientMethod } from "../method.js";

/**
 * |∂f(x)/∂x|.
 *
 * Shapes: x [N, …] → [N, …], without sign.
 * Cost:   one forward and one backward pass.
 * Source: Simonyan et al., Deep inside convolutional networks, 2013, section 3, arXiv:1312.6034.
 * Differs from the source: channels are kept apart (the paper takes their maximum); `signed` gives the gradient itself.
 * Checked against: Captum 0.9, Saliency.
 */
export const saliency: GradientMethod = {
  name: "saliency",
  kind: "gradient",
  asserts: "The score changes most for a small change of the marked features.",
  misleads:
    "Where the score is saturated its gradient is small, however much the feature matters; gradients of deep networks are noisy.",
  source: "Simonyan et al. 2013, arXiv:1312.6034, section 3",
  needs: ["gradients"],
  defaults: { signed: false },
  rows: ({ x, score, settings }) => {
    const dx = grad(score(x).sum(), x);
    return { attribution: settings.signed ? dx : dx.abs() };
  },
};
