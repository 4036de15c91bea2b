/**
 * @module Tables from files and queries, read by DuckDB: CSV, TSV, JSON lines, Parquet (the first three also gzipped), SQL.
 * A table is a stream of chunks, so that it may be larger than memory; `readTable` collects it.
 *
 * A row that does not parse is refused, with its number, or counted where `skipBadRows` is set. Rows are numbered as a
 * spreadsheet shows them: from 1, the header included.
 */
import { open } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { chunkToDataset, planColumn, quoteName, quoteText } from "./columns-node.js";
import type { ColumnPlan } from "./columns-node.js";
import { explainFailure, firstLine, isEngineError } from "./complaints-node.js";
import type { Dataset, DatasetStream } from "../dataset.js";
import { concatenate } from "../dataset.js";
import { isGzip, unreadable, verifyGzip } from "../files-node.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";

export type TableFormat = "csv" | "tsv" | "jsonl" | "parquet";

export interface TableOptions {
  /** Taken from the file's name if left out. */
  readonly format?: TableFormat;
  /** Leave out rows that do not parse, and count them. */
  readonly skipBadRows?: boolean;
  /** Only these columns. */
  readonly columns?: readonly string[];
  /** Every value as it stands in the file: a date or a number is text as well. */
  readonly asText?: boolean;
  /** Types of single columns, where the guess would be wrong: a postal code is text. */
  readonly columnTypes?: Readonly<Record<string, "text" | "number" | "integer" | "boolean" | "date">>;
  /** What separates fields; guessed from the first line if left out (a tab in a .tsv). */
  readonly delimiter?: string;
  /** What encloses a field that holds a delimiter; "" for none. */
  readonly quote?: string;
  /** Whether the first line names the columns; guessed if left out. */
  readonly header?: boolean;
  /** Fields that mean "no value". */
  readonly missingValues?: readonly string[];
}

const MISSING_VALUES = ["", "NA", "N/A", "NaN", "nan", "NULL", "null"];
const SQL_TYPES = { text: "VARCHAR", number: "DOUBLE", integer: "BIGINT", boolean: "BOOLEAN", date: "TIMESTAMP" } as const;

/** The format that a file's name stands for, or undefined. */
export function tableFormat(path: string): TableFormat | undefined {
  const extension = /\.([a-z]+)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  return ({ csv: "csv", tsv: "tsv", tab: "tsv", jsonl: "jsonl", ndjson: "jsonl", parquet: "parquet" } as const)[extension ?? ""];
}

/** A text that begins as a query does. */
export const isQuery = (text: string): boolean => /^\s*(select|with|from)\s/i.test(text);

const list = (texts: readonly string[]): string => `[${texts.map(quoteText).join(", ")}]`;
const struct = (entries: readonly (readonly [string, string])[]): string =>
  `{${entries.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(", ")}}`;
