/**
 * @module Rows of resize.
 */
import type { Attributes } from "../../src/graph/index.js";
import type { OpCase } from "./case.js";
import { float } from "./case.js";

const resize = (shape: readonly number[], attributes: Attributes): OpCase => ({
  op: "Resize",
  variant: ["mode", "coordinate_transformation_mode", "sizes", "scales", "axes"]
    .flatMap((name) => (attributes[name] === undefined ? [] : [String(attributes[name])]))
    .join(", "),
  operands: [float(shape)],
  attributes: {
    mode: "nearest",
    coordinate_transformation_mode: "half_pixel",
    nearest_mode: "round_prefer_floor",
    cubic_coeff_a: -0.75,
    axes: [2, 3],
    ...attributes,
  },
});

const COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] as const;

export const resizeCases: readonly OpCase[] = [
  ...COORDINATES.flatMap((coordinate_transformation_mode) => [
    resize([2, 1, 3, 4], { coordinate_transformation_mode, mode: "linear", sizes: [5, 7] }),
    resize([1, 2, 5, 6], { coordinate_transformation_mode, mode: "linear", sizes: [2, 3] }),
    resize([1, 1, 4, 3], { coordinate_transformation_mode, mode: "cubic", sizes: [6, 5] }),
  ]),
  ...(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"] as const).map((nearest_mode) =>
    resize([1, 2, 3, 4], { nearest_mode, coordinate_transformation_mode: "asymmetric", sizes: [5, 7] }),
  ),
  resize([1, 2, 3, 2], { coordinate_transformation_mode: "asymmetric", nearest_mode: "floor", scales: [2, 3] }),
  resize([1, 1, 5, 3], { mode: "linear", scales: [1.5, 2] }),
  resize([2, 3, 4], { mode: "linear", axes: [2], sizes: [7] }),
  resize([2, 3, 2, 4], { mode: "linear", axes: [1, 2], sizes: [5, 3] }),
  resize([2, 3], { axes: [0], sizes: [5] }),
];
