/**
 * @module Sampling: values of x read at positions that a tensor gives, by weights of the elements around them.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, fromNumbers, sizeOf, staticDim, staticShape, stridesOf, symbolicSize } from "../graph/index.js";
import * as ops from "../ops/index.js";
import { range } from "../util/range.js";
import type { Call } from "./call.js";
import type { Conversion } from "./conversion.js";

/** An element along one axis, and how much it weighs. */
interface Tap {
  /** A whole number, of a floating-point type. */
  readonly place: Tensor;
  readonly weight: Tensor | null;
}

interface Border {
  readonly mode: "zeros" | "border" | "reflection";
  readonly isAligned: boolean;
}

/** Reflects a coordinate at the borders as often as it takes. */
function reflected(place: Tensor, length: number, { isAligned }: Border): Tensor {
  const [low, span] = isAligned ? [0, length - 1] : [-0.5, length];
  if (span === 0) return place.mul(0);
  const distance = place.sub(low).abs();
  const rest = distance.sub(distance.div(2 * span).floor().mul(2 * span)); // prettier-ignore
  return rest.sub(span).abs().neg().add(span + low).clip(0, length - 1); // prettier-ignore
}

function kept(place: Tensor, length: number, border: Border): Tensor {
  if (border.mode === "border") return place.clip(0, length - 1);
  return border.mode === "reflection" ? reflected(place, length, border) : place;
}

/** Keys' cubic weights of the four elements around a place that is `t` behind the second. Keys 1981, with a = −0.75 as PyTorch has it. */
function cubicWeights(t: Tensor): readonly Tensor[] {
  const a = -0.75;
  const near = (d: Tensor): Tensor => d.mul(a + 2).sub(a + 3).mul(d).mul(d).add(1); // prettier-ignore
  const far = (d: Tensor): Tensor => d.mul(a).sub(5 * a).mul(d).add(8 * a).mul(d).sub(4 * a); // prettier-ignore
  const back = t.neg().add(1);
  return [far(t.add(1)), near(t), near(back), far(back.add(1))];
}

/** Taps to read along one axis for positions counted in elements: one for nearest, two for linear, four for cubic. */
function tapsOf(c: Call, mode: string, place: Tensor, length: number, border: Border): readonly Tap[] {
  if (mode === "nearest") return [{ place: kept(place, length, border).round(), weight: null }];
  if (mode === "cubic") {
    const first = place.floor();
    return cubicWeights(place.sub(first)).map((weight, i) => ({ place: kept(first.add(i - 1), length, border), weight }));
  }
  if (mode !== "linear") return c.unsupported(`mode ${mode}`);
  const held = kept(place, length, border);
  const first = held.floor();
  const behind = held.sub(first);
  return [
    { place: first, weight: behind.neg().add(1) },
    { place: first.add(1), weight: behind },
  ];
}

/** Every choice of one item of each list. */
const choices = <T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] =>
  lists.reduce<readonly (readonly T[])[]>((all, list) => all.flatMap((chosen) => list.map((item) => [...chosen, item])), [[]]);

/** Values of x [N, C, …lengths] at one element for each of P positions: [N, C, P]; 0 outside. The taps are [N, P]. */
function readAt(x: Tensor, lengths: readonly number[], taps: readonly Tap[]): Tensor {
  const [n, channels] = x.shape as [Dim, Dim];
  const strides = stridesOf(lengths);
  const parts = taps.map(({ place, weight }, i) => {
    const last = (lengths[i] as number) - 1;
    const inside = place.greaterOrEqual(0).and(place.lessOrEqual(last)).cast(x.dtype);
    const at = place.clip(0, last).cast("int64").mul(strides[i] as number); // prettier-ignore
    return { at, weight: weight === null ? inside : weight.mul(inside) };
  });
  const { at: positions, weight } = parts.reduce((a, b) => ({ at: a.at.add(b.at), weight: a.weight.mul(b.weight) }));
  const flat = x.reshape([n, channels, sizeOf(lengths)]);
  const read = flat.gatherElements(positions.unsqueeze(1).expand([n, channels, positions.shape[1] as Dim]), 2);
  return read.mul(weight.unsqueeze(1));
}

/**
 * x [N, C, …lengths] read at the positions of a grid [N, …out, k], whose last axis counts the axes of x from the last one on, −1 to 1 over each.
 * Source: Jaderberg et al. 2015, arXiv:1506.02025; ONNX, GridSample 16 to 22.
 */
function gridSample(c: Call): readonly Tensor[] {
  const [x, grid] = [c.x(0), c.x(1).cast(c.x(0).dtype)];
  const lengths = staticShape(x.shape.slice(2), c.where);
  const mode =
    ({ bilinear: "linear", bicubic: "cubic" } as Record<string, string>)[c.string("mode", "linear")] ??
    c.string("mode", "linear");
  const named = c.string("padding_mode", "zeros");
  if (named !== "zeros" && named !== "border" && named !== "reflection") return c.unsupported(`padding_mode ${named}`);
  const border: Border = { mode: named, isAligned: c.flag("align_corners", false) };
  const [n, channels] = x.shape as [Dim, Dim];
  const out = grid.shape.slice(1, -1);
  const count = lengths.length;
  const coordinates = grid.reshape([n, symbolicSize(out), count]).split(new Array<number>(count).fill(1), 2);
  const taps = lengths.map((length, i) => {
    const g = (coordinates[count - 1 - i] as Tensor).squeeze(2);
    const place = border.isAligned ? g.add(1).mul((length - 1) / 2) : g.add(1).mul(length / 2).sub(0.5); // prettier-ignore
    return tapsOf(c, mode, place, length, border);
  });
  const [first, ...rest] = choices(taps).map((chosen) => readAt(x, lengths, chosen)) as [Tensor, ...Tensor[]];
  return [rest.reduce((sum, part) => sum.add(part), first).reshape([n, channels, ...out])];
}

