/**
 * @module Forms of Resize that the table's op does not have, as products with constant matrices: filters that are widened against aliasing, windows without
 * what lies outside, crops with a value for what they miss.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers } from "../graph/index.js";
import type { CoordinateMode, NearestMode, ResizeMode } from "../ops/index.js";
import { cubicWeight, NEAREST, sourcePosition } from "../ops/index.js";
import { range } from "../util/range.js";

export interface Resampling {
  readonly mode: ResizeMode;
  readonly coordinates: CoordinateMode | "tf_crop_and_resize";
  readonly nearest: NearestMode;
  readonly cubicCoefficient: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  /** The value of positions outside x, for crops. */
  readonly extrapolation: number;
}

export interface ResampledAxis {
  readonly axis: number;
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  /** The part of the axis that a crop takes, 0 … 1. */
  readonly crop: readonly [number, number];
}

/** The input coordinate of output position i. */
function positionOf(i: number, { input, output, scale, crop }: ResampledAxis, { coordinates }: Resampling): number {
  if (coordinates !== "tf_crop_and_resize") return sourcePosition(coordinates, i, scale, input, output);
  const [first, last] = crop;
  const step = output > 1 ? (i * (last - first) * (input - 1)) / (output - 1) : ((first + last) * (input - 1)) / 2;
  return output > 1 ? first * (input - 1) + step : step;
}

/** Weights of the input's positions for output place i; they are 1 in sum, or all 0 outside a crop. */
function rowOf(i: number, along: ResampledAxis, o: Resampling): Float64Array {
  const { input, scale } = along;
  const row = new Float64Array(input);
  const x = positionOf(i, along, o);
  if (o.coordinates === "tf_crop_and_resize" && (x < 0 || x > input - 1)) return row;
  const put = (place: number, weight: number): void => {
    if (o.excludeOutside && (place < 0 || place >= input)) return;
    const at = Math.min(Math.max(place, 0), input - 1);
    row[at] = (row[at] as number) + weight;
  };
  // When x becomes smaller, the filter reaches as much farther.
  const shrink = o.antialias ? Math.min(scale, 1) : 1;
  if (o.mode === "nearest") put(NEAREST[o.nearest](x), 1);
  else {
    const reach = (o.mode === "linear" ? 1 : 2) / shrink;
    for (let place = Math.ceil(x - reach); place <= Math.floor(x + reach); place++) {
      const distance = (x - place) * shrink;
      put(place, o.mode === "linear" ? Math.max(0, 1 - Math.abs(distance)) : cubicWeight(distance, o.cubicCoefficient));
    }
  }
  const sum = row.reduce((a, b) => a + b, 0);
  return sum === 0 ? row : row.map((weight) => weight / sum);
}

/** x at other lengths along axes. */
export function resample(x: Tensor, axes: readonly ResampledAxis[], o: Resampling): Tensor {
  let y = x;
  let inside: Tensor | null = null;
  for (const along of axes) {
    const rows = range(0, along.output).map((i) => rowOf(i, along, o));
    const numbers = rows.flatMap((row) => [...row]);
    const matrix = constant(fromNumbers(x.dtype, [along.output, along.input], numbers));
    y = matrix.matMul(y.swapAxes(along.axis, -2)).swapAxes(along.axis, -2);
    if (o.coordinates !== "tf_crop_and_resize") continue;
    const shape = y.shape.map((_, axis) => (axis === along.axis ? along.output : 1));
    const hits = rows.map((row) => (row.some((weight) => weight !== 0) ? 1 : 0));
    const own = constant(fromNumbers(x.dtype, shape, hits));
    inside = inside === null ? own : inside.mul(own);
  }
  return inside === null || o.extrapolation === 0 ? y : y.add(inside.neg().add(1).mul(o.extrapolation)); // prettier-ignore
}