/** A path as DuckDB takes it, which would read `*`, `?` and `[` as patterns. */
export const literalPath = (path: string): string => quoteText(path.replaceAll(/[*?[]/g, "[$&]"));

/** Runs `use` with a connection of its own to an empty database; both are closed after it. */
export async function withConnection<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return await use(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The rows of a query, as JSON shows them. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson();
}

/** A table that can be read any number of times, from the beginning each time. */
export class Table implements DatasetStream {
  /** What is read, as messages name it. */
  readonly where: string;
  readonly names: readonly string[];
  readonly #from: string;
  readonly #plans: readonly ColumnPlan[];
  /** All columns of the source, of which `names` may be a part. */
  readonly #columns: readonly string[];
  readonly #skip: "csv" | "jsonl" | undefined;
  readonly #explain: (error: unknown) => Promise<Error>;
  #badRows = 0;

  /** @internal Made by `openTable` and `openQuery`. */
  constructor(source: TableSource, plans: readonly ColumnPlan[], columns: readonly string[]) {
    this.#columns = columns;
    this.where = source.where;
    this.#from = source.from;
    this.#skip = source.skip;
    this.#explain = source.explain;
    this.#plans = plans;
    this.names = plans.map((plan) => plan.name);
  }

  /** Rows left out in the last reading that came to its end, because they did not parse. */
  get badRows(): number {
    return this.#badRows;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dataset> {
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    try {
      const columns = this.#plans.map((plan) => plan.sql).join(", ");
      const where = this.#skip === "jsonl" ? ` WHERE ${anyValue(this.#columns)}` : "";
      const result = await connection.stream(`SELECT ${columns} FROM ${this.#from}${where}`);
      const lengths = new Map<string, number>();
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        yield chunkToDataset(chunk, this.#plans, lengths);
      }
      this.#badRows = await this.#countBadRows(connection);
    } catch (error) {
      throw await this.#explain(error);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  async #countBadRows(connection: DuckDBConnection): Promise<number> {
    if (this.#skip === "csv") {
      const rows = await rowsOf(connection, "SELECT count(DISTINCT line) AS n FROM reject_errors");
      return Number(rows[0]?.["n"]);
    }
    if (this.#skip === "jsonl") {
      const rows = await rowsOf(connection, `SELECT count(*) AS n FROM ${this.#from} WHERE NOT (${anyValue(this.#columns)})`);
      return Number(rows[0]?.["n"]);
    }
    return 0;
  }
}

const anyValue = (names: readonly string[]): string => names.map((name) => `${quoteName(name)} IS NOT NULL`).join(" OR ");

interface TableSource {
  readonly where: string;
  /** What stands after FROM. */
  readonly from: string;
  /** How bad rows are left out: DuckDB keeps a list of a CSV's; what does not parse as JSON comes as a row without values. */
  readonly skip?: "csv" | "jsonl";
  readonly explain: (error: unknown) => Promise<Error>;
}

/** Finds the columns of a source, and plans to read those asked for, or all. */
async function openSource(connection: DuckDBConnection, source: TableSource, wanted?: readonly string[]): Promise<Table> {
  const described = await rowsOf(connection, `DESCRIBE SELECT * FROM ${source.from}`);
  const types = new Map(described.map((row) => [String(row["column_name"]), String(row["column_type"])]));
  for (const name of wanted ?? [])
    if (!types.has(name)) throw new DataError(`${source.where}: ${unknownName("column", name, types.keys())}`);
  try {
    const plans = (wanted ?? [...types.keys()]).map((name) => planColumn(name, types.get(name) as string));
    return new Table(source, plans, [...types.keys()]);
  } catch (error) {
    throw error instanceof DataError ? new DataError(`${source.where}: ${error.message}`, { cause: error }) : error;
  }
}

/** Opens a table file and finds its columns. Nothing but the beginning is read (a gzip file is checked to its end). */
export async function openTable(path: string, options: TableOptions = {}): Promise<Table> {
  const format = options.format ?? tableFormat(path);
  const head = await readHead(path);
  if (format === undefined)
    throw new DataError(`${path}: expected a .csv, .tsv, .jsonl or .parquet file (also .gz); name its format`);
  if (head.length === 0) throw new DataError(`${path}: expected at least one row, got an empty file`);
  const zipped = isGzip(head);
  // DuckDB takes the readable part of a truncated gzip file for the whole.
  if (zipped) await verifyGzip(path);
  else if (path.endsWith(".gz")) throw new DataError(`${path}: expected a gzip file, got other bytes`);
  return withConnection(async (connection) => {
    const explain = (error: unknown): Promise<Error> => explainFailure(path, format, zipped, error);
    try {
      const source = await describeFile(connection, path, format, zipped, options);
      const opened: TableSource = { where: path, explain, ...source };
      return await openSource(connection, opened, options.columns);
    } catch (error) {
      throw await explain(error);
    }
  });
}

/** Opens a query: DuckDB's SQL, over files (`FROM 'a.parquet'`) or anything that it reads. */
export async function openQuery(sql: string, options: Pick<TableOptions, "columns"> = {}): Promise<Table> {
  const query = sql.trim().replace(/;$/, "");
  const explain = (error: unknown): Promise<Error> => {
    if (!isEngineError(error)) return Promise.resolve(error as Error);
    const line = error.message.split("\n")[0];
    return Promise.resolve(new DataError(`query: expected SQL that DuckDB can run, got an error: ${line}`, { cause: error }));
  };
  const source: TableSource = { where: "query", from: `(${query})`, explain };
  return withConnection(async (connection) => {
    try {
      return await openSource(connection, source, options.columns);
    } catch (error) {
      throw await explain(error);
    }
  });
}

/** Rows and, where bad ones were skipped, how many. */
export interface ReadTable {
  readonly data: Dataset;
  readonly badRows: number;
}

/** Reads a file or a query into memory. DataError if it has no rows. */
export async function readTable(source: string | Table, options: TableOptions = {}): Promise<ReadTable> {
  const table =
    typeof source !== "string" ? source : isQuery(source) ? await openQuery(source, options) : await openTable(source, options);
  const chunks: Dataset[] = [];
  for await (const chunk of table) chunks.push(chunk);
  if (chunks.length === 0) {
    const skipped = table.badRows === 0 ? "none" : `only ${table.badRows} that do not parse`;
    throw new DataError(`${table.where}: expected at least one row, got ${skipped}`);
  }
  return { data: concatenate(chunks), badRows: table.badRows };
}

/** The first 64 KiB of a file. */
export async function readHead(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(65_536), 0, 65_536, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The delimiter that occurs most often outside quotes. */
function guessDelimiter(line: string): string {
  const bare = line.replaceAll(/"[^"]*"/g, "");
  const count = (c: string): number => bare.split(c).length - 1;
  return [",", "\t", ";", "|"].reduce((best, c) => (count(c) > count(best) ? c : best));
}

async function describeFile(
  connection: DuckDBConnection,
  path: string,
  format: TableFormat,
  zipped: boolean,
  options: TableOptions,
): Promise<Pick<TableSource, "from" | "skip">> {
  const { skipBadRows = false, columnTypes = {}, asText = false } = options;
  const typeOf = (type: string): string => (asText && !/STRUCT|MAP|\[\]/.test(type) ? SQL_TYPES.text : type);
  const place = literalPath(path);
  if (format === "parquet") return { from: castColumns(`read_parquet(${place})`, columnTypes) };
  const compression = zipped ? ["compression='gzip'"] : [];
  if (format === "jsonl") {
    const settings = [place, "format='newline_delimited'", `ignore_errors=${skipBadRows}`, ...compression];
    const reader = `read_json(${settings.join(", ")}`;
    const described = await rowsOf(connection, `DESCRIBE SELECT * FROM ${reader})`);
    const types = described.map((row): [string, string] => [String(row["column_name"]), typeOf(String(row["column_type"]))]);
    // So DuckDB reads a file in which some value is not an object.
    if (types.length === 1 && types[0]?.[1] === "JSON") throw new Error("JSON values that are not objects");
    checkNames(
      path,
      Object.keys(columnTypes),
      types.map(([name]) => name),
    );
    const from = castColumns(`${reader}, columns=${struct(types)})`, columnTypes);
    return { from, ...(skipBadRows ? { skip: "jsonl" as const } : {}) };
  }
  const first = await firstLine(path, zipped);
  const delimiter = options.delimiter ?? (format === "tsv" ? "\t" : guessDelimiter(first));
  // Text corpora in TSV hold bare quotation marks: there they enclose a field only if the first line does so.
  const quote = options.quote ?? (delimiter === "\t" && !/(^|\t)"[^\t]*"(\t|$)/.test(first) ? "" : '"');
  const dialect = [
    place,
    `delim=${quoteText(delimiter)}`,
    `quote=${quoteText(quote)}`,
    `escape=${quoteText(quote)}`,
    "comment=''",
    ...compression,
    `nullstr=${list(options.missingValues ?? (asText ? [""] : MISSING_VALUES))}`,
    ...(options.header === undefined ? [] : [`header=${options.header}`]),
  ].join(", ");
  // The types are guessed apart, from the rows that parse: a guess that must fit every row would bend the columns to a
  // broken one. Reading with fixed columns then says which row it was.
  const sniffed = (await sniff(connection, dialect)) ?? {
    header: true,
    columns: first.split(delimiter).map((name) => [name, "VARCHAR"] as const),
  };
  const columns = sniffed.columns.map(([name, type]): [string, string] => {
    const asked = columnTypes[name];
    return [name, asked === undefined ? typeOf(type) : SQL_TYPES[asked]];
  });
  checkNames(
    path,
    Object.keys(columnTypes),
    sniffed.columns.map(([name]) => name),
  );
  const fixed = [
    dialect,
    ...(options.header === undefined ? [`header=${sniffed.header}`] : []),
    `columns=${struct(columns)}`,
    ...(sniffed.dateFormat === undefined ? [] : [`dateformat=${quoteText(sniffed.dateFormat)}`]),
    ...(sniffed.timestampFormat === undefined ? [] : [`timestampformat=${quoteText(sniffed.timestampFormat)}`]),
    "auto_detect=false, strict_mode=true, null_padding=false",
    ...(skipBadRows ? ["store_rejects=true"] : []),
  ].join(", ");
  return { from: `read_csv(${fixed})`, ...(skipBadRows ? { skip: "csv" as const } : {}) };
}

interface Sniffed {
  readonly header: boolean;
  readonly columns: readonly (readonly [string, string])[];
  readonly dateFormat?: string;
  readonly timestampFormat?: string;
}

/** Header and types; undefined where DuckDB finds no rows that parse (reading then says which does not). */
async function sniff(connection: DuckDBConnection, dialect: string): Promise<Sniffed | undefined> {
  const sql = (strict: boolean): string =>
    `SELECT HasHeader AS header, Columns::JSON AS columns, DateFormat AS date, TimestampFormat AS time
     FROM sniff_csv(${dialect}, strict_mode=${strict}, ignore_errors=true)`;
  let row: Record<string, unknown> | undefined;
  for (const strict of [true, false]) {
    try {
      [row] = await rowsOf(connection, sql(strict));
      break;
    } catch (error) {
      if (!(error as Error).message.includes("sniffing file")) throw error;
    }
  }
  if (row === undefined) return undefined;
  const columns = JSON.parse(String(row["columns"])) as { name: string; type: string }[];
  const [date, time] = [row["date"], row["time"]];
  return {
    header: row["header"] === true,
    columns: columns.map(({ name, type }) => [name, type] as const),
    ...(typeof date === "string" ? { dateFormat: date } : {}),
    ...(typeof time === "string" ? { timestampFormat: time } : {}),
  };
}

function checkNames(where: string, names: readonly string[], known: readonly string[]): void {
  for (const name of names) if (!known.includes(name)) throw new ConfigError(`${where}: ${unknownName("column", name, known)}`);
}

/** The source with single columns cast to the types asked for. */
function castColumns(from: string, types: NonNullable<TableOptions["columnTypes"]>): string {
  const casts = Object.entries(types).map(([name, type]) => `${quoteName(name)}::${SQL_TYPES[type]} AS ${quoteName(name)}`);
  return casts.length === 0 ? from : `(SELECT * REPLACE (${casts.join(", ")}) FROM ${from})`;
}
