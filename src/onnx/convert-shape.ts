/**
 * @module Ops that move elements, as files write them: shapes and positions given as attributes or as inputs, by opset.
 */
import type { Dim, Tensor } from "../graph/index.js";
import {
  broadcastShapes,
  constant,
  dimCeilDiv,
  dimFloorDiv,
  dimMul,
  dimSub,
  normalizeAxis,
  staticDim,
  symbolicSize,
} from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { range } from "../util/range.js";
import { arange, nonZero } from "../ops/index.js";
import type { Call } from "./call.js";
import { type Conversion, apply, required } from "./conversion.js";

/** A place on an axis of length d, as Slice's attribute wants it: what is known relative to a free length counts from its end. */
function place(at: Dim, length: Dim, isEnd: boolean): Dim {
  if (typeof at === "number") return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, at));
  const beyond = dimSub(at, length);
  if (typeof beyond !== "number") return at;
  if (beyond < 0) return beyond;
  return isEnd ? Number.MAX_SAFE_INTEGER : at;
}

function slice(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const bounds = (i: number, name: string): readonly Dim[] => (c.has(i) ? c.dims(i, name) : required(c, name, c.ints(name)));
  const [starts, ends] = [bounds(1, "starts"), bounds(2, "ends")];
  const axes = (c.list(3, "axes") ?? starts.map((_, i) => i)).map((axis) => normalizeAxis(axis, x.rank, c.where));
  const steps = c.has(4) ? c.numbers(4, "steps") : starts.map(() => 1);
  const length = (i: number): Dim => x.shape[axes[i] as number] as Dim;
  return apply("Slice", [x], {
    starts: starts.map((at, i) => place(at, length(i), false)),
    ends: ends.map((at, i) => place(at, length(i), true)),
    axes,
    steps,
  });
}

function split(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axis = normalizeAxis(c.int("axis"), x.rank, c.where);
  let sizes: readonly Dim[] | undefined = c.has(1) ? c.dims(1, "split") : c.ints("split");
  if (sizes === undefined) {
    const count = c.int("num_outputs", c.node.outputs.length);
    if (!(count >= 1 && count <= 4096)) return c.unsupported(`a split into ${count}`);
    const length = x.shape[axis] as Dim;
    const each = dimCeilDiv(length, count);
    // Of a free length, the last piece is what the others leave.
    sizes = range(0, count).map((i) => {
      const left = dimSub(length, dimMul(each, i));
      return typeof left === "number" && typeof each === "number"
        ? Math.max(0, Math.min(each, left))
        : i === count - 1
          ? left
          : each;
    });
  }
  return apply("Split", [x], { axis, split: sizes });
}

function reshape(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const target = c.has(1) ? c.dims(1, "shape") : required(c, "shape", c.ints("shape"));
  const copies = c.int("allowzero", 0) === 0;
  return [x.reshape(target.map((d, i) => (d === 0 && copies ? (x.shape[i] ?? 0) : d)))];
}

function flatten(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const given = c.int("axis", 1);
  // −1 is the last axis; the rank itself, which makes one column, can only be said from the start.
  const axis = normalizeAxis(given < 0 ? given + x.rank : given, x.rank, c.where, true);
  return [x.reshape([symbolicSize(x.shape.slice(0, axis)), symbolicSize(x.shape.slice(axis))])];
}

function concat(c: Call): readonly Tensor[] {
  const axis = c.int("axis");
  return c.inputs.length === 1 ? [c.x(0)] : apply("Concat", c.tensors(), { axis });
}

function expand(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const shape = broadcastShapes(x.shape, c.dims(1, "shape"));
  if (shape === undefined)
    throw new DataError(
      `${c.where}: expected a shape that [${x.shape.join(", ")}] broadcasts to, got [${c.dims(1, "shape").join(", ")}]`,
    );
  return [x.expand(shape)];
}

function pad(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const given = c.has(1) ? c.dims(1, "pads") : (c.ints("pads") ?? required(c, "pads", c.ints("paddings")));
  const axes = c.has(3) ? c.numbers(3, "axes").map((axis) => normalizeAxis(axis, x.rank, c.where)) : range(0, x.rank);
  const pads = new Array<Dim>(2 * x.rank).fill(0);
  axes.forEach((axis, i) => {
    pads[axis] = given[i] as Dim;
    pads[axis + x.rank] = given[i + axes.length] as Dim;
  });
  const fixed = c.attribute("value") === undefined ? null : constant(c.float("value"), x.dtype);
  const mode = c.string("mode");
  const value = mode === "constant" ? (c.optional(2) ?? fixed) : null;
  return apply("Pad", [x, value === null || value.rank === 0 ? value : value.reshape([])], { pads, mode });
}

