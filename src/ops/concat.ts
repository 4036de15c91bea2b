/**
 * @module Tensors joined and taken apart along an axis.
 */
import type { Dim } from "../graph/index.js";
import { dimAdd, dimEquals, formatShape, normalizeAxis, type Shape, type Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op } from "./op.js";
import { emit, emitOne, expectSameDType, moves } from "./op.js";
import { unsqueeze, zerosLike } from "./reshape.js";

/** Its inputs one after another along `axis`. */
export const Concat: Op<{ axis: number }, readonly Tensor[]> = {
  name: "Concat",
  domain: "",
  attributes: { axis: "int" },
  empty: ({ inputs, attributes: { axis } }) => [
    concat(
      inputs.filter((part) => !part.shape.includes(0)),
      axis,
    ),
  ],
  infer: (parts, { axis }, where) => {
    const first = parts[0];
    if (first === undefined) throw new ShapeError(`${where}: expected at least one tensor, got none`);
    const along = normalizeAxis(axis, first.rank, where);
    let length: Dim = 0;
    for (const part of parts) {
      expectSameDType(where, first, part);
      if (part.rank !== first.rank || part.shape.some((d, i) => i !== along && !dimEquals(d, first.shape[i] as Dim))) {
        const got = parts.map((t) => formatShape(t.shape)).join(", ");
        throw new ShapeError(`${where}: expected shapes equal but for axis ${along}, got ${got}`);
      }
      length = dimAdd(length, part.shape[along] as Dim);
    }
    return [{ shape: first.shape.map((d, i) => (i === along ? length : d)), dtype: first.dtype }];
  },
  gradient: ({ inputs, dy, attributes: { axis } }) => {
    const along = normalizeAxis(axis, dy.rank, "Concat");
    return split(
      dy,
      inputs.map((t) => t.shape[along] as Dim),
      along,
    );
  },
  cost: moves,
  batch: ({ inputs, mapped, size, ranks, attributes: { axis } }) => {
    const rank = ranks[0] as number;
    const all = inputs.map((t, i) => (mapped[i] ? t : t.expand([size, ...t.shape])));
    return [emitOne(Concat, all, { axis: normalizeAxis(axis, rank, "Concat") + 1 })];
  },
};

/** Consecutive pieces of the given lengths along `axis`. */
export const Split: Op<{ axis: number; split: Shape }, readonly [Tensor]> = {
  name: "Split",
  domain: "",
  attributes: { axis: "int", split: "shape" },
  attributeInputs: { split: { slot: 1 } },
  infer: ([x], { axis, split: sizes }, where) => {
    const along = normalizeAxis(axis, x.rank, where);
    const length = x.shape[along] as Dim;
    const total = sizes.reduce<Dim>(dimAdd, 0);
    if (typeof length === "number" && typeof total === "number" && total !== length) {
      throw new ShapeError(
        `${where}: expected pieces that sum to ${length} (axis ${along} of ${formatShape(x.shape)}), got ${sizes.join(" + ")}`,
      );
    }
    return sizes.map((piece) => ({ shape: x.shape.map((d, i) => (i === along ? piece : d)), dtype: x.dtype }));
  },
  gradient: ({ outputs, dys, attributes: { axis } }) => {
    const pieces = dys.map((dy, i) => dy ?? zerosLike(outputs[i] as Tensor));
    return [concat(pieces, axis)];
  },
  cost: moves,
  batch: ({ inputs: [x], ranks, attributes: { axis, split: sizes } }) =>
    emit(Split, [x], { axis: normalizeAxis(axis, ranks[0] as number, "Split") + 1, split: sizes }),
};

/** Tensors one after another along an axis. Shapes agree but for that axis: [.., a, ..] and [.., b, ..] → [.., a + b, ..]. ShapeError otherwise. */
export const concat = (parts: readonly Tensor[], axis = 0): Tensor =>
  parts.length === 1 ? (parts[0] as Tensor) : emitOne(Concat, parts, { axis });

/** Tensors of one shape along a new axis. */
export const stack = (parts: readonly Tensor[], axis = 0): Tensor =>
  concat(
    parts.map((t) => unsqueeze(t, axis)),
    axis,
  );

/** Consecutive pieces of the given lengths. Each has x's shape but for that axis. ShapeError if the lengths do not add up to it. */
export const split = (x: Tensor, sizes: Shape, axis = 0): readonly Tensor[] => emit(Split, [x], { axis, split: sizes });
