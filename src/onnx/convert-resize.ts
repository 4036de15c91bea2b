/**
 * @module Resize and Upsample as files write them: sizes or scales, of some axes, with the coordinates of their opset.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { dimSub, normalizeAxis } from "../graph/index.js";
import { range } from "../util/range.js";
import type { Call } from "./call.js";
import { type Conversion, apply } from "./conversion.js";

function resize(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const old = c.opset < 11; // Upsample, and Resize 10: scales come second
  const nonempty = (i: number): readonly number[] | undefined => {
    const operand = c.inputs[i] ?? null;
    if (operand === null || operand.shape.includes(0)) return undefined;
    return c.numbers(i, "sizes or scales");
  };
  const given = c.ints("axes")?.map((axis) => normalizeAxis(axis, x.rank, c.where)) ?? range(0, x.rank);
  const scales = nonempty(old ? 1 : 2) ?? c.floats("scales");
  const sizes = old ? undefined : c.inputs[3] && !c.inputs[3].shape.includes(0) ? c.dims(3, "sizes") : undefined;
  const kept = range(0, given.length).filter((i) => {
    const length = x.shape[given[i] as number] as Dim;
    return sizes === undefined ? scales?.[i] !== 1 : dimSub(sizes[i] as Dim, length) !== 0;
  });
  if (kept.length === 0) return [x];
  const mode = c.string("mode", "nearest").replace("bilinear", "linear");
  const coordinates = old ? "asymmetric" : c.string("coordinate_transformation_mode");
  if (!COORDINATES.has(coordinates)) c.unsupported(`coordinate_transformation_mode ${coordinates}`);
  return apply("Resize", [x], {
    mode,
    coordinate_transformation_mode: coordinates,
    nearest_mode: old ? "floor" : c.string("nearest_mode"),
    cubic_coeff_a: c.float("cubic_coeff_a", -0.75),
    axes: kept.map((i) => given[i] as number),
    sizes: sizes === undefined ? undefined : kept.map((i) => sizes[i] as Dim),
    scales: sizes === undefined ? kept.map((i) => scales?.[i] as number) : undefined,
  });
}

const COORDINATES: ReadonlySet<string> = new Set(
  "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric".split(" "),
);

/** Resampling. */
export const RESIZING: readonly (readonly [string, Conversion])[] = [
  ["Resize", resize],
  ["Upsample", resize],
];
