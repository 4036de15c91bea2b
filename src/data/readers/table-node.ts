/**
 * @module Tables from files and queries, read by DuckDB: CSV, TSV, JSON lines, Parquet (the first three also gzipped), SQL.
 * A table is a stream of chunks, so that it may be larger than memory; `readTable` collects it.
 *
 * A row that does not parse is refused, with its number, or counted where `skipBadRows` is set. Rows are numbered as a
 * spreadsheet shows them: from 1, the header included.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Dataset, DatasetStream } from "../dataset.js";
import { concatenate } from "../dataset.js";
import { isGzip, verifyGzip } from "../files-node.js";
import { DataError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import type { ColumnPlan } from "./columns-node.js";
import { chunkToDataset, planColumn, quoteName } from "./columns-node.js";
import { explainFailure, isEngineError } from "./complaints-node.js";
import type { Access } from "./duckdb-node.js";
import { connect, rowsOf, withConnection } from "./duckdb-node.js";
import { checkJsonDepth } from "./json-depth-node.js";
import { isQuery, parseQuery } from "./query-node.js";
import type { FileSource, TableOptions } from "./table-file-node.js";
import { describeFile, readHead, tableFormat } from "./table-file-node.js";

/** A table that can be read any number of times, from the beginning each time. */
export class Table implements DatasetStream {
  /** What is read, as messages name it. */
  readonly where: string;
  readonly names: readonly string[];
  readonly #from: string;
  readonly #access: Access;
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
    this.#access = source.access;
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
    using opened = await connect(this.#access);
    const { connection } = opened;
    try {
      const columns = this.#plans.map((plan) => plan.sql).join(", ");
      const where = this.#skip === "jsonl" ? ` WHERE ${anyValue(this.#columns)}` : "";
      const result = await connection.stream(`SELECT ${columns} FROM ${this.#from}${where}`);
      const lengths = new Map<string, number>();
      for (;;) {
        this.#access.signal?.throwIfAborted();
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        yield chunkToDataset(chunk, this.#plans, lengths);
      }
      this.#badRows = await this.#countBadRows(connection);
    } catch (error) {
      this.#access.signal?.throwIfAborted();
      throw await this.#explain(error);
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

interface TableSource extends FileSource {
  readonly where: string;
  readonly access: Access;
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
  if (format === "jsonl") await checkJsonDepth(path, zipped);
  const access: Access = { files: [path], signal: options.signal };
  return withConnection(access, async (connection) => {
    const explain = (error: unknown): Promise<Error> => explainFailure(path, format, zipped, error);
    try {
      const source = await describeFile(connection, path, format, zipped, options);
      const opened: TableSource = { where: path, access, explain, ...source };
      return await openSource(connection, opened, options.columns);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw await explain(error);
    }
  });
}

/** Opens a query: one SELECT of DuckDB's SQL, over the files that it names (`FROM 'a.parquet'`). */
export async function openQuery(sql: string, options: Pick<TableOptions, "columns" | "signal"> = {}): Promise<Table> {
  const query = await parseQuery(sql);
  const access: Access = { ...query.access, signal: options.signal };
  const explain = (error: unknown): Promise<Error> => {
    if (!isEngineError(error)) return Promise.resolve(error as Error);
    const line = error.message.split("\n")[0];
    const text = error.message.startsWith("Permission Error: Cannot access")
      ? `expected files that the query names in quotes, and nothing else, got an error: ${line}`
      : `expected SQL that DuckDB can run, got an error: ${line}`;
    return Promise.resolve(new DataError(`query: ${text}`, { cause: error }));
  };
  const source: TableSource = { where: "query", from: `(\n${query.sql}\n)`, access, explain };
  return withConnection(access, async (connection) => {
    try {
      return await openSource(connection, source, options.columns);
    } catch (error) {
      options.signal?.throwIfAborted();
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
