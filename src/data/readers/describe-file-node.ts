/**
 * @module JSON, JSON lines and Parquet as DuckDB reads them for us.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteText } from "./columns-node.js";
import { literalPath, rowsOf } from "./duckdb-node.js";
import { DataError } from "../../util/errors.js";
import type { TableOptions } from "./table-file-node.js";

const struct = (entries: readonly (readonly [string, string])[]): string =>
  `{${entries.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(", ")}}`;

export interface FileSource {
  /** The SQL after FROM. */
  readonly from: string;
  /** Lines that do not parse as JSON come as rows without values, which are left out and counted. */
  readonly skip?: boolean;
}

/** JSON's own types; what DuckDB makes of texts (dates, times, identifiers) stays text. */
const jsonType = (type: string, asText: boolean): string =>
  /^(DATE|TIME|TIMESTAMP|UUID)/.test(type) || (asText && !/STRUCT|MAP|\[\]/.test(type)) ? "VARCHAR" : type;

/** Tells whether the JSON of a file is a list of objects, and not an object a line. */
export const isJsonList = (head: Uint8Array): boolean => /^\uFEFF?\s*\[/.test(new TextDecoder().decode(head.subarray(0, 4096)));

/** Tells whether one of the names is another with a number behind it, as DuckDB makes them of names that differ by capitals alone. */
function hasNumbered(names: readonly string[]): boolean {
  const known = new Set(names.map((name) => name.toLowerCase()));
  return names.some((name) => known.has(/^(.*)_\d+$/s.exec(name)?.[1]?.toLowerCase() ?? ""));
}

/** Refuses objects with keys that differ by capitals alone: DuckDB gives the values of one of them to both. DataError, without the file's name. */
async function refuseTwins(connection: DuckDBConnection, names: readonly string[], settings: string): Promise<void> {
  const rows = await rowsOf(connection, `SELECT DISTINCT unnest(json_keys(json)) AS name FROM read_json_objects(${settings})`);
  const keys = rows.map((row) => String(row["name"])).sort();
  const known = new Set(names);
  const lost = keys.find((key) => !known.has(key));
  const twin = keys.find((key) => key !== lost && key.toLowerCase() === lost?.toLowerCase());
  if (twin !== undefined)
    throw new DataError(`expected keys that differ by more than capitals, got "${twin}" and "${lost}"; rename one of them`);
}

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
    // Of the first rows alone, a key that comes later would be lost, and a value of another kind an error.
    "sample_size=-1",
    ...compression,
  ];
  const reader = `read_json(${settings.join(", ")}`;
  const described = await rowsOf(connection, `DESCRIBE SELECT * FROM ${reader})`);
  const types = described.map((row): [string, string] => [
    String(row["column_name"]),
    jsonType(String(row["column_type"]), asText),
  ]);
  const names = types.map(([name]) => name);
  if (hasNumbered(names))
    await refuseTwins(connection, names, settings.filter((setting) => !setting.startsWith("sample")).join(", "));
  // So DuckDB reads a file in which some value is not an object.
  if (types.length === 1 && types[0]?.[1] === "JSON") throw new Error("JSON values that are not objects");
  // Values of several kinds, texts and numbers, are texts.
  const plain = types.map(([name, type]): [string, string] => [name, type === "JSON" ? "VARCHAR" : type]);
  return { from: `${reader}, columns=${struct(plain)})`, skip };
}
