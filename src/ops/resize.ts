/**
 * @module Resize: pictures and maps made larger or smaller by interpolation. Along each axis it is a product with a matrix of
 * weights; the gradient is the product with its transpose.
 */
import type { Dim, Shape } from "../graph/index.js";
import {
  constant,
  dimFloorDiv,
  dimMul,
  formatShape,
  FreeDimensionError,
  fromNumbers,
  isFloat,
  normalizeAxes,
  normalizeAxis,
  staticDim,
  type Tensor,
} from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op } from "./op.js";
import { bytesMoved, elementCount, emitOne, expectDType } from "./op.js";

type One = readonly [Tensor];

/** Interpolation between pixels. */
export type ResizeMode = "nearest" | "linear" | "cubic";
/** Position of a pixel of the result in the original, as ONNX names it. */
export type CoordinateMode = "half_pixel" | "half_pixel_symmetric" | "pytorch_half_pixel" | "align_corners" | "asymmetric";
/** Rounding of a position to a pixel. */
export type NearestMode = "round_prefer_floor" | "round_prefer_ceil" | "floor" | "ceil";

/** Either `sizes` or `scales` is given, one number per axis of `axes`. */
interface ResizeAttributes {
  readonly [name: string]: string | number | Shape | undefined;
  readonly mode: ResizeMode;
  readonly coordinate_transformation_mode: CoordinateMode;
  readonly nearest_mode: NearestMode;
  readonly cubic_coeff_a: number;
  readonly axes: readonly number[];
  readonly sizes: Shape | undefined;
  readonly scales: readonly number[] | undefined;
}

/** The position of element i of an output of length `output` on an input of length `input`. */
export function sourcePosition(mode: CoordinateMode, i: number, scale: number, input: number, output: number): number {
  if (mode === "asymmetric") return i / scale;
  if (mode === "align_corners") return output === 1 ? 0 : (i * (input - 1)) / (output - 1);
  if (mode === "pytorch_half_pixel" && output === 1) return 0;
  const shift = mode === "half_pixel_symmetric" ? (input / 2) * (1 - output / (scale * input)) : 0;
  return shift + (i + 0.5) / scale - 0.5;
}

/** Rounding rules of `nearest`, by name. */
export const NEAREST: Readonly<Record<NearestMode, (x: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
};

