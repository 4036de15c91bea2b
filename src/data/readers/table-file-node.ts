/**
 * @module A table file by its name, and JSON lines and Parquet as DuckDB reads them for us.
 */
import { open } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { readFileBytes, unreadable } from "../files-node.js";
import type { CellOptions } from "../schema/infer.js";
import type { TableSchema } from "../schema/table-schema.js";
import { DataError } from "../../util/errors.js";
import { checkRegular } from "../../util/regular-file-node.js";
import { quoteText } from "./columns-node.js";
import type { CsvOptions } from "./csv-node.js";
import { literalPath, rowsOf } from "./duckdb-node.js";

export type TableFormat = "csv" | "tsv" | "jsonl" | "json" | "parquet" | "xlsx";

export interface TableOptions extends CellOptions, Omit<CsvOptions, "names" | "hadHeader" | "usual"> {
  /** Taken from the file's name if left out. */
  readonly format?: TableFormat;
  /** The sheet of an Excel workbook; the only one that is not empty if left out. */
  readonly sheet?: string;
  /** Leave out rows that do not parse, and count them. */
  readonly skipBadRows?: boolean;
  /** Only these columns. */
  readonly columns?: readonly string[];
  /** Every value as it stands in the file: a date or a number is text as well. */
  readonly asText?: boolean;
  /** Columns that are running text where they are there, and stay as they are in the file. */
  readonly textColumns?: readonly string[];
  /** The schema of the cells, learned from other data; learned from these if left out. */
  readonly schema?: TableSchema;
  /** Aborts reading. */
  readonly signal?: AbortSignal | undefined;
}

/** Options for how tables are written, where the detected or learned settings would be wrong. */
export type TableReading = Pick<TableOptions, "encoding" | "delimiter" | "sheet" | "decimal" | "missing" | "dateOrder">;

const READING = ["encoding", "delimiter", "sheet", "decimal", "missing", "dateOrder"] as const;

/** Those options that are there, of any others; an empty list of marks says nothing. */
export const tableReading = (options: TableReading): TableReading =>
  Object.fromEntries(
    READING.filter((name) => options[name] !== undefined && !(name === "missing" && options.missing?.length === 0)).map(
      (name) => [name, options[name]],
    ),
  );

/** The format that a file's name stands for, or undefined. */
export function tableFormat(path: string): TableFormat | undefined {
  const extension = /\.([a-z]+)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  const formats = new Map<string | undefined, TableFormat>([
    ["csv", "csv"],
    ["tsv", "tsv"],
    ["tab", "tsv"],
    ["jsonl", "jsonl"],
    ["ndjson", "jsonl"],
    ["json", "json"],
    ["parquet", "parquet"],
    ["xlsx", "xlsx"],
    ["xlsm", "xlsx"],
  ]);
  return formats.get(extension);
}

/** Tells whether a file among others is a table; JSON files beside images and texts hold facts about them. */
export const isTableName = (path: string): boolean => ![undefined, "json"].includes(tableFormat(path));

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

/** Files that are often found where a table was meant, by how they begin. */
const FOREIGN: readonly (readonly [begin: RegExp, what: string])[] = [
  [/^\s*<(?:!doctype\s+html|html)[\s>]/i, "a web page, as a download gives it where it failed; look at it in a browser"],
  [/^version https:\/\/git-lfs\./, "a pointer of Git LFS; fetch the file itself (git lfs pull)"],
  [/^%PDF-/, "a PDF; export the table from where it was made"],
  [/^ÐÏ.à/s, "a workbook of Excel before 2007; save it as .xlsx or .csv"],
  [/^PK.*mimetypeapplication\/vnd\.oasis/s, "an OpenDocument file; save it as .xlsx or .csv"],
];

/** The name of the stream in which Excel puts what is encrypted, UTF-16. */
const ENCRYPTED = Buffer.from("EncryptedPackage", "utf16le");

/** Errors: DataError if a file begins as one that is no table, whatever its name says. */
export async function refuseForeign(path: string, head: Uint8Array): Promise<void> {
  const begin = new TextDecoder("latin1").decode(head.subarray(0, 200)).replace(/^ï»¿/, "");
  if (/^ÐÏ.à/s.test(begin) && Buffer.from(await readFileBytes(path)).includes(ENCRYPTED))
    throw new DataError(`${path}: expected a table, got a workbook with a password; save it without one`);
  const found = FOREIGN.find(([pattern]) => pattern.test(begin));
  if (found !== undefined) throw new DataError(`${path}: expected a table, got ${found[1]}`);
}

export interface FileSource {
  /** The SQL after FROM. */
  readonly from: string;
  /** Lines that do not parse as JSON come as rows without values, which are left out and counted. */
  readonly skip?: true;
}

/** JSON's own types; what DuckDB makes of texts (dates, times, identifiers) stays text. */
const jsonType = (type: string, asText: boolean): string =>
  /^(DATE|TIME|TIMESTAMP|UUID)/.test(type) || (asText && !/STRUCT|MAP|\[\]/.test(type)) ? "VARCHAR" : type;

/** Tells whether the JSON of a file is a list of objects, and not an object a line. */
export const isJsonList = (head: Uint8Array): boolean => /^\uFEFF?\s*\[/.test(new TextDecoder().decode(head.subarray(0, 4096)));

/** A file of JSON or Parquet as DuckDB reads it: texts stay texts. `json` is a list of objects, `jsonl` an object a line. */
export async function describeFile(
  connection: DuckDBConnection,
  path: string,
  format: "jsonl" | "json" | "parquet",
  zipped: boolean,
  { skipBadRows = false, asText = false }: TableOptions,
): Promise<FileSource> {
  const place = literalPath(path);
  if (format === "parquet") return { from: `read_parquet(${place})` };
  const compression = zipped ? ["compression='gzip'"] : [];
  // In a list an error ends the reading.
  const skip = skipBadRows && format === "jsonl";
  const settings = [
    place,
    `format='${format === "json" ? "array" : "newline_delimited"}'`,
    `ignore_errors=${skip}`,
    ...compression,
  ];
  const reader = `read_json(${settings.join(", ")}`;
  const described = await rowsOf(connection, `DESCRIBE SELECT * FROM ${reader})`);
  const types = described.map((row): [string, string] => [
    String(row["column_name"]),
    jsonType(String(row["column_type"]), asText),
  ]);
  // So DuckDB reads a file in which some value is not an object.
  if (types.length === 1 && types[0]?.[1] === "JSON") throw new Error("JSON values that are not objects");
  // Values of several kinds, texts and numbers, are texts.
  const plain = types.map(([name, type]): [string, string] => [name, type === "JSON" ? "VARCHAR" : type]);
  return { from: `${reader}, columns=${struct(plain)})`, ...(skip ? { skip: true as const } : {}) };
}
