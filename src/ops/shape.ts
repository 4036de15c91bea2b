/**
 * @module Ops that rearrange: reshape, transpose, join, cut, repeat, pad. They move data and compute nothing.
 */
import type { Dim, DType, Shape } from "../graph/index.js";
import {
  broadcastShapes,
  dimAdd,
  dimEquals,
  dimMul,
  dimSub,
  formatShape,
  isFloat,
  isStatic,
  normalizeAxes,
  normalizeAxis,
  sameShape,
  sizeOf,
  staticDim,
  staticShape,
  Tensor,
} from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op, TensorLike } from "./op.js";
import { asTensor, emit, emitOne, expectSameDType, moves } from "./op.js";

type One = readonly [Tensor];

const range = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);

/** The same elements in the same order under another shape. */
export const Reshape: Op<{ shape: readonly Dim[] }, One> = {
  name: "Reshape",
  domain: "",
  attributes: { shape: "shape" },
  attributeInputs: { shape: { slot: 1 } },
  infer: ([x], { shape }, where) => {
    const fits = isStatic(shape) && isStatic(x.shape) ? sizeOf(shape) === sizeOf(x.shape) : true;
    if (!fits)
      throw new ShapeError(`${where}: expected as many elements as ${formatShape(x.shape)} has, got ${formatShape(shape)}`);
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [dy.reshape(x.shape)],
  cost: moves,
  batch: ({ inputs: [x], size, attributes: { shape } }) => [emitOne(Reshape, [x], { shape: [size, ...shape] })],
};

/** y[i₀, i₁, …] = x[…]: axis `perm[k]` of x becomes axis k of y. */
export const Transpose: Op<{ perm: readonly number[] }, One> = {
  name: "Transpose",
  domain: "",
  attributes: { perm: "ints" },
  infer: ([x], { perm }, where) => {
    if (perm.length !== x.rank || [...perm].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
      throw new ShapeError(
        `${where}: expected an order of the ${x.rank} axes of ${formatShape(x.shape)}, got [${perm.join(", ")}]`,
      );
    }
    return [{ shape: perm.map((axis) => x.shape[axis] as Dim), dtype: x.dtype }];
  },
  gradient: ({ dy, attributes: { perm } }) => {
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return [emitOne(Transpose, [dy], { perm: inverse })];
  },
  cost: moves,
  batch: ({ inputs: [x], attributes: { perm } }) => [emitOne(Transpose, [x], { perm: [0, ...perm.map((axis) => axis + 1)] })],
};

/** x repeated along new and along length-1 axes, as broadcasting would. */
export const Expand: Op<{ shape: readonly Dim[] }, One> = {
  name: "Expand",
  domain: "",
  attributes: { shape: "shape" },
  attributeInputs: { shape: { slot: 1 } },
  infer: ([x], { shape }, where) => {
    const result = broadcastShapes(x.shape, shape);
    if (result === undefined || !sameShape(result, shape)) {
      throw new ShapeError(`${where}: expected a shape that ${formatShape(x.shape)} broadcasts to, got ${formatShape(shape)}`);
    }
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ dy }) => [dy], // the walk sums it down
  cost: moves,
  batch: ({ inputs: [x], size, ranks, attributes: { shape } }) => {
    const missing = shape.length - (ranks[0] as number);
    const aligned = missing === 0 ? x : x.unsqueeze(...range(1, 1 + missing));
    return [emitOne(Expand, [aligned], { shape: [size, ...shape] })];
  },
};

