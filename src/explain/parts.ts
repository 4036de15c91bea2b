/**
 * @module Parts of an example, for methods that switch parts on and off: superpixels of an image, tokens of a text, columns of a table.
 */
import type { TensorData } from "../graph/index.js";
import { formatShape, sizeOf, toNumbers } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Features } from "./explainable.js";
import { imageAxes } from "./explainable.js";
import { slic } from "./slic.js";

export interface ElementParts {
  /** The part of each element. */
  readonly partOf: Int32Array<ArrayBuffer>;
  readonly names: readonly string[];
}

/** Number of elements above which a tensor of no known kind is cut into blocks instead of single elements. */
const MOST_ELEMENTS = 64;

/** The parts of one example x [1, …features]: superpixels, tokens, columns, or equal blocks. */
export function partsOf(features: Features, x: TensorData, superpixels: number): ElementParts {
  const shape = x.shape.slice(1);
  const size = sizeOf(shape);
  if (imageAxes(features) !== undefined) return imageParts(features, x, superpixels);
  if (features.kind === "tokens" || features.kind === "table") {
    const count = shape[0] ?? 1;
    const each = size / count;
    const what = features.kind === "tokens" ? "token" : "feature";
    return {
      partOf: Int32Array.from({ length: size }, (_, e) => Math.floor(e / each)),
      names: Array.from({ length: count }, (_, i) => features.names?.[i] ?? `${what} ${i}`),
    };
  }
  const count = Math.min(size, MOST_ELEMENTS);
  return {
    partOf: Int32Array.from({ length: size }, (_, e) => Math.floor((e * count) / size)),
    names: Array.from({ length: count }, (_, i) => (count === size ? `element ${i}` : `block ${i}`)),
  };
}

/**
 * The parts of a mask: elements with the same number belong together. `mask` has the features' shape, or that of an image's pixels [H, W].
 *
 * Errors: ShapeError for a mask of another size.
 */
export function maskedParts(features: Features, shape: readonly number[], mask: TensorData): ElementParts {
  const size = sizeOf(shape);
  const isImage = imageAxes(features) !== undefined;
  const { rows, columns, pixelOf } = planesOf(features, shape);
  const isPlane = isImage && mask.shape.length === 2 && mask.shape[0] === rows && mask.shape[1] === columns;
  if (!isPlane && formatShape(mask.shape) !== formatShape(shape)) {
    const expected = isImage ? `${formatShape([rows, columns])}, a part's number for each pixel` : formatShape(shape);
    throw new ShapeError(`mask: expected ${expected}, got ${formatShape(mask.shape)}`);
  }
  const numbers = toNumbers(mask);
  const kinds = [...new Set(numbers)].sort((a, b) => a - b);
  const positions = new Map(kinds.map((kind, i) => [kind, i]));
  return {
    partOf: Int32Array.from({ length: size }, (_, e) => positions.get(numbers[isPlane ? pixelOf(e) : e] as number) as number),
    names: kinds.map((kind) => `part ${kind}`),
  };
}

function imageParts(features: Features, x: TensorData, superpixels: number): ElementParts {
  const { plane, pixelOf, channelOf, rows, columns, channels } = planesOf(features, x.shape.slice(1));
  const numbers = toNumbers(x);
  const data = new Float64Array(plane * channels);
  numbers.forEach((v, e) => (data[pixelOf(e) * channels + channelOf(e)] = v));
  const labels = slic({ rows, columns, channels, data }, { superpixels });
  const count = labels.reduce((most, k) => Math.max(most, k), 0) + 1;
  return {
    partOf: Int32Array.from({ length: numbers.length }, (_, e) => labels[pixelOf(e)] as number),
    names: Array.from({ length: count }, (_, i) => `superpixel ${i}`),
  };
}

/** An image's elements as pixels and channels, whichever axis holds the channels. */
export function planesOf(
  features: Features,
  shape: readonly number[],
): {
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly plane: number;
  readonly pixelOf: (element: number) => number;
  readonly channelOf: (element: number) => number;
} {
  const axes = imageAxes(features) ?? { channels: 0, rows: 1, columns: 2 };
  const [rows, columns, channels] = [axes.rows, axes.columns, axes.channels].map((axis) => shape[axis] ?? 1) as [
    number,
    number,
    number,
  ];
  const plane = rows * columns;
  const first = axes.channels === 0;
  return {
    rows,
    columns,
    channels,
    plane,
    pixelOf: first ? (e) => e % plane : (e) => Math.floor(e / channels),
    channelOf: first ? (e) => Math.floor(e / plane) : (e) => e % channels,
  };
}
