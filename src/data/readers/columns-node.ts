/**
 * @module DuckDB's columns as ours: each type is cast in SQL to one of the few that have a typed array, so that a chunk is
 * copied, not converted value by value.
 */
import type { DuckDBDataChunk, DuckDBListVector, DuckDBVector } from "@duckdb/node-api";
import type { Column } from "../column.js";
import { Dataset } from "../dataset.js";
import type { DType, TypedArray } from "../../graph/index.js";
import { DTYPES } from "../../graph/index.js";
import { DataError } from "../../util/errors.js";
import { defined, own } from "../../util/record.js";

const DIRECT: Readonly<Record<string, DType>> = {
  BOOLEAN: "bool",
  TINYINT: "int8",
  SMALLINT: "int16",
  INTEGER: "int32",
  BIGINT: "int64",
  UTINYINT: "uint8",
  USMALLINT: "uint16",
  UINTEGER: "uint32",
  UBIGINT: "uint64",
  FLOAT: "float32",
  DOUBLE: "float64",
};

/** The reading of a column: the SQL that selects it, and its type. */
export interface ColumnPlan {
  readonly name: string;
  readonly sql: string;
  readonly dtype: DType;
  readonly unit?: "date";
  /** Each row is a list of numbers; its length is fixed by the first. */
  readonly list?: boolean;
}

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Chooses how to read a column of a DuckDB type. Nested values that are not lists of numbers become JSON text, and these too with `asText`. */
export function planColumn(name: string, type: string, asText = false, sql = quoteName(name)): ColumnPlan {
  const direct = own(DIRECT, type);
  if (direct !== undefined) return { name, sql, dtype: direct };
  if (type === "VARCHAR") return { name, sql, dtype: "string" };
  if (/^(HUGEINT|UHUGEINT|BIGNUM|DECIMAL\(\d+,\d+\))$/.test(type))
    return { name, sql: `${sql}::DOUBLE AS ${quoteName(name)}`, dtype: "float64" };
  if (type === "DATE" || type.startsWith("TIMESTAMP")) {
    const instant = type === "DATE" ? `${sql}::TIMESTAMP` : sql;
    return { name, sql: `epoch_ms(${instant})::DOUBLE AS ${quoteName(name)}`, dtype: "float64", unit: "date" };
  }
  const list = /^([A-Z]+|DECIMAL\(\d+,\d+\))\[(\d*)\]$/.exec(type);
  const element = list?.[1]?.startsWith("DECIMAL") ? "DOUBLE" : (list?.[1] ?? "");
  const elementType = own(DIRECT, element);
  if (list !== null && elementType !== undefined && !asText)
    return { name, sql: `${sql}::${element}[] AS ${quoteName(name)}`, dtype: elementType, list: true };
  if (type === "BLOB")
    throw new DataError(`column "${name}": expected numbers, texts or dates, got ${type}; leave it out in a query`);
  const nested = /^(STRUCT|MAP|UNION)|\[\d*\]$/.test(type);
  return { name, sql: `${nested ? `to_json(${sql})` : sql}::VARCHAR AS ${quoteName(name)}`, dtype: "string" };
}

/** The numbers of a vector, without a copy; they live as long as its chunk. */
function numbersOf(vector: DuckDBVector, dtype: DType): TypedArray {
  if ("items" in vector && ArrayBuffer.isView(vector.items)) return vector.items as TypedArray;
  // Booleans lie in a DataView, one byte each.
  const flags = new Uint8Array(vector.itemCount);
  for (let i = 0; i < flags.length; i++) flags[i] = vector.getItem(i) === true ? 1 : 0;
  if (dtype !== "bool") throw new DataError(`expected numbers of type ${dtype}, got none`);
  return flags;
}

function missingIn(vector: DuckDBVector): Uint8Array | undefined {
  // Every kind of vector has it, their base class does not say so.
  const { validity } = vector as unknown as { validity: { data: unknown; itemValid(i: number): boolean } };
  if (validity.data === null) return undefined;
  const mask = new Uint8Array(vector.itemCount);
  let any = false;
  for (let i = 0; i < mask.length; i++) {
    if (validity.itemValid(i)) continue;
    mask[i] = 1;
    any = true;
  }
  return any ? mask : undefined;
}

/** Rows that are lists of numbers, all of one length. */
function listColumn(plan: ColumnPlan, vector: DuckDBListVector, rows: number, lengths: Map<string, number>): Column {
  const missing = missingIn(vector);
  const child = vector.childVector;
  const numbers = numbersOf(child, plan.dtype) as Uint8Array;
  let width = lengths.get(plan.name);
  for (let i = 0; i < rows && width === undefined; i++) if (missing?.[i] !== 1) width = vector.getEntryLength(i);
  if (width === undefined) throw new DataError(`column "${plan.name}": expected lists of numbers, got missing values only`);
  lengths.set(plan.name, width);
  const holes = missingIn(child);
  const data = DTYPES[plan.dtype].create(rows * width);
  for (let i = 0; i < rows; i++) {
    if (missing?.[i] === 1) continue;
    const start = vector.getEntryOffset(i);
    const length = vector.getEntryLength(i);
    if (length !== width) throw new DataError(`column "${plan.name}": expected lists of ${width} numbers, got one of ${length}`);
    if (holes?.subarray(start, start + width).includes(1))
      throw new DataError(`column "${plan.name}": expected lists of numbers, got one with a missing number`);
    (data as Uint8Array).set(numbers.subarray(start, start + width), i * width);
  }
  return { dtype: plan.dtype, shape: [rows, width], data, ...defined({ missing }) };
}

/** A chunk as a data set. `lengths` remembers the width of list columns from chunk to chunk. */
export function chunkToDataset(chunk: DuckDBDataChunk, plans: readonly ColumnPlan[], lengths: Map<string, number>): Dataset {
  const columns = new Map<string, Column>();
  for (const [i, plan] of plans.entries()) {
    const vector = chunk.getColumnVector(i);
    if (plan.dtype === "string") {
      columns.set(plan.name, { dtype: "string", values: vector.toArray() as (string | null)[] });
    } else if (plan.list === true) {
      columns.set(plan.name, listColumn(plan, vector as DuckDBListVector, chunk.rowCount, lengths));
    } else {
      const missing = missingIn(vector);
      const data = numbersOf(vector, plan.dtype).slice(0, chunk.rowCount);
      // What lies under a missing value is undefined: make it 0, so that equal files give equal bytes.
      const zero = data instanceof BigInt64Array || data instanceof BigUint64Array ? 0n : 0;
      for (let r = 0; r < (missing?.length ?? 0); r++) if (missing?.[r] === 1) data[r] = zero;
      columns.set(plan.name, {
        dtype: plan.dtype,
        shape: [chunk.rowCount],
        data,
        ...defined({ missing, unit: plan.unit }),
      });
    }
  }
  return new Dataset(columns);
}
