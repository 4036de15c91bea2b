/**
 * @module Data sets as named columns. A `Dataset` lies in memory and is read by row number; a `DatasetStream` is read in
 * order, chunk by chunk, and may be larger than memory. Neither knows of files, models or training.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import type { CellValue, Column, ColumnLike, RowPositions, TensorColumn, TextColumn } from "./column.js";
import { cell, columnOf, copyRows, isMissing, isText, lengthOf, resized, rowSize, selectPositions } from "./column.js";
import { own } from "../util/record.js";

/** Examples side by side, by input name: what one training step is given. */
export type Batch = Record<string, TensorData>;

/** Columns by name. Entries keep their order; a plain object puts names such as `2019` first. */
export type NamedColumns<C = ColumnLike> = Readonly<Record<string, C>> | Iterable<readonly [string, C]>;

const isEntries = <C>(columns: NamedColumns<C>): columns is Iterable<readonly [string, C]> => Symbol.iterator in columns;
const entriesOf = <C>(columns: NamedColumns<C>): (readonly [string, C])[] =>
  isEntries(columns) ? [...columns] : Object.entries(columns);

/**
 * Examples in memory, as columns of equal length. Immutable; views of rows share memory where they can.
 *
 * @example
 * import { Dataset } from "descentjs/data";
 * const data = new Dataset({ x: { dtype: "float32", shape: [4, 2], data: new Float32Array(8) }, label: ["a", "b", "a", "b"] });
 * console.log(data.length, data.names); // 4 [ 'x', 'label' ]
 * console.log(data.select([0, 2]).length); // 2
 */
export class Dataset {
  readonly columns: Readonly<Record<string, Column>>;
  /** The names of the columns, in the order of the file or of what they were made of. */
  readonly names: readonly string[];
  readonly length: number;

  constructor(columns: NamedColumns) {
    const entries = [...new Map(entriesOf(columns))].map(([name, like]) => [name, columnOf(name, like)] as const);
    const first = entries[0];
    this.length = first === undefined ? 0 : lengthOf(first[1]);
    for (const [name, column] of entries) {
      const length = lengthOf(column);
      if (length !== this.length)
        throw new DataError(`column "${name}": expected ${this.length} rows as in "${first?.[0]}", got ${length}`);
      if (!isText(column) && column.data.length !== length * rowSize(column))
        throw new DataError(
          `column "${name}": expected ${length * rowSize(column)} numbers for shape [${column.shape.join(", ")}], got ${column.data.length}`,
        );
      if (!isText(column) && column.missing !== undefined && column.missing.length !== length)
        throw new DataError(`column "${name}": expected a missing mask of ${length} rows, got ${column.missing.length}`);
    }
    this.columns = Object.fromEntries(entries);
    this.names = entries.map(([name]) => name);
  }

