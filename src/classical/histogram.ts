/**
 * @module The work on rows that gradient boosting does most of the time, histograms of gradients by bin and the parting of rows: done by a kernel
 * (`kernels/histogram.wat`), which works on arrays in one memory.
 */
import type { BinColumn } from "./binning.js";
import { applyBins } from "./binning.js";
import { HISTOGRAM_WASM, SHARED_HISTOGRAM_WASM } from "./kernels/wasm.js";
import type { DenseMatrix } from "./matrix.js";
import type { SplitOptions } from "./split.js";
import type { TreeArrays } from "./split-work.js";
import { fromBase64 } from "../util/base64.js";
import { DataError } from "../util/errors.js";

/** The kernel's functions; addresses and lengths in bytes. */
interface Kernel {
  /** Adds rows' derivatives to pairs, row by row, over a part of each row's places. */
  readonly rows: (
    places: number,
    stride: number,
    order: number,
    end: number,
    gradients: number,
    hessians: number,
    into: number,
    from: number,
    to: number,
  ) => void;
  /** Adds rows' derivatives to pairs by the bins of one column. */
  readonly column: (bins: number, order: number, end: number, gradients: number, hessians: number, into: number) => void;
  /** Puts rows apart by a table of bins; returns where the left side ends. */
  readonly part: (bins: number, order: number, end: number, scratch: number, table: number) => number;
}

/** Bins of a column at most, and the numbers behind a thread's scratch that hold a table of them. */
const BINS = 256;
const TABLE = BINS / 4;
const PAGE_BYTES = 2 ** 16;
const MOST_PAGES = 2 ** 16;
/** Arrays begin at a line of the cache. */
const ALIGNMENT = 64;
/** Row by row pays while the histogram of a leaf lies in the cache: up to so many bins. */
const MOST_ROWWISE = 6000;

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Each memory's kernel, made where it is first needed: every thread has its own. */
const kernels = new WeakMap<WebAssembly.Memory, Kernel>();

function kernelOn(memory: WebAssembly.Memory): Kernel {
  const known = kernels.get(memory);
  if (known !== undefined) return known;
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  const module = new WebAssembly.Module(fromBase64(isShared ? SHARED_HISTOGRAM_WASM : HISTOGRAM_WASM) as BufferSource);
  const kernel = new WebAssembly.Instance(module, { host: { memory } }).exports as unknown as Kernel;
  kernels.set(memory, kernel);
  return kernel;
}

/** Takes arrays from one memory, one after the other. */
function arena(memory: WebAssembly.Memory) {
  let used = 0;
  const take = (bytes: number): readonly [ArrayBuffer, number] => {
    const at = used;
    used += aligned(bytes);
    return [memory.buffer, at];
  };
  return {
    bytes: (length: number): Uint8Array => new Uint8Array(...take(length), length),
    uint16: (length: number): Uint16Array => new Uint16Array(...take(2 * length), length),
    uint32: (length: number): Uint32Array => new Uint32Array(...take(4 * length), length),
    float32: (length: number): Float32Array => new Float32Array(...take(4 * length), length),
    float64: (length: number): Float64Array => new Float64Array(...take(8 * length), length),
  };
}

/** Bins row by row: a row's columns lie side by side, so that its derivatives are read once. */
function writePlaces(places: Uint16Array, bins: Uint8Array, rows: number, offsets: Uint32Array): void {
  const width = offsets.length - 1;
  for (let j = 0; j < width; j++) {
    const start = offsets[j] as number;
    const own = bins.subarray(j * rows, (j + 1) * rows);
    for (let i = 0; i < rows; i++) places[i * width + j] = start + (own[i] as number);
  }
}

/**
 * Arrays for trees; `slots` is how many leaves' histograms are held.
 *
 * Errors: DataError where they do not fit into the kernel's memory of 4 GiB.
 */
