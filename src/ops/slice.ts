/**
 * @module Parts of a tensor by start, end and step.
 */
import type { Dim, Shape } from "../graph/index.js";
import {
  dimAdd,
  dimCeilDiv,
  dimMul,
  dimSub,
  FreeDimensionError,
  isFloat,
  isStatic,
  normalizeAxis,
  type Tensor,
} from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { split } from "./concat.js";
import type { Op } from "./op.js";
import { emitOne, picks } from "./op.js";
import { pad, spread } from "./pad.js";

/** Attributes of Slice: starts, ends and steps for the axes named. */
export interface SliceAttributes {
  readonly [name: string]: Shape;
  readonly starts: Shape;
  readonly ends: Shape;
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
  readonly start: Dim;
  readonly end?: Dim;
  readonly step?: number;
}

/** Ends from here on mean "to the end" of an axis of free length, as exporters write it (INT32_MAX, 1e9, …). */
const OPEN_END = 1e8;

/** Whether a place counts from the end: a negative number, or a length subtracted. */
const fromEnd = (at: Dim): boolean =>
  typeof at === "number" ? at < 0 : [...at.terms.values()].every((term) => term.coefficient < 0);

const isOpen = (end: Dim): boolean => typeof end === "number" && Math.abs(end) >= OPEN_END;

/** The indices that a slice takes: `sliceRange` where all is known; with free lengths they are taken to lie within the axis. */
function rangeOf(length: Dim, start: Dim, end: Dim, step: number, where: string): { first: Dim; count: Dim } {
  if (step === 0) throw new ShapeError(`${where}: expected a step other than 0, got 0`);
  if (typeof length === "number" && typeof start === "number" && typeof end === "number")
    return sliceRange(length, start, end, step);
  if (step < 0 && typeof start === "number" && start >= 0 && typeof length !== "number")
    throw new FreeDimensionError(`${where}: expected a known length to count down from ${start}, got ${length}; bind it first`);
  const place = (at: Dim): Dim => (fromEnd(at) ? dimAdd(length, at) : at);
  const first = place(start);
  const last = isOpen(end) ? (step > 0 ? length : -1) : place(end);
  const count = step > 0 ? dimCeilDiv(dimSub(last, first), step) : dimCeilDiv(dimSub(first, last), -step);
  return { first, count: typeof count === "number" ? Math.max(0, count) : count };
}

/** x[start:end:step] along each of `axes`, with NumPy's rules for negative numbers. */
export const Slice: Op<SliceAttributes, readonly [Tensor]> = {
  name: "Slice",
  domain: "",
  attributes: { starts: "shape", ends: "shape", axes: "ints", steps: "ints" },
  attributeInputs: { starts: { slot: 1 }, ends: { slot: 2 }, axes: { slot: 3 }, steps: { slot: 4 } },
  infer: ([x], { starts, ends, axes, steps }, where) => {
    const shape: Dim[] = [...x.shape];
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.rank, where);
      shape[axis] = rangeOf(shape[axis] as Dim, starts[i] as Dim, ends[i] as Dim, steps[i] as number, where).count;
    });
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy, attributes: { starts, ends, axes, steps } }) => {
    // Put dy back where it was taken from. Steps other than ±1 leave gaps: dy is interleaved with zeros first.
    let dx = dy;
    const before = new Array<Dim>(x.rank).fill(0);
    const after = new Array<Dim>(x.rank).fill(0);
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.rank, "Slice");
      const length = x.shape[axis] as Dim;
      let step = steps[i] as number;
      const { count, ...range } = rangeOf(length, starts[i] as Dim, ends[i] as Dim, step, "gradient of Slice");
      let { first } = range;
      if (count === 0) {
        before[axis] = length;
        return;
      }
      if (step < 0) {
        dx = flip(dx, axis);
        [first, step] = [dimAdd(first, dimMul(dimAdd(count, -1), step)), -step];
      }
      if (step > 1) dx = spread(dx, axis, step);
      before[axis] = first;
      after[axis] = dimSub(dimSub(length, first), dimAdd(dimMul(dimAdd(count, -1), step), 1));
    });
    return [pad(dx, before, after)];
  },
  cost: picks,
  batch: ({ inputs: [x], ranks, attributes }) => [
    emitOne(Slice, [x], {
      ...attributes,
      axes: attributes.axes.map((axis) => normalizeAxis(axis, ranks[0] as number, "Slice") + 1),
    }),
  ],
  lower: ({ inputs: [x], attributes: { starts, ends, axes, steps }, target }) => {
    // WebGPU slices floating point only; it splits integers, and has no kernel that cuts truth values.
    if (target !== "webgpu" || isFloat(x.dtype) || steps.some((step) => step !== 1) || !isStatic(x.shape)) return undefined;
    if (!isStatic(starts) || !isStatic(ends)) return undefined;
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

/** x[start:end:step] along one axis; `end` left out means to the end. */
export const slice = (x: Tensor, axis: number, start: Dim, end: Dim = Number.MAX_SAFE_INTEGER, step = 1): Tensor =>
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

/** The order of an axis reversed. Shape and type of x. */
export const flip = (x: Tensor, axis: number): Tensor => slice(x, axis, -1, -Number.MAX_SAFE_INTEGER, -1);
