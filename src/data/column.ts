/**
 * @module Columns: numbers or texts, one row for each example, and how they are made of plain arrays and copied.
 */
import type { DType, TensorData, TypedArray } from "../graph/index.js";
import { elementAt, fromNumbers, sizeOf } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { defined, own } from "../util/record.js";

/** Positions of rows in their file: numbers from 1, a header not included, and the line on which each begins. */
export interface RowPositions {
  readonly rows: Uint32Array;
  readonly lines?: Uint32Array;
}

/** Numbers, one block for each example: `shape` is [N, …]. */
export interface TensorColumn extends TensorData {
  /** 1 where the value of a row is missing; the number that lies there means nothing. Absent: none is missing. */
  readonly missing?: Uint8Array;
  /** `date`: milliseconds since 1970-01-01 UTC. */
  readonly unit?: "date";
  /** Class names, where the values are class indices. */
  readonly classes?: readonly string[];
  /** Files, one after another, where each row is [start, length] of one in here: images that are not decoded yet. */
  readonly encoded?: Uint8Array;
  readonly positions?: RowPositions;
}

/** Texts, or null where one is missing. */
export interface TextColumn {
  readonly dtype: "string";
  readonly values: readonly (string | null)[];
  readonly positions?: RowPositions;
}

/** A column of a data set: numbers of one shape for each example, or texts. */
export type Column = TensorColumn | TextColumn;

/** A value of one row, as a person would write it. */
export type CellValue = number | boolean | string | Date | null | readonly number[];

/** True for a column of texts, which has no tensor. */
export const isText = (column: Column): column is TextColumn => column.dtype === "string";

/** Names row i of a data set in messages, counted from 1. A "row" in a message is one of a file. */
export const exampleAt = (i: number): string => `example ${i + 1}`;

/** Names a row of a file in messages, with the line on which it begins where that is another number. */
export const fileRow = (row: number, line: number = row): string => (line === row ? `row ${row}` : `row ${row} (line ${line})`);

/** Names row i of a column in messages: by its position in the file, where that is known. */
export const placeAt = ({ positions }: Column, i: number): string =>
  positions === undefined ? exampleAt(i) : fileRow(positions.rows[i] as number, positions.lines?.[i]);

/** Selects the positions of rows, once for all columns that share them. */
export function selectPositions(indices: ArrayLike<number>): (positions: RowPositions) => RowPositions {
  const made = new Map<RowPositions, RowPositions>();
  return (positions) => {
    const found = made.get(positions);
    if (found !== undefined) return found;
    const of = (numbers: Uint32Array): Uint32Array => Uint32Array.from(indices, (i) => numbers[i] as number);
    const selected = { rows: of(positions.rows), lines: positions.lines && of(positions.lines) };
    made.set(positions, selected);
    return selected;
  };
}

/** Tells whether row i of a column has no value. */
export const isMissing = (column: Column, i: number): boolean =>
  isText(column) ? column.values[i] === null : column.missing?.[i] === 1;

/** Counts the values in one row of a column. */
export const rowSize = (column: TensorColumn): number => sizeOf(column.shape.slice(1));

export const lengthOf = (column: Column): number => (isText(column) ? column.values.length : (column.shape[0] as number));

/** One row's value: a class by its name, a date as a Date, several numbers as a list. */
export function cell(column: Column, i: number): CellValue {
  if (isMissing(column, i)) return null;
  if (isText(column)) return column.values[i] ?? null;
  if (column.shape.length > 1) {
    const size = rowSize(column);
    return Array.from({ length: size }, (_, j) => elementAt(column, i * size + j));
  }
  const value = elementAt(column, i);
  if (column.unit === "date") return new Date(value);
  if (column.classes !== undefined) return column.classes[value] ?? value;
  return column.dtype === "bool" ? value !== 0 : value;
}

/** Columns from plain arrays: numbers become float64, booleans bool, texts text, typed arrays and TensorData stay. */
export type ColumnLike =
  | Column
  | TypedArray
  | readonly (number | null)[]
  | readonly (boolean | null)[]
  | readonly (string | null)[]
  | readonly (Date | null)[]
  | readonly NumberBlock[];

/** Several numbers of one example: a list, a typed array, or lists of them, as of rows and columns. */
export type NumberBlock = ArrayLike<number> | readonly NumberBlock[];

const DTYPE_OF: Readonly<Record<string, DType>> = {
  Float32Array: "float32",
  Float64Array: "float64",
  Int8Array: "int8",
  Uint8Array: "uint8",
  Int16Array: "int16",
  Uint16Array: "uint16",
  Int32Array: "int32",
  Uint32Array: "uint32",
  BigInt64Array: "int64",
  BigUint64Array: "uint64",
};

