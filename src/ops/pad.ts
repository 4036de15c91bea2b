/**
 * @module Padding around a tensor, and zeros between its elements.
 */
import { type Dim, dimAdd, dimMul, formatShape, type Shape, staticShape, type Tensor, type TensorType } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { range } from "../util/range.js";
import type { Op, TensorLike } from "./op.js";
import { asTensor, emitOne, expectSameDType, moves } from "./op.js";
import { onesLike, unsqueeze } from "./reshape.js";

/** Values beside the edge: a constant, the mirrored inside, the edge itself, or the opposite side. */
export type PadMode = "constant" | "reflect" | "edge" | "wrap";

/** x with a border: `pads` holds the widths before each axis, then after each; negative widths cut. */
export const Pad: Op<{ pads: Shape; mode: PadMode }, readonly [Tensor, Tensor | null]> = {
  name: "Pad",
  domain: "",
  attributes: { pads: "shape", mode: "string" },
  attributeInputs: { pads: { slot: 1 } },
  // Only a constant border is there without a tensor within.
  empty: ({ inputs: [x, value], outputs: [type] }) => [(value ?? asTensor(0, x.dtype)).expand((type as TensorType).shape)],
  infer: ([x, value], { pads, mode }, where) => {
    if (pads.length !== 2 * x.rank) {
      throw new ShapeError(`${where}: expected ${2 * x.rank} widths for ${formatShape(x.shape)}, got ${pads.length}`);
    }
    if (value !== null) expectSameDType(where, x, value);
    const shape = x.shape.map((d, i) => {
      const [before, after] = [pads[i] as Dim, pads[i + x.rank] as Dim];
      const limit = typeof d !== "number" ? Infinity : mode === "reflect" ? d - 1 : mode === "wrap" ? d : Infinity;
      if (d === 0 && mode !== "constant" && [before, after].some((width) => width !== 0)) {
        throw new ShapeError(
          `${where}: expected elements to pad with at axis ${i}, got ${formatShape(x.shape)}; use mode constant`,
        );
      }
      if ([before, after].some((width) => typeof width === "number" && width > limit)) {
        throw new ShapeError(
          `${where}: expected ${mode} widths of at most ${limit} at axis ${i} of ${formatShape(x.shape)}, got ${before} and ${after}`,
        );
      }
      const length = dimAdd(dimAdd(d, before), after);
      if (typeof length === "number" && length < 0) {
        throw new ShapeError(
          `${where}: expected to cut at most ${d} elements at axis ${i} of ${formatShape(x.shape)}, got ${before} and ${after}`,
        );
      }
      return length;
    });
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, value], dy, attributes: { pads, mode }, needs }) => {
    const rank = x.rank;
    if (mode === "constant") {
      const inside = pad(
        dy,
        pads.slice(0, rank).map((w) => dimMul(w, -1)),
        pads.slice(rank).map((w) => dimMul(w, -1)),
      );
      return [inside, needs[1] && value !== null ? dy.sum().sub(inside.sum()) : null];
    }
    // Every other mode copies elements of x: each axis is a gather, whose gradient adds up the copies.
    const shape = staticShape(x.shape, "gradient of Pad");
    const widths = staticShape(pads, "gradient of Pad");
    let dx = dy;
    for (let axis = 0; axis < rank; axis++) {
      const [before, after] = [widths[axis] as number, widths[axis + rank] as number];
      if (before !== 0 || after !== 0) dx = foldPadded(dx, axis, shape[axis] as number, before, after, mode);
    }
    return [dx, null];
  },
  cost: moves,
  batch: ({ inputs: [given, value], mapped, size, ranks, attributes: { pads, mode } }) => {
    const rank = ranks[0] as number;
    const x = mapped[0] ? given : given.expand([size, ...given.shape]);
    const shifted = [0, ...pads.slice(0, rank), 0, ...pads.slice(rank)];
    if (!mapped[1]) return [emitOne(Pad, [x, value], { pads: shifted, mode })];
    // A border value per example: pad with zeros, and add the value where a padded mask of ones is 0.
    const border = pad(onesLike(x), shifted.slice(0, rank + 1), shifted.slice(rank + 1))
      .neg()
      .add(1);
    const perExample = rank === 0 ? (value as Tensor) : (value as Tensor).unsqueeze(...range(1, rank + 1));
    return [emitOne(Pad, [x, null], { pads: shifted, mode }).add(border.mul(perExample))];
  },
};

/** The gradient of padding one axis by copies: the border's gradients are added to the elements that were copied. */
function foldPadded(dy: Tensor, axis: number, length: number, before: number, after: number, mode: PadMode): Tensor {
  const source = (i: number): number => {
    if (mode === "edge") return Math.min(Math.max(i, 0), length - 1);
    if (mode === "wrap") return ((i % length) + length) % length;
    return i < 0 ? -i : i >= length ? 2 * (length - 1) - i : i;
  };
  // For a positive border: piece k of dy at i adds to x at source(i). Runs of consecutive sources become slices.
  let dx = dy.slice(axis, Math.max(before, 0), Math.max(before, 0) + length - Math.max(-before, 0) - Math.max(-after, 0));
  if (before < 0 || after < 0) dx = padAxis(dx, axis, Math.max(-before, 0), Math.max(-after, 0));
  for (const [position, i] of [...range(-Math.max(before, 0), 0), ...range(length, length + Math.max(after, 0))].map(
    (i) => [i + before, i] as const,
  )) {
    const at = source(i);
    dx = dx.add(padAxis(dy.slice(axis, position, position + 1), axis, at, length - at - 1));
  }
  return dx;
}

/** Widths before and after each axis; negative widths cut. [d] → [before + d + after] on each axis. */
export function pad(x: Tensor, before: Shape, after: Shape, mode: PadMode = "constant", value: TensorLike = 0): Tensor {
  if ([...before, ...after].every((w) => w === 0)) return x;
  const fill = mode === "constant" && value !== 0 ? asTensor(value, x.dtype) : null;
  return emitOne(Pad, [x, fill], { pads: [...before, ...after], mode });
}

function padAxis(x: Tensor, axis: number, before: number, after: number): Tensor {
  const widths = (width: number): number[] => range(0, x.rank).map((i) => (i === axis ? width : 0));
  return pad(x, widths(before), widths(after));
}

/** x with `step` − 1 zeros between neighbours along an axis: a₀ 0 a₁ 0 a₂. [.., n, ..] → [.., (n − 1)·step + 1, ..]. */
export function spread(x: Tensor, axis: number, step: number): Tensor {
  const length = x.shape[axis] as Dim;
  const wide = padAxis(unsqueeze(x, axis + 1), axis + 1, 0, step - 1);
  const merged = wide.reshape(x.shape.map((d, i) => (i === axis ? dimMul(length, step) : d)));
  return merged.slice(axis, 0, dimAdd(dimMul(dimAdd(length, -1), step), 1));
}