  /** Names and columns, in order. */
  entries(): [string, Column][] {
    return this.names.map((name) => [name, this.column(name)]);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.columns, name);
  }

  /** A column by its name; DataError with the nearest name if there is none. */
  column(name: string): Column {
    if (!this.has(name)) throw new DataError(`data: ${unknownName("column", name, this.names)}`);
    return own(this.columns, name) as Column;
  }

  /** A column of numbers; DataError if it holds texts. */
  tensor(name: string): TensorColumn {
    const column = this.column(name);
    if (isText(column)) throw new DataError(`column "${name}": expected numbers, got texts`);
    return column;
  }

  /** A column of texts; DataError if it holds numbers. */
  texts(name: string): readonly (string | null)[] {
    const column = this.column(name);
    if (!isText(column)) throw new DataError(`column "${name}": expected texts, got ${column.dtype}`);
    return column.values;
  }

  /** Rows start … end − 1, without a copy. */
  slice(start: number, end: number = this.length): Dataset {
    const from = Math.max(0, Math.min(start, this.length));
    const to = Math.max(from, Math.min(end, this.length));
    return this.#map((column) => {
      const { rows, lines } = column.positions ?? {};
      const positions = rows && { rows: rows.subarray(from, to), lines: lines?.subarray(from, to) };
      if (isText(column)) return { dtype: "string", values: column.values.slice(from, to), ...(positions && { positions }) };
      const size = rowSize(column);
      const missing = column.missing?.subarray(from, to);
      return resized(column, to - from, column.data.subarray(from * size, to * size), { missing, positions });
    });
  }

  /** The first `count` rows. */
  take(count: number): Dataset {
    return this.slice(0, count);
  }

  /** All but the first `count` rows. */
  skip(count: number): Dataset {
    return this.slice(count);
  }

  /** The rows `indices`, in that order, repeated where an index repeats. RangeError if one is outside. */
  select(indices: ArrayLike<number>): Dataset {
    this.#checkIndices(indices);
    const positionsOf = selectPositions(indices);
    return this.#map((column) => {
      const positions = column.positions && { positions: positionsOf(column.positions) };
      if (isText(column)) return { dtype: "string", values: Array.from(indices, (i) => column.values[i] ?? null), ...positions };
      const data = DTYPES[column.dtype].create(indices.length * rowSize(column));
      copyRows(column.data, rowSize(column), indices, data);
      const { missing } = column;
      const mask = missing && { missing: Uint8Array.from(indices, (i) => missing[i] as number) };
      return resized(column, indices.length, data, { ...mask, ...positions });
    });
  }

  /** Only these columns, in this order. */
  pick(...names: readonly string[]): Dataset {
    return new Dataset(names.map((name) => [name, this.column(name)]));
  }

  /** All columns but these. */
  drop(...names: readonly string[]): Dataset {
    for (const name of names) this.column(name);
    return this.pick(...this.names.filter((name) => !names.includes(name)));
  }

  /** The same rows with columns added or replaced. */
  with(columns: NamedColumns): Dataset {
    return new Dataset([...this.entries(), ...entriesOf(columns)]);
  }

  /** The same data under other column names: `{ old: "new" }`. */
  rename(names: Readonly<Record<string, string>>): Dataset {
    for (const name of Object.keys(names)) this.column(name);
    const renamed = (name: string): string => (Object.hasOwn(names, name) ? (names[name] as string) : name);
    return new Dataset(this.entries().map(([name, column]) => [renamed(name), column]));
  }

  /** These rows, then the other's; both have the same columns. */
  concat(...others: readonly Dataset[]): Dataset {
    return concatenate([this, ...others]);
  }

  /**
   * The rows `indices` of every number column as tensors [indices.length, …], in the column's own type (images stay uint8).
   * Text columns have no tensor form and are left out.
   *
   * `into`, a batch that an earlier call returned, is overwritten and returned where its sizes fit, so that nothing is
   * allocated. Errors: RangeError if an index is outside.
   */
  gather(indices: ArrayLike<number>, into?: Batch): Batch {
    this.#checkIndices(indices);
    const batch = new Map<string, TensorData>();
    for (const [name, column] of this.entries()) {
      if (isText(column)) continue;
      const size = rowSize(column);
      const reusable = into !== undefined && Object.hasOwn(into, name) ? into[name] : undefined;
      const fits = reusable?.dtype === column.dtype && reusable.data.length === indices.length * size;
      const data = fits ? reusable.data : DTYPES[column.dtype].create(indices.length * size);
      copyRows(column.data, size, indices, data);
      batch.set(name, fits ? reusable : { dtype: column.dtype, shape: [indices.length, ...column.shape.slice(1)], data });
    }
    return Object.fromEntries(batch);
  }

  /** All rows as one batch; without a copy, but where threads share the memory, which engines do not take. */
  batch(): Batch {
    const batch = new Map<string, TensorData>();
    for (const [name, column] of this.entries()) {
      if (isText(column)) continue;
      const data = column.data.buffer instanceof ArrayBuffer ? column.data : column.data.slice();
      batch.set(name, { dtype: column.dtype, shape: column.shape, data });
    }
    return Object.fromEntries(batch);
  }

  /** One row, by column name. */
  row(i: number): Record<string, CellValue> {
    this.#checkIndices([i]);
    return Object.fromEntries(this.entries().map(([name, column]) => [name, cell(column, i)]));
  }

  *rows(): Generator<Record<string, CellValue>> {
    for (let i = 0; i < this.length; i++) yield this.row(i);
  }

  /** `Dataset of 150 rows: sepal_length float64, species text (3 missing)`. */
  toString(): string {
    const columns = this.entries().map(([name, column]) => {
      const type = isText(column) ? "text" : [column.unit ?? column.dtype, ...column.shape.slice(1)].join("×");
      let missing = 0;
      for (let i = 0; i < this.length; i++) if (isMissing(column, i)) missing++;
      return `${name} ${type}${missing === 0 ? "" : ` (${missing} missing)`}`;
    });
    return `Dataset of ${this.length} rows: ${columns.join(", ")}`;
  }

  #map(change: (column: Column) => Column): Dataset {
    return new Dataset(this.entries().map(([name, column]) => [name, change(column)]));
  }

  #checkIndices(indices: ArrayLike<number>): void {
    for (let k = 0; k < indices.length; k++) {
      const i = indices[k] as number;
      if (!(i >= 0 && i < this.length)) throw new RangeError(`data: expected a row in 0 … ${this.length - 1}, got ${i}`);
    }
  }
}

