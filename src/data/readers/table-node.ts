/**
 * @module Tables from files and queries: CSV and TSV by our own reader, Excel workbooks, JSON lines, Parquet and SQL by DuckDB; texts also gzipped.
 * A table is a stream of chunks, so that it may be larger than memory; `readTable` collects it.
 *
 * A schema tells the meaning of its cells; it is learned from all rows, or given where other data have taught it. A row that does not parse is
 * refused, with its number, or counted where `skipBadRows` is set.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Dataset, DatasetStream } from "../dataset.js";
import { concatenate } from "../dataset.js";
import { isGzip, verifyGzip } from "../files-node.js";
import { SchemaBuilder } from "../schema/infer.js";
import type { Decimal } from "../schema/numbers.js";
import type { TableSchema } from "../schema/table-schema.js";
import { readWith } from "../schema/table-schema.js";
import { isZip } from "../zip-node.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { openExcel } from "./excel-node.js";
import { explainFailure, isEngineError } from "./complaints-node.js";
import type { RawTable } from "./csv-node.js";
import { openCsv } from "./csv-node.js";
import { openEngineTable } from "./engine-table-node.js";
import { checkJson } from "./json-depth-node.js";
import { explainQuery, guessedDates, isQuery, parseRunnable } from "./query-node.js";
import type { FileSource } from "./describe-file-node.js";
import { describeFile } from "./describe-file-node.js";
import type { TableFormat, TableOptions } from "./table-file-node.js";
import { expectDelimited, readHead, refuseForeign, tableFormat } from "./table-file-node.js";

/** Cells of a table that are kept from the pass that learns the schema, so that small tables are read once. */
const MOST_KEPT = 4_000_000;

/** A table that can be read any number of times, from the beginning each time. */
export class Table implements DatasetStream {
  /** The source's name in messages. */
  readonly where: string;
  readonly names: readonly string[];
  /** The schema of its cells; undefined where they stay texts. */
  readonly schema: TableSchema | undefined;
  readonly #learned: readonly string[];
  readonly #raw: RawTable;
  readonly #skip: boolean;
  #kept: readonly Dataset[] | undefined;
  #badRows = 0;

  /** @internal Made by `openTable` and `openQuery`. */
  constructor(where: string, raw: RawTable, learned: Learned, options: TableOptions) {
    this.where = where;
    this.names = options.columns ?? raw.names;
    this.schema = learned.schema;
    this.#learned = learned.notes;
    this.#raw = raw;
    this.#kept = learned.kept;
    this.#skip = options.skipBadRows === true;
  }

