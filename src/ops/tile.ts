/**
 * @module Tile (repetition), and Trilu (upper and lower triangles).
 */
import { type Dim, dimMul, formatShape, type Shape, type Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op } from "./op.js";
import { emitOne, moves } from "./op.js";

/** x repeated `repeats[i]` times along axis i. */
export const Tile: Op<{ repeats: Shape }, readonly [Tensor]> = {
  name: "Tile",
  domain: "",
  attributes: { repeats: "shape" },
  attributeInputs: { repeats: { slot: 1 } },
  infer: ([x], { repeats }, where) => {
    if (repeats.length !== x.rank) {
      throw new ShapeError(`${where}: expected one count for each axis of ${formatShape(x.shape)}, got [${repeats.join(", ")}]`);
    }
    return [{ shape: x.shape.map((d, i) => dimMul(d, repeats[i] as Dim)), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy, attributes: { repeats } }) => {
    const unfolded = x.shape.flatMap((d, i) => [repeats[i] as Dim, d]);
    return [dy.reshape(unfolded).sum(x.shape.map((_, i) => 2 * i))];
  },
  cost: moves,
  batch: ({ inputs: [x], attributes: { repeats } }) => [emitOne(Tile, [x], { repeats: [1, ...repeats] })],
};

/** Zeros above (`upper: 0`) or below (`upper: 1`) the k-th diagonal of the last two axes. */
export const Trilu: Op<{ upper: boolean; k: number }, readonly [Tensor]> = {
  name: "Trilu",
  domain: "",
  attributes: { upper: "bool", k: "int" },
  attributeInputs: { k: { slot: 1, scalar: true } },
  infer: ([x], _attributes, where) => {
    if (x.rank < 2) throw new ShapeError(`${where}: expected at least 2 axes, got ${formatShape(x.shape)}`);
    return [x];
  },
  gradient: ({ dy, attributes }) => [emitOne(Trilu, [dy], attributes)],
  cost: moves,
  batch: ({ inputs: [x], attributes }) => [emitOne(Trilu, [x], attributes)],
};

/** x repeated `repeats[i]` times along axis i: [d₀, d₁] → [r₀·d₀, r₁·d₁]. */
export const tile = (x: Tensor, repeats: Shape): Tensor => emitOne(Tile, [x], { repeats });
/** The lower triangle: zeros above the k-th diagonal. Matrices [.., M, N] to the same shape. */
export const tril = (x: Tensor, k = 0): Tensor => emitOne(Trilu, [x], { upper: false, k });
/** Upper triangle of matrices [..., M, N]: zero below the k-th diagonal (0 is the main one). */
export const triu = (x: Tensor, k = 0): Tensor => emitOne(Trilu, [x], { upper: true, k });