export const Squeeze: Op<{ axes: readonly number[] }, One> = {
  name: "Squeeze",
  domain: "",
  attributes: { axes: "ints" },
  attributeInputs: { axes: { slot: 1 } },
  infer: ([x], { axes }, where) => {
    const dropped = normalizeAxes(axes, x.rank, where);
    for (const axis of dropped) {
      if (!dimEquals(x.shape[axis] as Dim, 1)) {
        throw new ShapeError(`${where}: expected length 1 at axis ${axis} of ${formatShape(x.shape)}, got ${x.shape[axis]}`);
      }
    }
    return [{ shape: x.shape.filter((_, axis) => !dropped.includes(axis)), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [dy.reshape(x.shape)],
  cost: moves,
  batch: ({ inputs: [x], ranks, attributes: { axes } }) => {
    const rank = ranks[0] as number;
    return [emitOne(Squeeze, [x], { axes: axes.map((axis) => normalizeAxis(axis, rank, "Squeeze") + 1) })];
  },
};

export const Unsqueeze: Op<{ axes: readonly number[] }, One> = {
  name: "Unsqueeze",
  domain: "",
  attributes: { axes: "ints" },
  attributeInputs: { axes: { slot: 1 } },
  infer: ([x], { axes }, where) => {
    const rank = x.rank + axes.length;
    const inserted = normalizeAxes(axes, rank, where);
    const rest = [...x.shape];
    return [{ shape: range(0, rank).map((axis) => (inserted.includes(axis) ? 1 : (rest.shift() as Dim))), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy }) => [dy.reshape(x.shape)],
  cost: moves,
  batch: ({ inputs: [x], ranks, attributes: { axes } }) => {
    const rank = (ranks[0] as number) + axes.length;
    return [emitOne(Unsqueeze, [x], { axes: axes.map((axis) => normalizeAxis(axis, rank, "Unsqueeze") + 1) })];
  },
};

/** Its inputs one after another along `axis`. */
export const Concat: Op<{ axis: number }, readonly Tensor[]> = {
  name: "Concat",
  domain: "",
  attributes: { axis: "int" },
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
    const sizes = inputs.map((t) => staticDim(t.shape[along], "gradient of Concat"));
    return split(dy, sizes, along);
  },
  cost: moves,
  batch: ({ inputs, mapped, size, ranks, attributes: { axis } }) => {
    const rank = ranks[0] as number;
    const all = inputs.map((t, i) => (mapped[i] ? t : t.expand([size, ...t.shape])));
    return [emitOne(Concat, all, { axis: normalizeAxis(axis, rank, "Concat") + 1 })];
  },
};

/** Consecutive pieces of the given lengths along `axis`. */
export const Split: Op<{ axis: number; split: readonly number[] }, One> = {
  name: "Split",
  domain: "",
  attributes: { axis: "int", split: "ints" },
  attributeInputs: { split: { slot: 1 } },
  infer: ([x], { axis, split: sizes }, where) => {
    const along = normalizeAxis(axis, x.rank, where);
    const length = x.shape[along] as Dim;
    const total = sizes.reduce((a, b) => a + b, 0);
    if (typeof length === "number" && total !== length) {
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

interface SliceAttributes {
  readonly [name: string]: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

/** The indices that a slice of an axis of known length takes: first, step, count (ONNX's clamping rules). */
export function sliceRange(
  length: number,
  start: number,
  end: number,
  step: number,
): { first: number; step: number; count: number } {
  const from = start < 0 ? start + length : start;
  const to = end < 0 ? end + length : end;
  if (step > 0) {
    const first = Math.min(Math.max(from, 0), length);
    return { first, step, count: Math.max(0, Math.ceil((Math.min(Math.max(to, 0), length) - first) / step)) };
  }
  const first = Math.min(Math.max(from, -1), length - 1);
  // An end of −1 − length or less means "through the first element".
  const last = end < -length ? -1 : Math.min(Math.max(to, -1), length - 1);
  return { first, step, count: Math.max(0, Math.ceil((last - first) / step)) };
}

/** Which elements of one axis to take; `end` left out means to the end. */
export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly end?: number;
  readonly step?: number;
}

/** x[start:end:step] along each of `axes`, with NumPy's rules for negative numbers. */
export const Slice: Op<SliceAttributes, One> = {
  name: "Slice",
  domain: "",
  attributes: { starts: "ints", ends: "ints", axes: "ints", steps: "ints" },
  attributeInputs: { starts: { slot: 1 }, ends: { slot: 2 }, axes: { slot: 3 }, steps: { slot: 4 } },
  infer: ([x], { starts, ends, axes, steps }, where) => {
    const shape: Dim[] = [...x.shape];
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.rank, where);
      const [start, end, step] = [starts[i] as number, ends[i] as number, steps[i] as number];
      if (step === 0) throw new ShapeError(`${where}: expected a step other than 0, got 0`);
      const length = shape[axis] as Dim;
      if (typeof length === "number") shape[axis] = sliceRange(length, start, end, step).count;
      // With a free length only whole prefixes and suffixes are known.
      else if (step === 1 && end >= Number.MAX_SAFE_INTEGER) shape[axis] = start >= 0 ? dimSub(length, start) : -start;
      else if (step === 1 && start === 0 && end < 0) shape[axis] = dimAdd(length, end);
      else if (step === 1 && start >= 0 && end > start) shape[axis] = end - start;
      else
        throw new ShapeError(
          `${where}: expected a known length at axis ${axis} of ${formatShape(x.shape)}, got ${length}; bind it first`,
        );
    });
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy, attributes: { starts, ends, axes, steps } }) => {
    // Put dy back where it was taken from. Steps other than ±1 leave gaps: dy is interleaved with zeros first.
    const shape = staticShape(x.shape, "gradient of Slice");
    let dx = dy;
    const before = new Array<number>(x.rank).fill(0);
    const after = new Array<number>(x.rank).fill(0);
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.rank, "Slice");
      const length = shape[axis] as number;
      let { first, step, count } = sliceRange(length, starts[i] as number, ends[i] as number, steps[i] as number);
      if (count === 0) {
        before[axis] = length;
        return;
      }
      if (step < 0) {
        dx = flip(dx, axis);
        [first, step] = [first + (count - 1) * step, -step];
      }
      if (step > 1) dx = spread(dx, axis, step);
      before[axis] = first;
      after[axis] = length - first - ((count - 1) * step + 1);
    });
    return [pad(dx, before, after)];
  },
  cost: moves,
  batch: ({ inputs: [x], ranks, attributes }) => [
    emitOne(Slice, [x], {
      ...attributes,
      axes: attributes.axes.map((axis) => normalizeAxis(axis, ranks[0] as number, "Slice") + 1),
    }),
  ],
  lower: ({ inputs: [x], attributes: { starts, ends, axes, steps }, target }) => {
    // WebGPU slices floating point only; it splits integers, and has no kernel that cuts truth values.
    if (target !== "webgpu" || isFloat(x.dtype) || steps.some((step) => step !== 1) || !isStatic(x.shape)) return undefined;
    let y = x.dtype === "bool" ? x.cast("int32") : x;
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.rank, "Slice");
      const length = y.shape[axis] as number;
      const { first, count } = sliceRange(length, starts[i] as number, ends[i] as number, 1);
      const sizes = [first, count, length - first - count];
      const parts = split(
        y,
        sizes.filter((size) => size > 0),
        axis,
      );
      if (count > 0) y = parts[first > 0 ? 1 : 0] as Tensor;
    });
    return y.shape.includes(0) || y === x ? undefined : [y.cast(x.dtype)];
  },
};

