/**
 * @module Rows of normalization.
 */
import type { OpCase, Operand } from "./case.js";
import { float, positive } from "./case.js";

const SHAPES: readonly (readonly number[])[] = [
  [4, 3],
  [3, 2, 4],
  [2, 3, 2, 3],
];
const channels = (shape: readonly number[]): Operand => float([shape[1] as number]);
const epsilon = 1e-3;

export const normalizationCases: readonly OpCase[] = [
  ...SHAPES.flatMap((shape): OpCase[] => {
    const [c, variance] = [channels(shape), float([shape[1] as number], positive)];
    return [
      { op: "ChannelAffine", operands: [float(shape), c, c] },
      { op: "ChannelAffine", operands: [float(shape), c, null] },
      { op: "ChannelDot", operands: [float(shape), float(shape)] },
      { op: "BatchNormalization", operands: [float(shape), c, c, c, variance], attributes: { epsilon } },
      {
        op: "BatchNormalization",
        variant: "training form",
        operands: [float(shape), c, c, c, variance],
        attributes: { epsilon, momentum: 0.75, training_mode: true },
        noGradient: "it appears in lowered graphs only",
        noVmap: "it appears in lowered graphs only",
        notOnEngine: "it writes over the statistics that it is given, which are inputs here",
      },
      { op: "BatchNormTrain", operands: [float(shape), c, c], attributes: { epsilon } },
      ...(["train", "eval"] as const).map((mode): OpCase => ({
        op: "BatchNorm",
        mode,
        variant: mode,
        operands: [float(shape), c, c, c, variance],
        attributes: { epsilon, momentum: 0.25 },
      })),
    ];
  }),
  { op: "LayerNormalization", operands: [float([2, 5]), float([5]), float([5])], attributes: { axis: -1, epsilon } },
  { op: "LayerNormalization", operands: [float([2, 3, 4]), float([4]), null], attributes: { axis: 2, epsilon } },
  { op: "LayerNormalization", operands: [float([2, 3, 4]), float([3, 4]), float([3, 4])], attributes: { axis: -2, epsilon } },
  ...["RMSNormalization", "SimplifiedLayerNormalization"].flatMap((op) => [
    { op, operands: [float([2, 5]), float([5])], attributes: { axis: -1, epsilon } },
    { op, operands: [float([2, 3, 4]), float([3, 4])], attributes: { axis: 1, epsilon } },
  ]),
  ...[1, 2, 4].map((num_groups) => ({
    op: "GroupNormalization",
    variant: `${num_groups} groups`,
    operands: [float([2, 4, 2, 2]), float([4]), float([4])],
    attributes: { epsilon, num_groups },
  })),
  { op: "GroupNormalization", operands: [float([2, 4, 3]), float([4]), float([4])], attributes: { epsilon, num_groups: 2 } },
  ...SHAPES.slice(1).map((shape) => ({
    op: "InstanceNormalization",
    operands: [float(shape), channels(shape), channels(shape)],
    attributes: { epsilon },
  })),
  ...[1, 2, 3, 4].flatMap((size) =>
    [
      [2, 5, 2],
      [1, 4, 2, 2],
    ].map((shape) => ({
      op: "LRN",
      variant: `size ${size}`,
      operands: [float(shape)],
      attributes: { alpha: 0.5, beta: 0.75, bias: 1.5, size },
    })),
  ),
];
