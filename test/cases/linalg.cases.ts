/**
 * @module Rows of the products of matrices.
 */
import type { Attributes } from "../../src/graph/index.js";
import type { OpCase } from "./case.js";
import { float, integers, typed } from "./case.js";

type Shapes = readonly (readonly number[])[];

const PRODUCTS: readonly Shapes[] = [
  [
    [2, 3],
    [3, 4],
  ],
  [[3], [3]],
  [[3], [3, 2]],
  [[2, 3], [3]],
  [
    [2, 4, 3],
    [3, 2],
  ],
  [
    [2, 4, 3],
    [2, 3, 2],
  ],
  [
    [2, 3],
    [4, 3, 2],
  ],
  [
    [2, 1, 2, 3],
    [3, 3, 2],
  ],
  [[3], [2, 3, 2]],
  [[2, 2, 3], [3]],
];

const gemm = (variant: string, shapes: Shapes, attributes: Partial<Attributes> = {}): OpCase => ({
  op: "Gemm",
  variant,
  operands: [float(shapes[0]!), float(shapes[1]!), shapes[2] === undefined ? null : float(shapes[2])],
  attributes: { alpha: 1, beta: 1, transA: false, transB: false, ...attributes },
});
const fused = (shapes: Shapes, attributes: Attributes): OpCase => ({
  op: "FusedMatMul",
  variant: JSON.stringify(attributes),
  operands: shapes.map((shape) => float(shape)),
  attributes,
});

export const linalgCases: readonly OpCase[] = [
  ...PRODUCTS.map((shapes) => ({ op: "MatMul", operands: shapes.map((shape) => float(shape)) })),
  {
    op: "MatMul",
    operands: [typed("int32", [2, 3], integers(-5, 5)), typed("int32", [3, 2], integers(-5, 5))],
  },
  gemm("no addend", [
    [2, 3],
    [3, 4],
  ]),
  gemm("row", [[2, 3], [3, 4], [4]]),
  gemm(
    "column, scaled",
    [
      [2, 3],
      [3, 4],
      [2, 1],
    ],
    { alpha: 0.5, beta: -1.5 },
  ),
  gemm("scalar addend", [[2, 3], [3, 4], []]),
  gemm(
    "both transposed",
    [
      [3, 2],
      [4, 3],
      [2, 4],
    ],
    { transA: true, transB: true, alpha: 2 },
  ),
  gemm(
    "a transposed",
    [
      [3, 2],
      [3, 4],
      [1, 4],
    ],
    { transA: true },
  ),
  gemm("b transposed", [[2, 3], [4, 3], [4]], { transB: true, beta: 0.5 }),
  fused(
    [
      [2, 3],
      [3, 2],
    ],
    { alpha: 0.5, transA: false, transB: false },
  ),
  fused(
    [
      [2, 3, 2],
      [3, 4],
    ],
    { alpha: 1, transA: true, transB: false },
  ),
  fused(
    [
      [2, 3],
      [2, 4, 3],
    ],
    { alpha: 2, transA: false, transB: true },
  ),
  fused(
    [
      [2, 1, 3, 2],
      [3, 4, 3],
    ],
    { alpha: -1, transA: true, transB: true },
  ),
];
