/**
 * @module Grad-CAM and its kin: a layer's channels, weighted by the score's gradients at them, as a map over the image.
 */
import { grad } from "../../autodiff/index.js";
import type { Tensor } from "../../graph/index.js";
import { resize, where } from "../../ops/index.js";
import { imageAxes } from "../explainable.js";
import { gridLayer } from "../layers.js";
import type { GradientMethod, RowContext, Rows } from "../method.js";

/** From values A and gradients G of a layer, [R, C, h, w] each, to a map [R, 1, h, w], before it is made positive. */
type MapOf = (values: Tensor, gradients: Tensor) => Tensor;

const AXES = [2, 3];

/** A map of the layer, and enlarged to the image by linear interpolation. */
function mapRows({ x, score, features, at, settings }: RowContext, mapOf: MapOf): Rows {
  const y = score(x);
  const { tensor, grid } = gridLayer(y, x, features, at);
  const map = mapOf(grid(tensor), grid(grad(y.sum(), tensor)));
  const layer = settings.signed ? map : map.relu();
  return { attribution: enlarged(layer, x, features), layer };
}

/** A map [R, 1, h, w] at the image's size. */
export function enlarged(map: Tensor, x: Tensor, features: RowContext["features"]): Tensor {
  const axes = imageAxes(features);
  if (axes === undefined) return map;
  const sizes = [axes.rows, axes.columns].map((axis) => Number(x.shape[axis + 1]));
  return resize(map, { sizes, axes: AXES, mode: "linear", coordinates: "half_pixel" });
}

const row = {
  kind: "gradient",
  misleads:
    "The map is as coarse as the layer; a layer of an early or a too small grid shows little, and the model may use what the channels' mean hides.",
  needs: ["gradients", "image", "layer"],
  defaults: { signed: false },
} as const;

/**
 * relu(Σ_c mean(G_c) · A_c).
 *
 * Shapes: x [N, C, H, W] → [N, 1, H, W]; the map before enlarging [N, 1, h, w].
 * Cost:   one forward pass, one backward to the layer.
 * Source: Selvaraju et al., Grad-CAM, 2016, equations 1 and 2, arXiv:1610.02391.
 * Differs from the source: the layer is found from the graph unless given; tokens of transformers are read as their grid; `signed` leaves relu out.
 * Checked against: pytorch-grad-cam 1.5, GradCAM; Captum 0.9, LayerGradCam.
 */
export const gradCam: GradientMethod = {
  ...row,
  name: "grad-cam",
  asserts: "The layer's channels that raise the score are active where the map is bright.",
  source: "Selvaraju et al. 2016, arXiv:1610.02391",
  rows: (context) => mapRows(context, (a, g) => a.mul(g.mean(AXES, true)).sum([1], true)),
};

/**
 * relu(Σ_c w_c · A_c), w_c = Σ relu(G_c) · G_c² / (2·G_c² + Σ A_c · G_c³).
 *
 * Source: Chattopadhay et al., Grad-CAM++, 2017, equations 10 and 19, arXiv:1710.11063.
 * Differs from the source: higher derivatives are powers of the gradient, as in the authors' code, which holds for exp(score).
 * Checked against: pytorch-grad-cam 1.5, GradCAMPlusPlus.
 */
export const gradCamPlusPlus: GradientMethod = {
  ...row,
  name: "grad-cam-plus-plus",
  asserts: "As Grad-CAM, with every place where a channel raises the score counted alike: several objects of a class all show.",
  source: "Chattopadhay et al. 2017, arXiv:1710.11063",
  rows: (context) =>
    mapRows(context, (a, g) => {
      const square = g.square();
      const below = square
        .mul(2)
        .add(a.sum(AXES, true).mul(square.mul(g)))
        .add(1e-6);
      const share = where(g.equal(0), 0, square.div(below));
      return a.mul(g.relu().mul(share).sum(AXES, true)).sum([1], true);
    }),
};

/**
 * relu(Σ_c relu(G_c) ⊙ A_c): every place has weights of its own, so that early layers give fine maps.
 *
 * Source: Jiang et al., LayerCAM, 2021, equations 6 and 7, doi:10.1109/TIP.2021.3089943.
 * Checked against: pytorch-grad-cam 1.5, LayerCAM.
 */
export const layerCam: GradientMethod = {
  ...row,
  name: "layer-cam",
  asserts: "Where the map is bright, activity of the layer at that very place raises the score.",
  source: "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943",
  rows: (context) => mapRows(context, (a, g) => g.relu().mul(a).sum([1], true)),
};
