/**
 * @module Rows of the ops that rearrange.
 */
import type { OpCase } from "./case.js";
import { exactly, float, integers, typed } from "./case.js";

const slice = (shape: number[], starts: number[], ends: number[], axes: number[], steps: number[]): OpCase => ({
  op: "Slice",
  variant: `${starts}:${ends}:${steps} of ${axes}`,
  operands: [float(shape)],
  attributes: { starts, ends, axes, steps },
});
const END = Number.MAX_SAFE_INTEGER;
const pad = (shape: number[], pads: number[], mode: string, value: number | null = null): OpCase => ({
  op: "Pad",
  variant: `${mode} ${pads}${value === null ? "" : ` with ${value}`}`,
  operands: [float(shape), value === null ? null : float([], exactly([value]))],
  attributes: { pads, mode },
});

export const shapeCases: readonly OpCase[] = [
  ...[[6], [3, 2], [1, 2, 1, 3]].map((shape) => ({ op: "Reshape", operands: [float([2, 3])], attributes: { shape } })),
  { op: "Reshape", variant: "scalar", operands: [float([1, 1])], attributes: { shape: [] } },
  ...[[1, 0]].map((perm) => ({ op: "Transpose", operands: [float([2, 3])], attributes: { perm } })),
  ...[
    [2, 0, 1],
    [1, 2, 0],
    [2, 1, 0],
  ].map((perm) => ({ op: "Transpose", variant: `${perm}`, operands: [float([2, 3, 4])], attributes: { perm } })),
  { op: "Transpose", operands: [float([2, 1, 3, 2])], attributes: { perm: [0, 3, 1, 2] } },
  { op: "Expand", operands: [float([])], attributes: { shape: [2, 3] } },
  { op: "Expand", operands: [float([3, 1])], attributes: { shape: [2, 3, 4] } },
  { op: "Expand", operands: [float([1, 2])], attributes: { shape: [3, 2] } },
  { op: "Squeeze", operands: [float([1, 3, 1, 2])], attributes: { axes: [0, 2] } },
  { op: "Squeeze", operands: [float([2, 1])], attributes: { axes: [-1] } },
  { op: "Unsqueeze", operands: [float([3, 2])], attributes: { axes: [0, 3] } },
  { op: "Unsqueeze", operands: [float([3, 2])], attributes: { axes: [-1] } },
  { op: "Unsqueeze", variant: "scalar", operands: [float([])], attributes: { axes: [0] } },
  { op: "Concat", operands: [float([2, 3]), float([1, 3]), float([3, 3])], attributes: { axis: 0 } },
  { op: "Concat", operands: [float([2, 1, 2]), float([2, 3, 2])], attributes: { axis: -2 } },
  { op: "Concat", operands: [typed("int64", [2], integers(0, 9)), typed("int64", [3], integers(0, 9))], attributes: { axis: 0 } },
  { op: "Split", operands: [float([6])], attributes: { axis: 0, split: [1, 2, 3] } },
  { op: "Split", operands: [float([2, 4, 2])], attributes: { axis: -2, split: [3, 1] } },
  slice([6], [1], [5], [0], [1]),
  slice([6], [0], [6], [0], [2]),
  slice([7], [1], [7], [0], [3]),
  slice([6], [-1], [-END], [0], [-1]),
  slice([7], [5], [0], [0], [-2]),
  slice([3, 4], [1], [END], [1], [1]),
  slice([3, 5], [-2, -4], [END, -1], [0, 1], [1, 2]),
  slice([2, 5, 3], [4, 0], [-END, 2], [1, 2], [-2, 1]),
  slice([4], [-100], [100], [0], [1]),
  pad([3], [1, 2], "constant"),
  pad([2, 3], [1, 0, 0, 2], "constant", 1.5),
  pad([3, 4], [-1, 1, 0, -2], "constant", -0.5),
  pad([2, 3, 2], [0, 1, 0, 0, 2, 1], "constant"),
  ...["reflect", "edge", "wrap"].flatMap((mode) => [
    pad([4], [2, 3], mode),
    pad([3, 4], [1, 0, 2, 1], mode),
    pad([2, 1, 4, 3], [0, 0, 1, 2, 0, 0, 2, 1], mode),
  ]),
  pad([4], [3, 0], "reflect"),
  pad([3], [7, 5], "edge"),
  { op: "Tile", operands: [float([3])], attributes: { repeats: [2] } },
  { op: "Tile", operands: [float([2, 3])], attributes: { repeats: [2, 3] } },
  { op: "Tile", operands: [float([1, 2, 1])], attributes: { repeats: [3, 1, 2] } },
  ...[
    { upper: true, k: 0 },
    { upper: false, k: 0 },
    { upper: true, k: 1 },
    { upper: false, k: -1 },
    { upper: true, k: -2 },
    { upper: false, k: 3 },
  ].map((attributes) => ({ op: "Trilu", variant: JSON.stringify(attributes), operands: [float([2, 3, 4])], attributes })),
];
