/**
 * @module Parts of a tensor by start, end and step.
 */
import type { Dim } from "../graph/index.js";
import { dimAdd, dimSub, constant, formatShape, isFloat, isStatic, normalizeAxis, type Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { concat, split } from "./concat.js";
import type { Op } from "./op.js";
import { emitOne, moves } from "./op.js";
import { pad, spread } from "./pad.js";

export interface SliceAttributes {
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

/** A slice of step 1 with zeros around it, as many as the free length of the axis has. */
function putBack(y: Tensor, axis: number, length: Dim, start: number, end: number): Tensor {
  const zeros = (count: Dim): Tensor[] =>
    count === 0 ? [] : [constant(0, y.dtype).expand(y.shape.map((d, i) => (i === axis ? count : d)))];
  const isSuffix = end >= Number.MAX_SAFE_INTEGER;
  const before = start >= 0 ? start : dimAdd(length, start);
  const after = isSuffix ? 0 : end < 0 ? -end : dimSub(length, end);
  return concat([...zeros(before), y, ...zeros(after)], axis);
}

/** x[start:end:step] along each of `axes`, with NumPy's rules for negative numbers. */
export const Slice: Op<SliceAttributes, readonly [Tensor]> = {
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
    let dx = dy;
    const before = new Array<number>(x.rank).fill(0);
    const after = new Array<number>(x.rank).fill(0);
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.rank, "Slice");
      const length = x.shape[axis] as Dim;
      if (typeof length !== "number") {
        dx = putBack(dx, axis, length, starts[i] as number, ends[i] as number);
        return;
      }
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
    return [before.some((n) => n > 0) || after.some((n) => n > 0) ? pad(dx, before, after) : dx];
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
