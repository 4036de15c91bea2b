/**
 * @module A table out of a text in memory: a `File` that a page was given, what `fetch` answered, a string. CSV and TSV, as `readTable` of Node reads them.
 */
import type { Dataset } from "../dataset.js";
import { concatenate } from "../dataset.js";
import { fileRow } from "../column.js";
import { CHUNK_ROWS, ChunkBuilder, nameColumns, problemOf, ROW_REMEDY } from "../readers/text-rows.js";
import type { CellOptions } from "../schema/column-type.js";
import { SchemaBuilder } from "../schema/infer.js";
import type { TableSchema } from "../schema/table-schema.js";
import { readWith } from "../schema/table-schema.js";
import { DataError } from "../../util/errors.js";
import type { DialectOptions } from "./dialect.js";
import { checkDelimiter, guessDialect } from "./dialect.js";
import { encodingName, guessEncoding, markedEncoding, streamDecoder } from "./encoding.js";
import { LineSurvey, mixedDecoder, namedEncodings } from "./mixed-lines.js";
import type { CsvRecord } from "./records.js";
import { RecordReader } from "./records.js";
import { RowFilter, SAMPLE_ROWS } from "./stray-rows.js";

/** A text file in memory, or on its way. */
export type TableSource = Blob | Response;

/** Options of reading a table; what is not given is recognized. */
export interface ParseTableOptions extends CellOptions, DialectOptions {
  /** The encoding of the text; detected if left out. */
  readonly encoding?: string;
  /** The schema of the cells, learned from other data. */
  readonly schema?: TableSchema;
}

/** A table, what its cells mean, and what was decided on the way. */
export interface ParsedTable {
  readonly data: Dataset;
  readonly schema: TableSchema;
  /** Decisions, in sentences for the user. */
  readonly notes: readonly string[];
  /** The table's name in messages. */
  readonly where: string;
}

/** Characters that the dialect is seen in. */
const HEAD = 1 << 18;

/** True for what `parseTable` reads: a text, bytes, a File, what fetch answered. */
export const isTableSource = (value: unknown): value is TableSource => value instanceof Blob || value instanceof Response;

/** The bytes of a source, and its name. Errors: DataError for an answer that is an error. */
async function bytesOf(source: TableSource): Promise<{ readonly bytes: Uint8Array; readonly where: string }> {
  if (source instanceof Blob)
    return { bytes: new Uint8Array(await source.arrayBuffer()), where: "name" in source ? String(source.name) : "file" };
  const where = source.url === "" ? "answer" : source.url;
  if (!source.ok)
    throw new DataError(`${where}: expected a table, got the answer ${source.status} ${source.statusText}`.trimEnd());
  const type = source.headers.get("content-type") ?? "";
  if (/text\/html/i.test(type)) throw new DataError(`${where}: expected a table, got a web page (${type}); check the address`);
  return { bytes: new Uint8Array(await source.arrayBuffer()), where };
}

/** The text of bytes: as a mark says, as UTF-8, or as they look like. */
function decoded(bytes: Uint8Array, where: string, asked: string | undefined): { readonly text: string; readonly note?: string } {
  const { encoding: named, other } =
    asked === undefined ? { encoding: markedEncoding(bytes.subarray(0, HEAD)) } : namedEncodings(asked, "encoding");
  try {
    return { text: (other === undefined ? streamDecoder(named ?? "utf-8") : mixedDecoder(other))(bytes, true) };
  } catch (cause) {
    if (asked !== undefined || (named !== undefined && named !== "utf-8"))
      throw new DataError(`${where}: expected ${encodingName(named ?? "utf-8")}, got other bytes; name the encoding`, { cause });
  }
  const survey = new LineSurvey();
  survey.add(bytes, true);
  const mixed = survey.found();
  if (mixed !== undefined) return { text: mixedDecoder(mixed.other)(bytes, true), note: `${where}: ${mixed.says}` };
  const encoding = guessEncoding(bytes);
  return { text: streamDecoder(encoding)(bytes, true), note: `${where}: not UTF-8, read as ${encodingName(encoding)}` };
}

/** The rows of records as texts. Errors: DataError, with the row. */
function rowsOf(records: readonly CsvRecord[], names: readonly string[], where: string): Dataset {
  const parts: Dataset[] = [];
  const chunk = new ChunkBuilder(names);
  for (const [at, record] of records.entries()) {
    const problem = problemOf(record, names.length, false);
    if (problem !== undefined) throw new DataError(`${where}: ${fileRow(at + 1, record.line)}: ${problem}; ${ROW_REMEDY}`);
    chunk.add(record.fields, at + 1, record.line);
    if (chunk.length === CHUNK_ROWS) parts.push(chunk.take());
  }
  if (chunk.length > 0) parts.push(chunk.take());
  if (parts.length === 0) throw new DataError(`${where}: expected at least one row, got none`);
  return concatenate(parts);
}

/**
 * Reads a CSV or TSV file that lies in memory, in a page or in Node; what its cells mean is learned from all of them.
 *
 * Errors: DataError for what is not a table, with the row; ConfigError for options.
 *
 * @example
 * import { parseTable } from "descentjs/data";
 * const { data } = await parseTable("width;name\n1,5;a\n2,5;b\n"); // in a page also: await fetch("iris.csv")
 * console.log(data.tensor("width").data); // Float64Array(2) [ 1.5, 2.5 ]
 */
export async function parseTable(source: TableSource | string, options: ParseTableOptions = {}): Promise<ParsedTable> {
  const read = typeof source === "string" ? { where: "text" } : await bytesOf(source);
  const { where } = read;
  const { text, note } =
    typeof source === "string"
      ? { text: source, note: undefined }
      : decoded("bytes" in read ? read.bytes : new Uint8Array(), where, options.encoding);
  if (text.trim() === "") throw new DataError(`${where}: expected at least one row, got an empty file`);
  const given = options.delimiter === undefined ? {} : { delimiter: checkDelimiter(options.delimiter, "delimiter") };
  const { schema } = options;
  const taught = schema === undefined ? {} : { names: schema.fields.map(({ name }) => name), hadHeader: schema.header };
  const dialect = guessDialect(text.slice(0, HEAD), text.length <= HEAD, { ...options, ...given, ...taught });
  const { skip, titles, header, delimiter } = dialect;
  const records = [...new RecordReader(dialect, skip > 0 ? 2 : 1).read(text.slice(skip), true)];
  const sample = records.slice(titles, titles + SAMPLE_ROWS);
  const named = nameColumns(where, sample, dialect, { ...options, ...taught });
  const filter = new RowFilter(dialect, named.names.length, sample);
  const rows = rowsOf([...filter.pass(records, true)], named.names, where);
  const notes = [...(note === undefined ? [] : [note]), ...named.notes, ...filter.notes(where)];
  if (schema !== undefined) return { data: readWith(rows, schema, { where }), schema, notes, where };
  const builder = new SchemaBuilder(options);
  builder.add(rows);
  const learned = builder.finish({ header, names: named.names, delimiter });
  return { data: readWith(rows, learned.schema, { where }), schema: learned.schema, notes: [...notes, ...learned.notes], where };
}