export function columnOf(name: string, like: ColumnLike): Column {
  if (ArrayBuffer.isView(like)) {
    const dtype = own(DTYPE_OF, like.constructor.name) ?? "uint8";
    return { dtype, shape: [like.length], data: like };
  }
  if ("dtype" in like) return like;
  const cells: readonly unknown[] = like;
  const known = cells.find((value) => value !== null && value !== undefined);
  const kind = known instanceof Date ? "Date" : typeof known;
  for (const [i, value] of cells.entries()) {
    const other = value === null || value === undefined ? kind : value instanceof Date ? "Date" : typeof value;
    if (other !== kind)
      throw new DataError(`column "${name}", ${exampleAt(i)}: expected ${kind} as in the rows before, got ${other}`);
  }
  if (kind === "string" || kind === "undefined")
    return { dtype: "string", values: cells.map((v) => (v as string | null) ?? null) };
  if (typeof known === "object" && "length" in known) return blockColumn(name, cells);
  if (kind !== "number" && kind !== "boolean" && kind !== "Date")
    throw new DataError(`column "${name}": expected numbers, booleans, texts or dates, got ${kind}`);
  const missing = Uint8Array.from(cells, (value) => (value === null || value === undefined ? 1 : 0));
  const numbers = Float64Array.from(cells, (value) => Number(value ?? 0));
  const dtype = kind === "boolean" ? "bool" : "float64";
  return {
    ...fromNumbers(dtype, [cells.length], numbers),
    ...(missing.includes(1) ? { missing } : {}),
    ...(kind === "Date" ? { unit: "date" as const } : {}),
  };
}

const isBlock = (value: unknown): value is NumberBlock =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

/** Lengths of a block, from the outside in, by its first elements. */
const blockShape = (block: unknown): number[] => (isBlock(block) ? [block.length, ...blockShape(block[0])] : []);

/** One block of numbers a row, all of one shape. DataError, with the example, for another shape or what is not a number. */
function blockColumn(name: string, blocks: readonly unknown[]): TensorColumn {
  const shape = blockShape(blocks[0]);
  const size = sizeOf(shape);
  const kinds = new Set(
    blocks.map((block) => (ArrayBuffer.isView(block) ? (own(DTYPE_OF, block.constructor.name) ?? "float64") : "float64")),
  );
  const [kind = "float64"] = kinds;
  // Lists are float64; typed arrays stay what they are, where all are alike.
  const dtype = kinds.size === 1 && kind !== "int64" && kind !== "uint64" ? kind : "float64";
  const numbers = new Float64Array(blocks.length * size);
  let at = 0;
  const take = (value: unknown, axis: number, row: number): void => {
    const length = shape[axis];
    if (length === undefined) {
      if (typeof value !== "number")
        throw new DataError(
          `column "${name}", ${exampleAt(row)}: expected numbers, got ${value === null ? "null" : typeof value}`,
        );
      numbers[at++] = value;
      return;
    }
    if (!isBlock(value) || value.length !== length)
      throw new DataError(
        `column "${name}", ${exampleAt(row)}: expected numbers of shape [${shape.join(", ")}] as in the first, got ${isBlock(value) ? `[${blockShape(value).join(", ")}]` : typeof value}`,
      );
    for (let i = 0; i < length; i++) take(value[i], axis + 1, row);
  };
  blocks.forEach((block, row) => take(block, 0, row));
  return fromNumbers(dtype, [blocks.length, ...shape], numbers);
}

/** A column of a new length, with the same element type and row shape. */
export const resized = (
  column: TensorColumn,
  length: number,
  data: TypedArray,
  { missing, positions }: Pick<TensorColumn, "missing" | "positions"> = {},
): TensorColumn => ({
  dtype: column.dtype,
  shape: [length, ...column.shape.slice(1)],
  data,
  ...defined({ missing, positions, unit: column.unit, classes: column.classes, encoded: column.encoded }),
});

/** Copies the rows `indices` of `source` one after another into `target`. */
export function copyRows(source: TypedArray, size: number, indices: ArrayLike<number>, target: TypedArray): void {
  if (size === 1) {
    // Two typed arrays of one element type; TypeScript cannot know that number and bigint do not mix here.
    const from = source as Float64Array;
    const to = target as Float64Array;
    for (let k = 0; k < indices.length; k++) to[k] = from[indices[k] as number] as number;
    return;
  }
  const from = source as Uint8Array;
  const to = target as Uint8Array;
  for (let k = 0; k < indices.length; k++) {
    const start = (indices[k] as number) * size;
    to.set(from.subarray(start, start + size), k * size);
  }
}