export type PadMode = "constant" | "reflect" | "edge" | "wrap";

/** x with a border: `pads` holds the widths before each axis, then after each; negative widths cut. */
export const Pad: Op<{ pads: readonly number[]; mode: PadMode }, readonly [Tensor, Tensor | null]> = {
  name: "Pad",
  domain: "",
  attributes: { pads: "ints", mode: "string" },
  attributeInputs: { pads: { slot: 1 } },
  infer: ([x, value], { pads, mode }, where) => {
    if (pads.length !== 2 * x.rank) {
      throw new ShapeError(`${where}: expected ${2 * x.rank} widths for ${formatShape(x.shape)}, got ${pads.length}`);
    }
    if (value !== null) expectSameDType(where, x, value);
    const shape = x.shape.map((d, i) => {
      const [before, after] = [pads[i] as number, pads[i + x.rank] as number];
      const limit = typeof d !== "number" ? Infinity : mode === "reflect" ? d - 1 : mode === "wrap" ? d : Infinity;
      if (before > limit || after > limit) {
        throw new ShapeError(
          `${where}: expected ${mode} widths of at most ${limit} at axis ${i} of ${formatShape(x.shape)}, got ${before} and ${after}`,
        );
      }
      return dimAdd(d, before + after);
    });
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, value], dy, attributes: { pads, mode }, needs }) => {
    const rank = x.rank;
    if (mode === "constant") {
      const inside = pad(
        dy,
        pads.slice(0, rank).map((w) => -w),
        pads.slice(rank).map((w) => -w),
      );
      return [inside, needs[1] && value !== null ? dy.sum().sub(inside.sum()) : null];
    }
    // Every other mode copies elements of x: each axis is a gather, whose gradient adds up the copies.
    const shape = staticShape(x.shape, "gradient of Pad");
    let dx = dy;
    for (let axis = 0; axis < rank; axis++) {
      const [before, after] = [pads[axis] as number, pads[axis + rank] as number];
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
  let dx = slice(dy, axis, Math.max(before, 0), Math.max(before, 0) + length - Math.max(-before, 0) - Math.max(-after, 0));
  if (before < 0 || after < 0) dx = padAxis(dx, axis, Math.max(-before, 0), Math.max(-after, 0));
  for (const [position, i] of [...range(-Math.max(before, 0), 0), ...range(length, length + Math.max(after, 0))].map(
    (i) => [i + before, i] as const,
  )) {
    const at = source(i);
    dx = dx.add(padAxis(slice(dy, axis, position, position + 1), axis, at, length - at - 1));
  }
  return dx;
}

/** x repeated `repeats[i]` times along axis i. */
export const Tile: Op<{ repeats: readonly number[] }, One> = {
  name: "Tile",
  domain: "",
  attributes: { repeats: "ints" },
  attributeInputs: { repeats: { slot: 1 } },
  infer: ([x], { repeats }, where) => {
    if (repeats.length !== x.rank) {
      throw new ShapeError(`${where}: expected one count for each axis of ${formatShape(x.shape)}, got [${repeats.join(", ")}]`);
    }
    return [{ shape: x.shape.map((d, i) => dimMul(d, repeats[i] as number)), dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy, attributes: { repeats } }) => {
    const shape = staticShape(x.shape, "gradient of Tile");
    const unfolded = shape.flatMap((d, i) => [repeats[i] as number, d]);
    return [dy.reshape(unfolded).sum(shape.map((_, i) => 2 * i))];
  },
  cost: moves,
  batch: ({ inputs: [x], attributes: { repeats } }) => [emitOne(Tile, [x], { repeats: [1, ...repeats] })],
};

/** Zeros above (`upper: 0`) or below (`upper: 1`) the k-th diagonal of the last two axes. */
export const Trilu: Op<{ upper: boolean; k: number }, One> = {
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

export const shaping = [Reshape, Transpose, Expand, Squeeze, Unsqueeze, Concat, Split, Slice, Pad, Tile, Trilu] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Reshape; one dimension may be −1: it takes what is left. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const hole = shape.findIndex((d) => d === -1);
  let target = shape;
  if (hole >= 0) {
    const free = x.shape.filter((d) => typeof d !== "number");
    const others = shape.filter((d, i) => i !== hole && typeof d !== "number");
    // Symbols that stand on both sides cancel; what remains must divide.
    const numbers = (dims: Shape): number => sizeOf(dims.filter((d): d is number => typeof d === "number"));
    const known = numbers(shape.filter((_, i) => i !== hole));
    const unmatched = free.filter((d) => !others.some((o) => dimEquals(o, d)));
    const rest = numbers(x.shape) / known;
    if (!Number.isInteger(rest) || unmatched.length > 1) {
      throw new ShapeError(`Reshape: expected a shape that ${formatShape(x.shape)} fits into, got ${formatShape(shape)}`);
    }
    target = shape.map((d, i) => (i === hole ? dimMul(unmatched[0] ?? 1, rest) : d));
  }
  return sameShape(target, x.shape) ? x : emitOne(Reshape, [x], { shape: target });
}

/** Axes in the given order; without one, all axes reversed. */
export function transpose(x: Tensor, perm: readonly number[] = range(0, x.rank).reverse()): Tensor {
  const order = perm.map((axis) => normalizeAxis(axis, x.rank, "Transpose"));
  return order.every((axis, i) => axis === i) ? x : emitOne(Transpose, [x], { perm: order });
}

/** Two axes exchanged. */
export function swapAxes(x: Tensor, a: number, b: number): Tensor {
  const [first, second] = [normalizeAxis(a, x.rank, "Transpose"), normalizeAxis(b, x.rank, "Transpose")];
  return transpose(
    x,
    range(0, x.rank).map((axis) => (axis === first ? second : axis === second ? first : axis)),
  );
}

export const expand = (x: Tensor, shape: Shape): Tensor => (sameShape(x.shape, shape) ? x : emitOne(Expand, [x], { shape }));
export const squeeze = (x: Tensor, ...axes: readonly number[]): Tensor =>
  emitOne(Squeeze, [x], { axes: normalizeAxes(axes, x.rank, "Squeeze") });
export const unsqueeze = (x: Tensor, ...axes: readonly number[]): Tensor =>
  emitOne(Unsqueeze, [x], { axes: normalizeAxes(axes, x.rank + axes.length, "Unsqueeze") });

/** Tensors one after another along an axis. */
export const concat = (parts: readonly Tensor[], axis = 0): Tensor =>
  parts.length === 1 ? (parts[0] as Tensor) : emitOne(Concat, parts, { axis });

/** Tensors of one shape along a new axis. */
export const stack = (parts: readonly Tensor[], axis = 0): Tensor =>
  concat(
    parts.map((t) => unsqueeze(t, axis)),
    axis,
  );

/** Consecutive pieces of the given lengths. */
export const split = (x: Tensor, sizes: readonly number[], axis = 0): readonly Tensor[] =>
  emit(Split, [x], { axis, split: sizes });

/** x[start:end:step] along one axis; `end` left out means to the end. */
export const slice = (x: Tensor, axis: number, start: number, end: number = Number.MAX_SAFE_INTEGER, step = 1): Tensor =>
  emitOne(Slice, [x], { starts: [start], ends: [end], axes: [normalizeAxis(axis, x.rank, "Slice")], steps: [step] });

/** x[start:end:step] along several axes at once. */
export function sliceAxes(x: Tensor, ranges: readonly SliceRange[]): Tensor {
  return emitOne(Slice, [x], {
    starts: ranges.map((r) => r.start),
    ends: ranges.map((r) => r.end ?? Number.MAX_SAFE_INTEGER),
    axes: ranges.map((r) => normalizeAxis(r.axis, x.rank, "Slice")),
    steps: ranges.map((r) => r.step ?? 1),
  });
}

/** The order of an axis reversed. */
export const flip = (x: Tensor, axis: number): Tensor => slice(x, axis, -1, -Number.MAX_SAFE_INTEGER, -1);

/** Widths before and after each axis; negative widths cut. */
export function pad(
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  mode: PadMode = "constant",
  value: TensorLike = 0,
): Tensor {
  if ([...before, ...after].every((w) => w === 0)) return x;
  const fill = mode === "constant" && value !== 0 ? asTensor(value, x.dtype) : null;
  return emitOne(Pad, [x, fill], { pads: [...before, ...after], mode });
}

function padAxis(x: Tensor, axis: number, before: number, after: number): Tensor {
  const widths = (width: number): number[] => range(0, x.rank).map((i) => (i === axis ? width : 0));
  return pad(x, widths(before), widths(after));
}

/** x with `step` − 1 zeros between neighbours along an axis: a₀ 0 a₁ 0 a₂. */
export function spread(x: Tensor, axis: number, step: number): Tensor {
  const length = staticDim(x.shape[axis], "spread");
  const wide = padAxis(unsqueeze(x, axis + 1), axis + 1, 0, step - 1);
  const merged = wide.reshape(x.shape.map((d, i) => (i === axis ? length * step : d)));
  return slice(merged, axis, 0, (length - 1) * step + 1);
}

export const tile = (x: Tensor, repeats: readonly number[]): Tensor => emitOne(Tile, [x], { repeats });
/** The lower triangle: zeros above the k-th diagonal. */
export const tril = (x: Tensor, k = 0): Tensor => emitOne(Trilu, [x], { upper: false, k });
export const triu = (x: Tensor, k = 0): Tensor => emitOne(Trilu, [x], { upper: true, k });

/** A scalar broadcast to a shape: cheap in the graph, since large constants stay scalars. */
export const full = (shape: Shape, value: number, dtype: DType = "float32"): Tensor => expand(asTensor(value, dtype), shape);
export const zeros = (shape: Shape, dtype?: DType): Tensor => full(shape, 0, dtype);
export const ones = (shape: Shape, dtype?: DType): Tensor => full(shape, 1, dtype);
export const zerosLike = (x: Tensor): Tensor => zeros(x.shape, x.dtype);
export const onesLike = (x: Tensor): Tensor => ones(x.shape, x.dtype);
/** Keeps the first `fromAxis` axes and joins the others: [N, C, H, W] → [N, C·H·W]. */
export const flatten = (x: Tensor, fromAxis = 1): Tensor => reshape(x, [...x.shape.slice(0, fromAxis), -1]);

declare module "../graph/tensor.js" {
  interface Tensor {
    /** One dimension may be −1: it takes what is left. */
    reshape(shape: Shape): Tensor;
    /** Axes in the given order; without one, all reversed. */
    transpose(perm?: readonly number[]): Tensor;
    swapAxes(a: number, b: number): Tensor;
    expand(shape: Shape): Tensor;
    squeeze(...axes: readonly number[]): Tensor;
    unsqueeze(...axes: readonly number[]): Tensor;
    slice(axis: number, start: number, end?: number, step?: number): Tensor;
    sliceAxes(ranges: readonly SliceRange[]): Tensor;
    flip(axis: number): Tensor;
    /** Widths before and after each axis; negative widths cut. */
    pad(before: readonly number[], after: readonly number[], mode?: PadMode, value?: TensorLike): Tensor;
    /** `step` − 1 zeros between neighbours along an axis. */
    spread(axis: number, step: number): Tensor;
    flatten(fromAxis?: number): Tensor;
    /** This tensor and others, one after another along an axis. */
    concat(others: readonly Tensor[], axis?: number): Tensor;
    /** Consecutive pieces of the given lengths along an axis. */
    split(sizes: readonly number[], axis?: number): readonly Tensor[];
  }
}
Tensor.prototype.concat = function (others, axis) {
  return concat([this, ...others], axis);
};
Tensor.prototype.reshape = function (shape) {
  return reshape(this, shape);
};
Tensor.prototype.transpose = function (perm) {
  return transpose(this, perm);
};
Tensor.prototype.swapAxes = function (a, b) {
  return swapAxes(this, a, b);
};
Tensor.prototype.expand = function (shape) {
  return expand(this, shape);
};
Tensor.prototype.squeeze = function (...axes) {
  return squeeze(this, ...axes);
};
Tensor.prototype.unsqueeze = function (...axes) {
  return unsqueeze(this, ...axes);
};
Tensor.prototype.slice = function (axis, start, end, step) {
  return slice(this, axis, start, end, step);
};
Tensor.prototype.sliceAxes = function (ranges) {
  return sliceAxes(this, ranges);
};
Tensor.prototype.pad = function (before, after, mode, value) {
  return pad(this, before, after, mode, value);
};
Tensor.prototype.spread = function (axis, step) {
  return spread(this, axis, step);
};
Tensor.prototype.flip = function (axis) {
  return flip(this, axis);
};
Tensor.prototype.flatten = function (fromAxis) {
  return flatten(this, fromAxis);
};
Tensor.prototype.split = function (sizes, axis) {
  return split(this, sizes, axis);
};
