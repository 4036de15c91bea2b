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

/** Options of superpixels: their number, and how compact they are. */
export interface SlicOptions {
  /** The number of superpixels to aim at; there may be fewer. */
  readonly superpixels?: number;
  /** The weight of distance against colour: colours are scaled to the image's range, and 0.1 is a tenth of it. */
  readonly compactness?: number;
  readonly iterations?: number;
}

/**
 * The superpixel of each pixel, [rows · columns], numbered from 0 without gaps.
 *
 * k-means over colour and place, each centre searched only 2·S around it, where S is the side of a square of a superpixel's area; then every
 * superpixel is one connected piece: pieces smaller than a quarter of S² go to their smallest neighbour.
 * Source: Achanta et al., SLIC superpixels compared to state-of-the-art superpixel methods, 2012, algorithm 1.
 * Differs from the source: colours are compared as they are, not in CIELAB, since a model's features need not be colours; centres start in the middle of
 * their cells.
 */
export function slic(image: Pixels, options: SlicOptions = {}): Int32Array<ArrayBuffer> {
  const { superpixels = 50, compactness = 0.1, iterations = 10 } = options;
  const { rows, columns } = image;
  const side = Math.sqrt((rows * columns) / Math.max(1, Math.min(superpixels, rows * columns)));
  const colors = scaled(image);
  const centers = startingCenters(colors, image, side);
  const labels = new Int32Array(rows * columns);
  for (let round = 0; round < iterations; round++) {
    assign(labels, centers, colors, image, side, compactness);
    if (!recenter(centers, labels, colors, image)) break;
  }
  return merged(connected(labels, rows, columns), rows, columns, Math.floor((side * side) / 4), superpixels);
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

/** Each connected piece gets a number of its own. */
function connected(labels: Int32Array, rows: number, columns: number): Int32Array<ArrayBuffer> {
  const result = new Int32Array(labels.length).fill(-1);
  let next = 0;
  for (let start = 0; start < labels.length; start++) {
    if (result[start] !== -1) continue;
    const piece = [start];
    result[start] = next;
    for (let i = 0; i < piece.length; i++) {
      for (const other of neighbours(piece[i] as number, rows, columns)) {
        if (result[other] !== -1 || labels[other] !== labels[start]) continue;
        result[other] = next;
        piece.push(other);
      }
    }
    next++;
  }
  return result;
}

/** Pieces smaller than `smallest` go to the smallest piece beside them, then the smallest of all, until there are at most `most`. */
function merged(pieces: Int32Array, rows: number, columns: number, smallest: number, most: number): Int32Array<ArrayBuffer> {
  const sizes = new Map<number, number>();
  const beside = new Map<number, Set<number>>();
  pieces.forEach((piece, at) => {
    sizes.set(piece, (sizes.get(piece) ?? 0) + 1);
    const others = beside.get(piece) ?? new Set();
    beside.set(piece, others);
    for (const other of neighbours(at, rows, columns)) if (pieces[other] !== piece) others.add(pieces[other] as number);
  });
  const into = new Map<number, number>();
  const sizeOf = (piece: number): number => sizes.get(piece) ?? 0;
  const join = (piece: number): void => {
    const others = beside.get(piece) ?? new Set();
    const to = [...others].reduce((best, other) => (sizeOf(other) < sizeOf(best) ? other : best), [...others][0] ?? piece);
    if (to === piece) return;
    into.set(piece, to);
    sizes.set(to, sizeOf(to) + sizeOf(piece));
    sizes.delete(piece);
    for (const other of others) {
      beside.get(other)?.delete(piece);
      if (other === to) continue;
      beside.get(other)?.add(to);
      beside.get(to)?.add(other);
    }
  };
  for (const piece of [...sizes.keys()].sort((a, b) => sizeOf(a) - sizeOf(b)))
    if (sizeOf(piece) < smallest && sizes.size > 1) join(piece);
  while (sizes.size > Math.max(1, most))
    join([...sizes.keys()].reduce((best, piece) => (sizeOf(piece) < sizeOf(best) ? piece : best)));
  const numbers = new Map([...sizes.keys()].sort((a, b) => a - b).map((piece, i) => [piece, i]));
  return Int32Array.from(pieces, (piece) => {
    let root = piece;
    for (let next = into.get(root); next !== undefined; next = into.get(root)) root = next;
    return numbers.get(root) as number;
  });
}

function* neighbours(at: number, rows: number, columns: number): Generator<number> {
  const [row, column] = [Math.floor(at / columns), at % columns];
  if (row > 0) yield at - columns;
  if (column > 0) yield at - 1;
  if (column < columns - 1) yield at + 1;
  if (row < rows - 1) yield at + columns;
}
