/**
 * @module A table file as DuckDB is told to read it: its format, the dialect of a CSV, the types of its columns.
 */
import { open } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { unreadable } from "../files-node.js";
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { checkRegular } from "../../util/regular-file-node.js";
import { quoteName, quoteText } from "./columns-node.js";
import { firstLine } from "./complaints-node.js";
import { literalPath, rowsOf } from "./duckdb-node.js";

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
  /** Ends reading. */
  readonly signal?: AbortSignal | undefined;
}

const MISSING_VALUES = ["", "NA", "N/A", "NaN", "nan", "NULL", "null"];
const SQL_TYPES = { text: "VARCHAR", number: "DOUBLE", integer: "BIGINT", boolean: "BOOLEAN", date: "TIMESTAMP" } as const;

/** The format that a file's name stands for, or undefined. */
export function tableFormat(path: string): TableFormat | undefined {
  const extension = /\.([a-z]+)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  return ({ csv: "csv", tsv: "tsv", tab: "tsv", jsonl: "jsonl", ndjson: "jsonl", parquet: "parquet" } as const)[extension ?? ""];
}

const list = (texts: readonly string[]): string => `[${texts.map(quoteText).join(", ")}]`;
const struct = (entries: readonly (readonly [string, string])[]): string =>
  `{${entries.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(", ")}}`;
/** The first 64 KiB of a file. */
export async function readHead(path: string): Promise<Uint8Array> {
  try {
    await checkRegular(path);
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

export interface FileSource {
  /** What stands after FROM. */
  readonly from: string;
  /** How bad rows are left out: DuckDB keeps a list of a CSV's; what does not parse as JSON comes as a row without values. */
  readonly skip?: "csv" | "jsonl";
}

/** The delimiter that occurs most often outside quotes. */
function guessDelimiter(line: string): string {
  const bare = line.replaceAll(/"[^"]*"/g, "");
  const count = (c: string): number => bare.split(c).length - 1;
  return [",", "\t", ";", "|"].reduce((best, c) => (count(c) > count(best) ? c : best));
}

/** A file as DuckDB reads it, with the dialect and types that are given or guessed. */
export async function describeFile(
  connection: DuckDBConnection,
  path: string,
  format: TableFormat,
  zipped: boolean,
  options: TableOptions,
): Promise<FileSource> {
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
