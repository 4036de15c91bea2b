/**
 * @module Resize and Upsample as files write them: sizes or scales, of some axes, with the coordinates of their opset.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { dimSub, isFloat, normalizeAxis, staticDim } from "../graph/index.js";
import type { CoordinateMode } from "../ops/index.js";
import { range } from "../util/range.js";
import type { Call } from "./call.js";
import { type Conversion, apply } from "./conversion.js";
import { resample } from "./convert-resample.js";

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
  const coordinates = old ? "asymmetric" : c.string("coordinate_transformation_mode");
  const mode = c.string("mode", "nearest").replace("bilinear", "linear");
  const policy = c.string("keep_aspect_ratio_policy", "stretch");
  const isRare =
    coordinates === "tf_crop_and_resize" ||
    c.flag("antialias", false) ||
    c.flag("exclude_outside", false) ||
    policy !== "stretch";
  if (isRare) return [rarely(c, x, { axes: given, scales, sizes, coordinates, mode, policy })];
  const kept = range(0, given.length).filter((i) => {
    const length = x.shape[given[i] as number] as Dim;
    return sizes === undefined ? scales?.[i] !== 1 : dimSub(sizes[i] as Dim, length) !== 0;
  });
  if (kept.length === 0) return [x];
  if (!COORDINATES.has(coordinates)) c.unsupported(`coordinate_transformation_mode ${coordinates}`);
  const isReal = isFloat(x.dtype);
  return apply("Resize", [isReal ? x : x.cast("float32")], {
    mode,
    coordinate_transformation_mode: coordinates,
    nearest_mode: old ? "floor" : c.string("nearest_mode"),
    cubic_coeff_a: c.float("cubic_coeff_a", -0.75),
    axes: kept.map((i) => given[i] as number),
    sizes: sizes === undefined ? undefined : kept.map((i) => sizes[i] as Dim),
    scales: sizes === undefined ? kept.map((i) => scales?.[i] as number) : undefined,
  }).map((y) => y.cast(x.dtype));
}

interface Asked {
  readonly axes: readonly number[];
  readonly scales: readonly number[] | undefined;
  readonly sizes: readonly Dim[] | undefined;
  readonly coordinates: string;
  readonly mode: string;
  readonly policy: string;
}

/** Returns `given` as one of the `allowed` names, or refuses it as unsupported. */
function oneOf<T extends string>(c: Call, what: string, given: string, allowed: readonly T[]): T {
  return allowed.find((name) => name === given) ?? c.unsupported(`${what} ${given}`);
}

/** The lengths that a node asks for, where both are held to one scale. */
function keptRatio(c: Call, policy: string, scales: readonly number[]): number {
  const [smallest, largest] = [Math.min(...scales), Math.max(...scales)];
  return oneOf(c, "keep_aspect_ratio_policy", policy, ["not_larger", "not_smaller"]) === "not_larger" ? smallest : largest;
}

/** Forms that the table's op does not have. */
function rarely(c: Call, x: Tensor, { axes, scales, sizes, coordinates, mode, policy }: Asked): Tensor {
  const lengths = axes.map((axis) => staticDim(x.shape[axis], c.where));
  const asked = sizes?.map((d) => staticDim(d, c.where));
  const each =
    asked?.map((size, i) => size / (lengths[i] as number)) ?? scales ?? c.unsupported("a form without sizes or scales");
  const one = asked === undefined || policy === "stretch" ? undefined : keptRatio(c, policy, each);
  const crop = coordinates === "tf_crop_and_resize" ? c.numbers(1, "roi") : undefined;
  const plans = axes.map((axis, i) => {
    const [input, scale] = [lengths[i] as number, one ?? (each[i] as number)];
    const output = one !== undefined ? Math.floor(one * input + 0.5) : (asked?.[i] ?? Math.floor(input * scale));
    const part: readonly [number, number] = [crop?.[i] ?? 0, crop?.[i + axes.length] ?? 1];
    return { axis, input, output, scale, crop: part };
  });
  const changed = plans.filter(
    ({ input, output, scale, crop: [from, to] }) => input !== output || scale !== 1 || from !== 0 || to !== 1,
  );
  return resample(x, changed, {
    mode: oneOf(c, "mode", mode, ["nearest", "linear", "cubic"]),
    coordinates: oneOf(c, "coordinate_transformation_mode", coordinates, [...MODES, "tf_crop_and_resize"] as const),
    nearest: oneOf(c, "nearest_mode", c.string("nearest_mode"), ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
    cubicCoefficient: c.float("cubic_coeff_a", -0.75),
    antialias: c.flag("antialias", false),
    excludeOutside: c.flag("exclude_outside", false),
    extrapolation: c.float("extrapolation_value", 0),
  });
}

const MODES: readonly CoordinateMode[] = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
];
const COORDINATES: ReadonlySet<string> = new Set(MODES);

/** Resampling. */
export const RESIZING: readonly (readonly [string, Conversion])[] = [
  ["Resize", resize],
  ["Upsample", resize],
];
