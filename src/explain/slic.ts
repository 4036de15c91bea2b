/**
 * @module Superpixels: patches of an image that keep to its edges, what LIME and SHAP switch on and off in images.
 */

/** An image as colours [rows · columns, channels], row-major. */
export interface Pixels {
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly data: Float64Array;
}

export interface SlicOptions {
  /** How many superpixels are aimed at; there may be fewer. */
  readonly superpixels?: number;
  /** How much place weighs against colour: colours are scaled to the image's range, and 0.1 is a tenth of it. */
  readonly compactness?: number;
  readonly iterations?: number;
}

/**
 * The superpixel of each pixel, [rows · columns], numbered from 0 without gaps.
 *
 * k-means over colour and place, each centre searched only 2·S around it, where S is the side of a square of a superpixel's area; then every
 * superpixel is one connected piece: pieces smaller than a quarter of S² go to a neighbour.
 * Source: Achanta et al., SLIC superpixels compared to state-of-the-art superpixel methods, 2012, algorithm 1.
 * Differs from the source: colours are compared as they are, not in CIELAB, since a model's features need not be colours; centres start in the middle of
 * their cells.
 */
export function slic(image: Pixels, options: SlicOptions = {}): Int32Array<ArrayBuffer> {
  const { superpixels = 50, compactness = 0.2, iterations = 10 } = options;
  const { rows, columns } = image;
  const side = Math.sqrt((rows * columns) / Math.max(1, Math.min(superpixels, rows * columns)));
  const colors = scaled(image);
  const centers = startingCenters(colors, image, side);
  const labels = new Int32Array(rows * columns);
  for (let round = 0; round < iterations; round++) {
    assign(labels, centers, colors, image, side, compactness);
    if (!recenter(centers, labels, colors, image)) break;
  }
  // What noise tears to pieces is joined until there are no more than asked for.
  for (let smallest = Math.max(1, Math.floor((side * side) / 4)); ; smallest = Math.ceil(smallest * 1.5)) {
    const pieces = connected(labels, rows, columns, smallest);
    if (smallest >= labels.length || pieces.reduce((most, k) => Math.max(most, k), 0) < superpixels) return pieces;
  }
}

/** Colours divided by the range of all. */
function scaled({ data }: Pixels): Float64Array {
  let [low, high] = [Infinity, -Infinity];
  for (const v of data) [low, high] = [Math.min(low, v), Math.max(high, v)];
  const range = high > low ? high - low : 1;
  return data.map((v) => (v - low) / range);
}

/** A centre: row, column, colours. */
type Center = Float64Array;

function startingCenters(colors: Float64Array, { rows, columns, channels }: Pixels, side: number): Center[] {
  const [down, across] = [Math.max(1, Math.round(rows / side)), Math.max(1, Math.round(columns / side))];
  return Array.from({ length: down * across }, (_, i) => {
    const row = Math.min(rows - 1, Math.floor(((Math.floor(i / across) + 0.5) * rows) / down));
    const column = Math.min(columns - 1, Math.floor((((i % across) + 0.5) * columns) / across));
    const at = (row * columns + column) * channels;
    return Float64Array.from([row, column, ...colors.subarray(at, at + channels)]);
  });
}

function assign(
  labels: Int32Array,
  centers: readonly Center[],
  colors: Float64Array,
  { rows, columns, channels }: Pixels,
  side: number,
  compactness: number,
): void {
  const nearest = new Float64Array(labels.length).fill(Infinity);
  const placeWeight = (compactness / side) ** 2;
  centers.forEach((center, k) => {
    const [row, column] = center as unknown as readonly [number, number];
    const reach = Math.ceil(2 * side);
    for (let r = Math.max(0, Math.floor(row) - reach); r < Math.min(rows, Math.ceil(row) + reach + 1); r++) {
      for (let c = Math.max(0, Math.floor(column) - reach); c < Math.min(columns, Math.ceil(column) + reach + 1); c++) {
        const at = r * columns + c;
        let distance = placeWeight * ((r - row) ** 2 + (c - column) ** 2);
        for (let ch = 0; ch < channels; ch++)
          distance += ((colors[at * channels + ch] as number) - (center[ch + 2] as number)) ** 2;
        if (distance < (nearest[at] as number)) {
          nearest[at] = distance;
          labels[at] = k;
        }
      }
    }
  });
}

/** Centres become the means of their pixels; whether any has moved. */
function recenter(centers: Center[], labels: Int32Array, colors: Float64Array, { columns, channels }: Pixels): boolean {
  const sums = centers.map((center) => new Float64Array(center.length));
  const counts = new Float64Array(centers.length);
  labels.forEach((k, at) => {
    const sum = sums[k] as Float64Array;
    counts[k] = (counts[k] as number) + 1;
    sum[0] = (sum[0] as number) + Math.floor(at / columns);
    sum[1] = (sum[1] as number) + (at % columns);
    for (let ch = 0; ch < channels; ch++) sum[ch + 2] = (sum[ch + 2] as number) + (colors[at * channels + ch] as number);
  });
  let moved = false;
  sums.forEach((sum, k) => {
    const count = counts[k] as number;
    if (count === 0) return;
    const mean = sum.map((v) => v / count);
    moved ||= mean.some((v, i) => Math.abs(v - (centers[k]?.[i] as number)) > 1e-6);
    centers[k] = mean;
  });
  return moved;
}

/** Each connected piece gets a number of its own; small ones take that of a piece beside them, found before them. */
function connected(labels: Int32Array, rows: number, columns: number, smallest: number): Int32Array<ArrayBuffer> {
  const result = new Int32Array(labels.length).fill(-1);
  let next = 0;
  for (let start = 0; start < labels.length; start++) {
    if (result[start] !== -1) continue;
    const piece = [start];
    let beside = -1;
    result[start] = next;
    for (let i = 0; i < piece.length; i++) {
      const at = piece[i] as number;
      for (const other of neighbours(at, rows, columns)) {
        const found = result[other] as number;
        if (found === -1 && labels[other] === labels[start]) {
          result[other] = next;
          piece.push(other);
        } else if (found !== -1 && found !== next) beside = found;
      }
    }
    if (piece.length < smallest && beside !== -1) for (const at of piece) result[at] = beside;
    else next++;
  }
  return result;
}

function* neighbours(at: number, rows: number, columns: number): Generator<number> {
  const [row, column] = [Math.floor(at / columns), at % columns];
  if (row > 0) yield at - columns;
  if (column > 0) yield at - 1;
  if (column < columns - 1) yield at + 1;
  if (row < rows - 1) yield at + columns;
}