function squeeze(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axes = c.list(1, "axes") ?? x.shape.flatMap((d, i) => (d === 1 ? [i] : []));
  const dropped = new Set(axes.map((axis) => normalizeAxis(axis, x.rank, c.where)));
  // A free length that is dropped is 1 whenever the model is run.
  if (x.shape.some((d, axis) => dropped.has(axis) && typeof d !== "number"))
    return [x.reshape(x.shape.filter((d, axis) => !dropped.has(axis) || (typeof d === "number" && d !== 1)))];
  return axes.length === 0 ? [x] : [x.squeeze(...axes)];
}

function unsqueeze(c: Call): readonly Tensor[] {
  return [c.x(0).unsqueeze(...required(c, "axes", c.list(1, "axes")))];
}

/** Whether a block's rows and columns come before the depth in the channels (DCR) or after it (CRD). */
function blocksFirst(c: Call): boolean {
  const mode = c.string("mode", "DCR");
  if (mode !== "DCR" && mode !== "CRD") c.unsupported(`mode ${mode}`);
  return mode === "DCR";
}

function depthToSpace(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const [n, ch, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  const b = c.int("blocksize");
  const depth = staticDim(ch, c.where) / (b * b);
  const first = blocksFirst(c);
  const blocks = x.reshape(first ? [n, b, b, depth, h, w] : [n, depth, b, b, h, w]);
  return [blocks.transpose(first ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]).reshape([n, depth, dimMul(h, b), dimMul(w, b)])];
}

function spaceToDepth(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const b = c.int("blocksize");
  const [n, ch, ...lengths] = x.shape as [Dim, Dim, Dim, Dim];
  const [h, w] = lengths.map((d) => dimFloorDiv(d, b)) as [Dim, Dim];
  return [
    x
      .reshape([n, ch, h, b, w, b])
      .transpose(blocksFirst(c) ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4])
      .reshape([n, dimMul(ch, b * b), h, w]),
  ];
}

/** Slices along an axis where a mark stands; without an axis, elements of the flattened tensor. */
function compress(c: Call): readonly Tensor[] {
  const [x, marks] = [c.x(0), c.x(1)];
  const flat = c.attribute("axis") === undefined ? x.reshape([-1]) : x;
  const axis = c.attribute("axis") === undefined ? 0 : normalizeAxis(c.int("axis"), x.rank, c.where);
  return [flat.gather(nonZero(marks).squeeze(0), axis)];
}

/** Each sequence turned round up to its own length; what stands behind stays. */
function reverseSequence(c: Call): readonly Tensor[] {
  const [x, lengths] = [c.x(0), c.x(1)];
  const [time, batch] = [c.int("time_axis", 0), c.int("batch_axis", 1)];
  const along = (t: Tensor, at: number): Tensor => t.reshape(x.shape.map((_, axis) => (axis === at ? -1 : 1)));
  const [steps, ends] = [along(arange(x.shape[time] as Dim), time), along(lengths.cast("int64"), batch)];
  const positions = steps.less(ends).where(ends.sub(steps).sub(1), steps);
  return [x.gatherElements(positions.expand(x.shape), time)];
}

/** Reshaping, cutting, joining, padding and scattering. */
export const SHAPING: readonly (readonly [string, Conversion])[] = [
  ["Reshape", reshape],
  ["Flatten", flatten],
  ["Expand", expand],
  ["Squeeze", squeeze],
  ["Unsqueeze", unsqueeze],
  ["Transpose", (c) => [c.x(0).transpose(c.ints("perm"))]],
  ["Concat", concat],
  ["Slice", slice],
  ["Split", split],
  ["Pad", pad],
  ["Scatter", (c) => apply("ScatterElements", c.tensors(), { axis: c.int("axis", 0), reduction: "none" })],
  ["Compress", compress],
  ["ReverseSequence", reverseSequence],
  ["DepthToSpace", depthToSpace],
  ["SpaceToDepth", spaceToDepth],
];