export function treeArrays(
  x: DenseMatrix,
  columns: readonly BinColumn[],
  slots: number,
  hasHessians: boolean,
  options: SplitOptions,
  threads = 1,
): TreeArrays {
  const { rows } = x;
  const isShared = threads > 1;
  const bins = columns.reduce((sum, { count }) => sum + count, 0);
  const cells = rows * columns.length;
  const isRowwise = bins <= MOST_ROWWISE;
  const byRow = (hasHessians ? 3 : 2) + threads;
  const lengths = [
    cells,
    isRowwise ? 2 * cells : 0,
    16 * slots * bins,
    ...Array.from({ length: byRow }, () => 4 * (rows + TABLE)),
  ];
  const pages = Math.ceil(lengths.reduce((sum, bytes) => sum + aligned(bytes), 0) / PAGE_BYTES);
  if (pages > MOST_PAGES)
    throw new DataError(
      `gradient boosting: expected rows and columns that fit into 4 GiB as bins, got ${rows} × ${columns.length}; train on fewer rows or columns`,
    );
  const memory = new WebAssembly.Memory({ initial: pages, maximum: isShared ? MOST_PAGES : pages, shared: isShared });
  const take = arena(memory);
  const data = applyBins(x, columns, take.bytes(cells));
  const places = isRowwise ? take.uint16(cells) : undefined;
  if (places !== undefined) writePlaces(places, data.bins, rows, data.offsets);
  return {
    memory,
    data,
    places,
    order: take.uint32(rows),
    gradients: take.float32(rows),
    hessians: hasHessians ? take.float32(rows) : undefined,
    histograms: take.float64(2 * slots * bins),
    scratch: Array.from({ length: threads }, () => take.uint32(rows + TABLE)),
    options,
  };
}

/**
 * Puts the rows that go left first, both sides in their order; returns where the right side begins. `isLeft` tells it by bin; the scratch is one of the arrays' own,
 * and in nobody else's use.
 */
export function partitionRows(
  { memory, data, order }: TreeArrays,
  column: number,
  isLeft: (bin: number) => boolean,
  begin: number,
  end: number,
  scratch: Uint32Array,
): number {
  const { bins, rows } = data;
  const table = new Uint8Array(memory.buffer, scratch.byteOffset + 4 * rows, BINS);
  for (let bin = 0; bin < BINS; bin++) table[bin] = isLeft(bin) ? 4 : 0;
  const [first, last] = [order.byteOffset + 4 * begin, order.byteOffset + 4 * end];
  const left = kernelOn(memory).part(bins.byteOffset + column * rows, first, last, scratch.byteOffset, table.byteOffset);
  const middle = (left - order.byteOffset) / 4;
  order.set(scratch.subarray(0, end - middle), middle);
  return middle;
}

/** Sums gradients and hessians of the rows `order[begin … end − 1]` by bin, over columns from … to − 1. */
export function buildHistogram(
  { memory, data, places, order, gradients, hessians }: TreeArrays,
  begin: number,
  end: number,
  histogram: Float64Array,
  from: number,
  to: number,
): void {
  const { offsets, bins, rows, columns } = data;
  histogram.fill(0, 2 * (offsets[from] as number), 2 * (offsets[to] as number));
  const kernel = kernelOn(memory);
  const [g, h] = [gradients.byteOffset, hessians?.byteOffset ?? 0];
  const [first, last] = [order.byteOffset + 4 * begin, order.byteOffset + 4 * end];
  if (places !== undefined)
    kernel.rows(places.byteOffset, 2 * columns.length, first, last, g, h, histogram.byteOffset, 2 * from, 2 * to);
  else
    for (let j = from; j < to; j++) {
      const into = histogram.byteOffset + 16 * (offsets[j] as number);
      kernel.column(bins.byteOffset + j * rows, first, last, g, h, into);
    }
}

/** parent − sibling, over columns from … to − 1, into the parent's place. */
export function subtractHistogram(
  { offsets }: TreeArrays["data"],
  parent: Float64Array,
  sibling: Float64Array,
  from: number,
  to: number,
): void {
  const end = 2 * (offsets[to] as number);
  for (let p = 2 * (offsets[from] as number); p < end; p++) parent[p] = (parent[p] as number) - (sibling[p] as number);
}