/** Data sets of the same columns, one after another. DataError if a column is absent or of another type somewhere. */
export function concatenate(parts: readonly Dataset[]): Dataset {
  const first = parts[0];
  if (first === undefined) return new Dataset({});
  if (parts.length === 1) return first;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const columns = new Map<string, Column>();
  const positionsOf = joinPositions(length);
  for (const name of first.names) {
    const pieces = parts.map((part) => part.column(name));
    const head = pieces[0] as Column;
    for (const piece of pieces) {
      const same = piece.dtype === head.dtype && (isText(piece) || isText(head) || rowSize(piece) === rowSize(head));
      if (!same) throw new DataError(`column "${name}": expected ${head.dtype} rows of one shape, got ${piece.dtype}`);
      if (!isText(piece) && !isText(head) && piece.encoded !== head.encoded)
        throw new DataError(`column "${name}": expected rows of one file or archive, got some of another`);
    }
    const positions = positionsOf(pieces);
    if (isText(head)) {
      columns.set(name, { dtype: "string", values: pieces.flatMap((piece) => (piece as TextColumn).values), ...positions });
      continue;
    }
    const size = rowSize(head);
    const data = DTYPES[head.dtype].create(length * size);
    const missing = pieces.some((piece) => (piece as TensorColumn).missing) ? new Uint8Array(length) : undefined;
    let row = 0;
    for (const piece of pieces as TensorColumn[]) {
      // `set` wants equal kinds of array, which the check above has shown.
      (data as Uint8Array).set(piece.data as Uint8Array, row * size);
      if (piece.missing) missing?.set(piece.missing, row);
      row += piece.shape[0] as number;
    }
    columns.set(name, resized(head, length, data, { missing, ...positions }));
  }
  return new Dataset(columns);
}

/** Joins the positions of columns that are concatenated, once for columns that share those of their first part. */
function joinPositions(length: number): (pieces: readonly Column[]) => Pick<Column, "positions"> {
  const made = new Map<RowPositions, RowPositions>();
  return (pieces) => {
    const [first] = pieces.map(({ positions }) => positions);
    if (first === undefined || pieces.some(({ positions }) => positions === undefined)) return {};
    const found = made.get(first);
    if (found !== undefined) return { positions: found };
    const joined = (of: (positions: RowPositions) => Uint32Array): Uint32Array => {
      const all = new Uint32Array(length);
      let at = 0;
      for (const { positions } of pieces) {
        const part = of(positions as RowPositions);
        all.set(part, at);
        at += part.length;
      }
      return all;
    };
    const hasLines = pieces.every(({ positions }) => positions?.lines !== undefined);
    const positions = {
      rows: joined(({ rows }) => rows),
      lines: hasLines ? joined(({ lines }) => lines as Uint32Array) : undefined,
    };
    made.set(first, positions);
    return { positions };
  };
}

/**
 * Examples read in order, chunk by chunk: for what is larger than memory. Each iteration starts from the beginning; every
 * chunk has the same columns.
 */
export interface DatasetStream {
  /** Rows in all, where that is known without reading. */
  readonly length?: number;
  readonly names: readonly string[];
  [Symbol.asyncIterator](): AsyncIterator<Dataset>;
}

/** True for a stream of examples, which has no length. */
export const isStream = (source: Dataset | DatasetStream): source is DatasetStream => Symbol.asyncIterator in source;

/** Reads a stream to its end into memory. */
export async function collect(stream: DatasetStream): Promise<Dataset> {
  const chunks: Dataset[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return concatenate(chunks);
}
