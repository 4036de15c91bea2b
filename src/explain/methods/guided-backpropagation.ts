/**
 * @module Guided backpropagation, and guided Grad-CAM.
 */
import type { RuleChoice } from "../../autodiff/index.js";
import { onesLike } from "../../ops/index.js";
import type { GradientMethod, RowContext } from "../method.js";
import { ownGradientOf, propagate } from "../propagation.js";
import { gradCam } from "./grad-cam.js";

/** relu passes back only what raises the score: relu(dy) where y > 0. */
const guided: RuleChoice = (node) =>
  node.op === "Relu" ? (context) => ownGradientOf(context, { dy: context.dy.relu() }) : undefined;

const guidedGradient = ({ x, score }: RowContext): ReturnType<typeof propagate> => {
  const y = score(x);
  return propagate(y, onesLike(y), x, guided);
};

/**
 * The gradient, where every relu passes back positive gradients only.
 *
 * Shapes: x [N, …] → [N, …].
 * Cost:   one forward and one backward pass.
 * Source: Springenberg et al., Striving for simplicity: the all convolutional net, 2014, section 3.4, arXiv:1412.6806.
 * Differs from the source: no. Activations other than relu have their own gradient, as in Captum.
 * Checked against: Captum 0.9, GuidedBackprop.
 */
export const guidedBackpropagation: GradientMethod = {
  name: "guided-backpropagation",
  kind: "gradient",
  asserts: "The marked features drive units that raise the score.",
  misleads: "It redraws the image's edges, whatever the weights: a model of random numbers gives much the same picture.",
  source: "Springenberg et al. 2014, arXiv:1412.6806, section 3.4",
  needs: ["gradients"],
  defaults: {},
  rows: (context) => ({ attribution: guidedGradient(context) }),
};

/**
 * Guided backpropagation, multiplied by the Grad-CAM map.
 *
 * Shapes: x [N, C, H, W] → [N, C, H, W].
 * Source: Selvaraju et al. 2016, section 3.3, arXiv:1610.02391.
 * Differs from the source: the map is enlarged by linear interpolation, as there; Captum takes the nearest value unless told.
 * Checked against: Captum 0.9, GuidedGradCam with bilinear interpolation.
 */
export const guidedGradCam: GradientMethod = {
  ...gradCam,
  name: "guided-grad-cam",
  asserts: "The marked details lie where Grad-CAM is bright, and drive units that raise the score.",
  misleads:
    "Its details are guided backpropagation's, which redraws edges whatever the weights; only its place depends on the model.",
  source: "Selvaraju et al. 2016, arXiv:1610.02391, section 3.3",
  rows: (context) => {
    const { attribution, layer } = gradCam.rows(context);
    const gradient = guidedGradient(context);
    const map = context.features.kind === "pixels" ? attribution.transpose([0, 2, 3, 1]) : attribution;
    return { attribution: gradient.mul(map), layer };
  },
};