  /** Decisions, in sentences for the user; after a reading that came to its end, all of them. */
  get notes(): readonly string[] {
    return [...this.#raw.notes(), ...this.#learned];
  }

  /** Rows left out in the last reading that came to its end, because they did not parse. */
  get badRows(): number {
    return this.#badRows;
  }

  /** The rows as they stand in the file, with texts for all that the file has as texts. */
  async *raw(): AsyncGenerator<Dataset> {
    // Kept rows are given once, and then make room.
    const kept = this.#kept;
    this.#kept = undefined;
    for await (const chunk of kept ?? this.#raw.chunks()) yield chunk.pick(...this.names);
    this.#badRows = this.#raw.badRows();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dataset> {
    let unread = 0;
    for await (const chunk of this.raw()) {
      const { data, badRows } = this.interpret(chunk);
      unread += badRows;
      if (data.length > 0) yield data;
    }
    this.#badRows += unread;
  }

  /** Rows as the schema reads them, without those that it cannot read where such are to be skipped. */
  interpret(rows: Dataset): { readonly data: Dataset; readonly badRows: number } {
    if (this.schema === undefined) return { data: rows, badRows: 0 };
    const bad = new Set<number>();
    const data = readWith(rows, this.schema, { where: this.where, bad: this.#skip ? bad : undefined });
    if (bad.size === 0) return { data, badRows: 0 };
    const kept = Array.from({ length: data.length }, (_, i) => i).filter((i) => !bad.has(i));
    return { data: data.select(kept), badRows: bad.size };
  }
}

interface Learned {
  readonly schema?: TableSchema;
  readonly notes: readonly string[];
  readonly kept?: readonly Dataset[];
}

/** Learns what the cells of a table mean, from all of them. */
async function learn(where: string, raw: RawTable, options: TableOptions): Promise<Learned> {
  for (const name of options.columns ?? [])
    if (!raw.names.includes(name)) throw new DataError(`${where}: ${unknownName("column", name, raw.names)}`);
  for (const name of Object.keys(options.columnTypes ?? {}))
    if (!raw.names.includes(name)) throw new ConfigError(`${where}: ${unknownName("column", name, raw.names)}`);
  if (options.asText === true) return { notes: [] };
  if (options.schema !== undefined) return { schema: overruled(options.schema, options), notes: [] };
  const texts = (options.textColumns ?? []).filter((name) => raw.names.includes(name));
  const types = { ...Object.fromEntries(texts.map((name) => [name, "text" as const])), ...options.columnTypes };
  const builder = new SchemaBuilder({
    decimal: raw.decimal,
    ...options,
    columnTypes: types,
  });
  const kept: Dataset[] = [];
  let cells = 0;
  for await (const chunk of raw.chunks()) {
    const picked = options.columns === undefined ? chunk : chunk.pick(...options.columns);
    builder.add(picked);
    cells += picked.length * picked.names.length;
    if (cells <= MOST_KEPT) kept.push(picked);
  }
  const learned = builder.finish({
    header: raw.header,
    names: options.columns ?? raw.names,
    delimiter: raw.delimiter,
  });
  return { ...learned, kept: cells <= MOST_KEPT ? kept : undefined };
}

/** A schema with what the user says of these data. */
function overruled(schema: TableSchema, { decimal, dateOrder, missing }: TableOptions): TableSchema {
  const fields = schema.fields.map((field) => {
    if (field.type === "number" && decimal !== undefined) return { ...field, decimal };
    return field.type === "date" && dateOrder !== undefined ? { ...field, order: dateOrder } : field;
  });
  return { ...schema, fields, ...(missing === undefined ? {} : { missing: [...missing] }) };
}

/** Finds the format of a file: as given, or from its name. DataError where neither tells it. */
function formatFor(path: string, options: TableOptions): TableFormat {
  const format = options.format ?? tableFormat(path);
  if (format === undefined)
    throw new DataError(`${path}: expected a .csv, .tsv, .xlsx, .jsonl, .json or .parquet file (also .gz); name its format`);
  return format;
}

const decimalsOf = ({ fields }: TableSchema): Map<string, Decimal> =>
  new Map(fields.flatMap((field) => (field.type === "number" ? [[field.name, field.decimal]] : [])));

/** Options that say how the text of a CSV file is written, and one of workbooks. */
const TEXT_OPTIONS = ["encoding", "delimiter", "quote"] as const;

/** Errors: ConfigError for an option that says something of files of another kind. */
function refuseOptions(where: string, format: TableFormat | "query", options: TableOptions): void {
  const isText = format === "csv" || format === "tsv";
  const refuse = (name: string, kind: string): never => {
    throw new ConfigError(
      `${where}: expected no --${name}, which is for ${kind}, got "${options[name as "encoding"]}"; leave it out`,
    );
  };
  if (!isText) for (const name of TEXT_OPTIONS) if (options[name] !== undefined) refuse(name, "CSV and TSV files");
  if (format !== "xlsx" && options.sheet !== undefined) refuse("sheet", "Excel workbooks");
}

/**
 * Opens a table file and learns what its cells mean, for which all of it is read; nothing is kept of a large one. DataError for an unknown format or an
 * empty file, ConfigError for options of another format.
 */
export async function openTable(path: string, options: TableOptions = {}): Promise<Table> {
  const head = await readHead(path);
  if (head.length > 0) await refuseForeign(path, head);
  const format = formatFor(path, options);
  if (head.length === 0) throw new DataError(`${path}: expected at least one row, got an empty file`);
  const zipped = isGzip(head);
  if (!zipped && path.endsWith(".gz")) throw new DataError(`${path}: expected a gzip file, got other bytes`);
  if (format !== "xlsx" && isZip(head))
    throw new DataError(`${path}: expected a table, got a zip file; unpack it, or name a workbook .xlsx`);
  refuseOptions(path, format, options);
  if ((format === "csv" || format === "tsv") && !zipped && options.encoding === undefined) expectDelimited(path, head);
  const { schema } = options;
  const known = schema === undefined ? {} : { names: schema.fields.map(({ name }) => name), hadHeader: schema.header };
  const raw =
    format === "xlsx"
      ? await openExcel(path, { ...options, ...known, decimals: schema && decimalsOf(schema) })
      : format === "csv" || format === "tsv"
        ? await openCsv(path, zipped, { ...options, usual: format === "tsv" ? "\t" : undefined, ...known })
        : await openEngineFile(path, format, zipped, options);
  return new Table(path, raw, await learn(path, raw, options), options);
}

/** A file of JSON (a list of objects, or an object a line, whatever it is called) or Parquet. */
async function openEngineFile(
  path: string,
  format: "jsonl" | "json" | "parquet",
  zipped: boolean,
  options: TableOptions,
): Promise<RawTable> {
  // DuckDB takes the readable part of a truncated gzip file for the whole.
  if (zipped) await verifyGzip(path);
  const { skipBadRows = false } = options;
  const read = format === "parquet" ? { path, zipped, format } : await checkJson(path, zipped, skipBadRows);
  const explain = (error: unknown): Promise<Error> => explainFailure(path, read.format, zipped, error);
  const access = { files: [read.path], signal: options.signal };
  const describe = (connection: DuckDBConnection): Promise<FileSource> =>
    describeFile(connection, read.path, read.format, read.zipped, options);
  return openEngineTable({ where: path, access, describe, explain, asText: options.asText === true }, options.columns);
}

/** Opens a query: one SELECT of DuckDB's SQL, over the files that it names (`FROM 'a.parquet'`). */
export async function openQuery(
  sql: string,
  options: Omit<TableOptions, "format" | "encoding" | "delimiter" | "sheet" | "quote" | "header"> = {},
): Promise<Table> {
  refuseOptions("query", "query", options);
  const query = await parseRunnable(sql);
  const explain = (error: unknown): Promise<Error> => {
    if (!isEngineError(error)) return Promise.resolve(error as Error);
    return Promise.resolve(explainQuery(error));
  };
  const access = { ...query.access, signal: options.signal };
  const describe = (): Promise<FileSource> => Promise.resolve({ from: `(\n${query.sql}\n)` });
  const raw = await openEngineTable(
    { where: "query", access, describe, explain, ofDates: (names) => guessedDates(query, names) },
    options.columns,
  );
  return new Table("query", raw, await learn("query", raw, options), options);
}

/** Rows, what their cells mean, and, where bad ones were skipped, how many. */
export interface ReadTable {
  readonly data: Dataset;
  readonly badRows: number;
  readonly schema?: TableSchema;
  /** Decisions, in sentences for the user. */
  readonly notes: readonly string[];
}

const openAny = (source: string, options: TableOptions): Promise<Table> =>
  isQuery(source) ? openQuery(source, options) : openTable(source, options);

/** All chunks as one. DataError if there are none. */
async function collected(table: Table, chunks: AsyncIterable<Dataset>): Promise<Dataset> {
  const all: Dataset[] = [];
  for await (const chunk of chunks) all.push(chunk);
  if (all.length > 0) return concatenate(all);
  const skipped = table.badRows === 0 ? "none" : `only ${table.badRows} that do not parse`;
  throw new DataError(`${table.where}: expected at least one row, got ${skipped}`);
}

/** Reads a file or a query into memory. DataError if it has no rows. */
export async function readTable(source: string | Table, options: TableOptions = {}): Promise<ReadTable> {
  const table = typeof source !== "string" ? source : await openAny(source, options);
  const { schema } = table;
  // What another table has taught may not fit chunk by chunk: whole numbers first, and then others.
  const given = options.schema !== undefined;
  const rows = await collected(table, given ? table.raw() : table);
  const { data, badRows } = given ? table.interpret(rows) : { data: rows, badRows: 0 };
  return { data, badRows: table.badRows + badRows, schema, notes: table.notes };
}

/** A table in memory twice over: as it stands in the file, for answers beside it, and as the schema reads it. */
export async function readBoth(source: string, options: TableOptions): Promise<ReadTable & { readonly raw: Dataset }> {
  const table = await openAny(source, options);
  const rows = await collected(table, table.raw());
  const bad = new Set<number>();
  const { schema, notes } = table;
  if (schema === undefined) return { raw: rows, data: rows, badRows: table.badRows, notes };
  const data = readWith(rows, schema, { where: table.where, bad: options.skipBadRows === true ? bad : undefined });
  const kept = Array.from({ length: rows.length }, (_, i) => i).filter((i) => !bad.has(i));
  return {
    raw: bad.size === 0 ? rows : rows.select(kept),
    data: bad.size === 0 ? data : data.select(kept),
    badRows: table.badRows + bad.size,
    schema,
    notes,
  };
}