/** Places of an affine map: a grid over −1 … 1 of each axis, times theta [N, k, k + 1]. */
function affineGrid(c: Call): readonly Tensor[] {
  const theta = c.x(0);
  const [, , ...lengths] = c.numbers(1, "size");
  const isAligned = c.flag("align_corners", false);
  const along = (i: number, length: number): number => {
    if (isAligned) return length === 1 ? 0 : (2 * i) / (length - 1) - 1;
    return (2 * i + 1) / length - 1;
  };
  const rows = choices(lengths.map((length) => range(0, length).map((i) => along(i, length))));
  const base = rows.flatMap((row) => [...[...row].reverse(), 1]);
  const grid = constant(fromNumbers(theta.dtype, [rows.length, lengths.length + 1], base));
  return [grid.matMul(theta.swapAxes(-1, -2)).reshape([theta.shape[0] as Dim, ...lengths, lengths.length])];
}

/** Puts the values that maximum pooling kept back at their positions, with zeros elsewhere. */
function maxUnpool(c: Call): readonly Tensor[] {
  const [x, positions] = [c.x(0), c.x(1)];
  const kernel = c.ints("kernel_shape") ?? c.unsupported("a window without kernel_shape");
  const strides = c.ints("strides") ?? kernel.map(() => 1);
  const pads = c.ints("pads") ?? [...kernel, ...kernel].map(() => 0);
  const spatial = kernel.map((k, i) => {
    const cut = (pads[i] as number) + (pads[i + kernel.length] as number);
    return (staticDim(x.shape[i + 2], c.where) - 1) * (strides[i] as number) + k - cut;
  });
  const inferred = [...staticShape(x.shape.slice(0, 2), c.where), ...spatial];
  const asked = c.has(2) ? c.numbers(2, "output_shape") : inferred;
  const flat = ops.zeros([sizeOf(inferred)], x.dtype).scatterElements(positions.reshape([-1]), x.reshape([-1])).reshape(inferred); // prettier-ignore
  const after = asked.map((d, i) => d - (inferred[i] as number));
  return [after.every((d) => d === 0) ? flat : flat.pad(after.map(() => 0), after)]; // prettier-ignore
}

/** Cut or filled with zeros on both sides to given lengths. */
function centerCropPad(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const sizes = c.numbers(1, "shape");
  const axes = (c.ints("axes") ?? x.shape.map((_, i) => i)).map((axis) => (axis < 0 ? axis + x.rank : axis));
  const before = x.shape.map(() => 0);
  const after = x.shape.map(() => 0);
  const ranges: { axis: number; start: number; end: number }[] = [];
  axes.forEach((axis, i) => {
    const [length, size] = [staticDim(x.shape[axis], c.where), sizes[i] as number];
    const cut = Math.floor((length - size) / 2);
    if (length > size) ranges.push({ axis, start: cut, end: cut + size });
    before[axis] = Math.max(0, Math.floor((size - length) / 2));
    after[axis] = Math.max(0, size - length) - before[axis];
  });
  const cut = ranges.length === 0 ? x : x.sliceAxes(ranges);
  return [[...before, ...after].every((d) => d === 0) ? cut : cut.pad(before, after)];
}

/** Col2Im: sums columns of windows where they overlap, the transpose of unfolding a picture. */
function col2Im(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const [image, block] = [c.numbers(1, "image_shape"), c.numbers(2, "block_shape")];
  const ones = block.map(() => 1);
  const [strides, dilations] = [c.ints("strides") ?? ones, c.ints("dilations") ?? ones];
  const pads = c.ints("pads") ?? [...ones, ...ones].map(() => 0);
  const positions = image.map((length, i) => {
    const free =
      length +
      (pads[i] as number) +
      (pads[i + block.length] as number) -
      (dilations[i] as number) * ((block[i] as number) - 1) -
      1;
    return Math.floor(free / (strides[i] as number)) + 1;
  });
  const [n, columns] = x.shape as [Dim, number];
  const taps = sizeOf(block);
  const group = columns / taps;
  const identity = Array.from({ length: taps * taps }, (_, i) => (i % (taps + 1) === 0 ? 1 : 0));
  const weights = constant(fromNumbers(x.dtype, [1, taps, 1, ...block], identity)).expand([group, taps, 1, ...block]);
  const output_padding = image.map((length, i) => {
    const reach =
      ((positions[i] as number) - 1) * (strides[i] as number) + (dilations[i] as number) * ((block[i] as number) - 1) + 1;
    return length - (reach - (pads[i] as number) - (pads[i + block.length] as number));
  });
  const attributes = { kernel_shape: block, strides, dilations, pads, group, output_padding };
  return ops.emit(
    ops.opNamed("ConvTranspose"),
    [x.reshape([n, columns, ...positions]), weights.reshape([columns, 1, ...block]), null],
    attributes,
  );
}

/** Sampling, and what puts pieces back together. */
export const SAMPLING: readonly (readonly [string, Conversion])[] = [
  ["GridSample", gridSample],
  ["AffineGrid", affineGrid],
  ["MaxUnpool", maxUnpool],
  ["CenterCropPad", centerCropPad],
  ["Col2Im", col2Im],
];
