/**
 * @module Rows of the normalizations.
 */
import type { OpCase } from "./case.js";
import { float, positive } from "./case.js";

const epsilon = 1e-3;
const channels = (c: number) => [float([c]), float([c])] as const;

export const normalizationCases: readonly OpCase[] = [
  ...[
    [4, 3],
    [2, 3, 5],
    [2, 3, 2, 4],
  ].flatMap((x): OpCase[] => {
    const variant = `${x.length} axes`;
    return [
      { op: "ChannelAffine", variant, operands: [float(x), ...channels(3)] },
      { op: "ChannelAffine", variant: `${variant}, without addend`, operands: [float(x), float([3]), null] },
      { op: "ChannelDot", variant, operands: [float(x), float(x)] },
      {
        op: "BatchNormalization",
        variant,
        operands: [float(x), ...channels(3), float([3]), float([3], positive)],
        attributes: { epsilon },
      },
      { op: "BatchNormTrain", variant, operands: [float(x), ...channels(3)], attributes: { epsilon } },
    ];
  }),
  { op: "LayerNormalization", operands: [float([3, 5]), float([5]), float([5])], attributes: { axis: -1, epsilon } },
  {
    op: "LayerNormalization",
    variant: "without bias, two axes",
    operands: [float([2, 2, 3]), float([2, 3]), null],
    attributes: { axis: 1, epsilon },
  },
  {
    op: "LayerNormalization",
    variant: "with bias, two axes of four",
    operands: [float([2, 2, 2, 3]), float([2, 3]), float([2, 3])],
    attributes: { axis: -2, epsilon },
  },
  { op: "RMSNormalization", operands: [float([2, 3, 5]), float([5])], attributes: { axis: -1, epsilon } },
  { op: "RMSNormalization", variant: "two axes", operands: [float([3, 2, 3]), float([2, 3])], attributes: { axis: 1, epsilon } },
  {
    op: "GroupNormalization",
    operands: [float([2, 4, 3, 2]), ...channels(4)],
    attributes: { epsilon, num_groups: 2 },
  },
  { op: "InstanceNormalization", operands: [float([2, 3, 4, 2]), ...channels(3)], attributes: { epsilon } },
  { op: "InstanceNormalization", variant: "1-D", operands: [float([2, 3, 5]), ...channels(3)], attributes: { epsilon } },
  { op: "LRN", operands: [float([2, 6, 2, 2])], attributes: { alpha: 0.5, beta: 0.75, bias: 1, size: 5 } },
  { op: "LRN", variant: "even size", operands: [float([2, 5, 3])], attributes: { alpha: 0.5, beta: 0.6, bias: 2, size: 4 } },
];