/** Cubic convolution. Keys 1981, equation 15, with −a for its ½. */
export function cubicWeight(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

/** The weights of the input's positions (columns) in the output's (rows), row-major; positions outside count as the border's. */
function weightMatrix(attributes: ResizeAttributes, input: number, output: number, scale: number): Float64Array {
  const { mode, coordinate_transformation_mode: coordinates, nearest_mode: nearest, cubic_coeff_a: a } = attributes;
  const weights = new Float64Array(output * input);
  const put = (i: number, place: number, weight: number): void => {
    const at = i * input + Math.min(Math.max(place, 0), input - 1);
    weights[at] = (weights[at] as number) + weight;
  };
  for (let i = 0; i < output; i++) {
    const x = sourcePosition(coordinates, i, scale, input, output);
    const low = Math.floor(x);
    if (mode === "nearest") put(i, NEAREST[nearest](x), 1);
    else if (mode === "linear") {
      put(i, low, 1 - (x - low));
      put(i, low + 1, x - low);
    } else for (let place = low - 1; place <= low + 2; place++) put(i, place, cubicWeight(x - place, a));
  }
  return weights;
}

/** ⌊length · scale⌋, of a free length where the scale is a whole number or one over it. */
function scaled(length: Dim, scale: number, where: string): Dim {
  if (typeof length === "number") return Math.floor(length * scale);
  if (Number.isInteger(scale)) return dimMul(length, scale);
  if (Number.isInteger(1 / scale)) return dimFloorDiv(length, 1 / scale);
  throw new FreeDimensionError(`${where}: expected a known length to scale by ${scale}, got ${length}; bind it first`);
}

/** The resampling of one axis. */
interface AxisPlan {
  readonly axis: number;
  readonly input: number;
  readonly output: number;
  readonly weights: Float64Array;
}

function plansOf(x: Tensor, attributes: ResizeAttributes, where: string): AxisPlan[] {
  const { axes, sizes, scales } = attributes;
  return axes.flatMap((given, i) => {
    const axis = normalizeAxis(given, x.rank, where);
    const input = staticDim(x.shape[axis], where);
    const output = sizes === undefined ? Math.floor(input * (scales?.[i] as number)) : staticDim(sizes[i], where);
    const scale = scales?.[i] ?? output / input;
    if (output === input && scale === 1) return [];
    return [{ axis, input, output, weights: weightMatrix(attributes, input, output, scale) }];
  });
}

/** Product of the matrix [rows, columns] with x along `axis`. */
function alongAxis(matrix: Tensor, x: Tensor, axis: number): Tensor {
  if (axis === x.rank - 1) return x.matMul(matrix.transpose());
  if (axis === x.rank - 2) return matrix.matMul(x);
  return matrix.matMul(x.swapAxes(axis, -2)).swapAxes(axis, -2);
}

const matrixOf = ({ weights, input, output }: AxisPlan, dtype: Tensor["dtype"]): Tensor =>
  constant(fromNumbers(dtype, [output, input], weights));

/** The whole number of equal neighbours that every element becomes (nearest, enlarging), or undefined. */
function repeatsOf({ input, output, weights }: AxisPlan): number | undefined {
  const repeats = output / input;
  if (!Number.isInteger(repeats)) return undefined;
  for (let i = 0; i < output; i++) if (weights[i * input + Math.floor(i / repeats)] !== 1) return undefined;
  return repeats;
}

/** dy summed over the positions that each position of x went to: the transposed matrix, or a plain sum over repeats. */
function transposedAlong(plan: AxisPlan, dy: Tensor): Tensor {
  const repeats = repeatsOf(plan);
  if (repeats === undefined) return alongAxis(matrixOf(plan, dy.dtype).transpose(), dy, plan.axis);
  const { axis, input } = plan;
  return dy.reshape([...dy.shape.slice(0, axis), input, repeats, ...dy.shape.slice(axis + 1)]).sum(axis + 1);
}

/**
 * x at other lengths along `axes`: the nearest position, linear or cubic interpolation.
 *
 * Source: ONNX 1.18, Resize 19, without region of interest and antialiasing.
 */
export const Resize: Op<ResizeAttributes, One> = {
  name: "Resize",
  domain: "",
  attributes: {
    mode: "string",
    coordinate_transformation_mode: "string",
    nearest_mode: "string",
    cubic_coeff_a: "float",
    axes: "ints",
    sizes: "shape",
    scales: "floats",
  },
  attributeInputs: { scales: { slot: 2 }, sizes: { slot: 3 } },
  infer: ([x], { axes, sizes, scales }, where) => {
    expectDType(where, x.dtype, isFloat, "a floating-point operand");
    normalizeAxes(axes, x.rank, where);
    if ((sizes === undefined) === (scales === undefined) || (sizes ?? scales)?.length !== axes.length) {
      throw new ShapeError(`${where}: expected ${axes.length} sizes or as many scales for ${formatShape(x.shape)}`);
    }
    const shape: Dim[] = [...x.shape];
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.rank, where);
      const length = x.shape[axis] as Dim;
      shape[axis] = sizes?.[i] ?? scaled(length, scales?.[i] as number, where);
    });
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], dy, attributes }) => [
    plansOf(x, attributes, "gradient of Resize").reduce((d, plan) => transposedAlong(plan, d), dy),
  ],
  cost: (node) => ({
    flops:
      { nearest: 0, linear: 8, cubic: 40 }[node.attributes["mode"] as ResizeMode] *
      elementCount((node.outputs[0] as Tensor).shape),
    bytes: bytesMoved(node),
  }),
  batch: ({ inputs: [x], ranks, attributes }) => [
    emitOne(Resize, [x], {
      ...attributes,
      axes: attributes.axes.map((axis) => normalizeAxis(axis, ranks[0] as number, "Resize") + 1),
    }),
  ],
  lower: ({ inputs: [x], attributes, target }) => {
    // The engine interpolates over the last two axes of four, and nothing else on every device.
    const inside = attributes.axes.every((axis) => normalizeAxis(axis, x.rank, "Resize") >= x.rank - 2);
    const known = attributes.mode === "nearest" || (x.rank === 4 && inside);
    if (known || target === "onnx") return undefined;
    return [plansOf(x, attributes, "Resize").reduce((y, plan) => alongAxis(matrixOf(plan, x.dtype), y, plan.axis), x)];
  },
};

/** Entries of the op table: Resize. */
export const resizing = [Resize] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Options of resizing: new sizes or factors for the axes named, interpolation and rounding. */
export interface ResizeOptions {
  /** Left out, the last axes: as many as sizes or scales are given. */
  readonly axes?: readonly number[];
  readonly sizes?: readonly number[];
  readonly scales?: readonly number[];
  readonly mode?: ResizeMode;
  readonly coordinates?: CoordinateMode;
  readonly nearest?: NearestMode;
  readonly cubicCoefficient?: number;
}

/** `resize(x, { sizes: [56, 56], mode: "linear" })`: [N, C, H, W] → [N, C, 56, 56], as PyTorch's `interpolate`. */
export function resize(x: Tensor, options: ResizeOptions): Tensor {
  const { sizes, scales, mode = "nearest", cubicCoefficient = -0.75 } = options;
  const count = (sizes ?? scales ?? []).length;
  const axes = options.axes ?? Array.from({ length: count }, (_, i) => x.rank - count + i);
  return emitOne(Resize, [x], {
    mode,
    // PyTorch's nearest takes floor(i / scale), its others align half pixels.
    coordinate_transformation_mode: options.coordinates ?? (mode === "nearest" ? "asymmetric" : "half_pixel"),
    nearest_mode: options.nearest ?? "floor",
    cubic_coeff_a: cubicCoefficient,
    axes,
    sizes,
    scales,
  });
}
