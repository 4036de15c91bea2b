/**
 * @module Delimited text files (CSV, TSV, also gzipped, in any encoding) as tables of texts: every cell as it stands in the file.
 */
import { isAscii } from "node:buffer";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { fileRow } from "../column.js";
import type { Dialect, DialectOptions } from "../csv/dialect.js";
import { checkDelimiter, guessDialect, leadingRecords } from "../csv/dialect.js";
import { encodingName, guessEncoding, markedEncoding, Sample, streamDecoder, withBreak } from "../csv/encoding.js";
import { LineSurvey, mixedDecoder, namedEncodings } from "../csv/mixed-lines.js";
import type { CsvRecord } from "../csv/records.js";
import { RecordReader } from "../csv/records.js";
import { RowFilter, SAMPLE_ROWS } from "../csv/stray-rows.js";
import type { Dataset } from "../dataset.js";
import { brokenGzip, mostUnpackedBytes, unpacksTooMuch, unreadable } from "../files-node.js";
import type { Decimal } from "../schema/numbers.js";
import { DataError } from "../../util/errors.js";
import type { RowNaming } from "./text-rows.js";
import { CHUNK_ROWS, ChunkBuilder, nameColumns, problemOf, ROW_REMEDY } from "./text-rows.js";
import { Utf8Validator } from "./utf8-validator-node.js";

export { ROW_REMEDY };

export interface CsvOptions extends DialectOptions, RowNaming {
  /** The encoding of the text; detected if left out: UTF-8, what a mark says, or what the bytes look like. */
  readonly encoding?: string;
  readonly skipBadRows?: boolean;
  /** Aborts reading. */
  readonly signal?: AbortSignal | undefined;
  /** The delimiter to assume unless the user or the file states another. */
  readonly usual?: string;
}

/** A table whose cells are not interpreted yet. It can be read any number of times. */
export interface RawTable {
  readonly names: readonly string[];
  readonly header: boolean;
  readonly delimiter?: string;
  /** The decimal sign, where the file itself says it. */
  readonly decimal?: Decimal;
  /** Decisions on the file, in sentences for the user; after a reading that came to its end, all of them. */
  readonly notes: () => readonly string[];
  /** The rows, chunk by chunk. */
  readonly chunks: () => AsyncGenerator<Dataset>;
  /** Rows left out in the last reading that came to its end. */
  readonly badRows: () => number;
}

/** Bytes of a file that its dialect is seen in. */
const HEAD = 1 << 18;
/** Bytes of a file that are read at once. */
const PIECE = 1 << 18;

/** The bytes of a file, unzipped. */
async function* bytesOf(path: string, zipped: boolean): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: PIECE });
  try {
    if (!zipped) yield* file as AsyncIterable<Uint8Array>;
    else {
      const unzipped = createGunzip();
      file.once("error", (error) => unzipped.destroy(error));
      const { size } = await stat(path);
      let unpackedBytes = 0;
      for await (const chunk of file.pipe(unzipped) as AsyncIterable<Uint8Array>) {
        unpackedBytes += chunk.length;
        if (unpackedBytes > mostUnpackedBytes(size)) throw unpacksTooMuch(path, size);
        yield chunk;
      }
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const isFileError = (cause as NodeJS.ErrnoException).syscall !== undefined;
    throw isFileError || !zipped ? unreadable(path, cause) : brokenGzip(path, cause);
  } finally {
    file.destroy();
  }
}

/** Evidence of a file's encoding in all of its bytes. */
interface Encoding {
  readonly encoding: string;
  /** The encoding of lines that are not UTF-8, where some are and some are not. */
  readonly other?: string;
  readonly note?: string;
  /** UTF-8 but for some rows. */
  readonly broken?: true;
  /** Seen in the first piece alone. */
  readonly byHead?: true;
}

/**
 * Detects a file's encoding from all its bytes, or where `byHead` from the first ones if these are UTF-8; a gzip file is read to its end in any case, and so
 * checked.
 */
async function detectEncoding(path: string, zipped: boolean, asked: string | undefined, byHead: boolean): Promise<Encoding> {
  const validator = new Utf8Validator();
  const sample = new Sample();
  let [first, isValid] = [true, true];
  for await (const chunk of bytesOf(path, zipped)) {
    const marked = first && asked === undefined ? markedEncoding(chunk.subarray(0, HEAD)) : undefined;
    if (marked !== undefined && marked !== "utf-8" && !zipped) return { encoding: marked };
    if (marked !== undefined && marked !== "utf-8") asked = marked;
    if (first) sample.add(withBreak(chunk));
    else if (!isAscii(chunk)) sample.add(chunk);
    first = false;
    isValid &&= validator.add(chunk);
    if (byHead && !zipped && isValid && asked === undefined && chunk.length === PIECE) return { encoding: "utf-8", byHead };
  }
  isValid &&= validator.ended;
  if (asked !== undefined) {
    const named = namedEncodings(asked, "--encoding");
    return named.encoding === "utf-8" && named.other === undefined && !isValid ? { ...named, broken: true } : named;
  }
  if (isValid) return { encoding: "utf-8" };
  const mixed = await surveyLines(path, zipped);
  if (mixed !== undefined) return { encoding: "utf-8", other: mixed.other, note: `${path}: ${mixed.says}` };
  if (sample.valid > sample.invalid) return { encoding: "utf-8", broken: true };
  const encoding = guessEncoding(sample.bytes);
  return { encoding, note: `${path}: not UTF-8, read as ${encodingName(encoding)}; --encoding says otherwise` };
}

async function surveyLines(path: string, zipped: boolean): Promise<ReturnType<LineSurvey["found"]>> {
  const survey = new LineSurvey();
  for await (const chunk of bytesOf(path, zipped)) survey.add(chunk);
  survey.add(new Uint8Array(), true);
  return survey.found();
}

/** The text of a file piece by piece; the last piece says so. */
async function* textOf(
  path: string,
  zipped: boolean,
  { encoding, other, broken }: Encoding,
): AsyncGenerator<{ text: string; last: boolean }> {
  const decoder = broken === true ? new TextDecoder(encoding) : undefined;
  const strict = other === undefined ? streamDecoder(encoding) : mixedDecoder(other);
  const decode = (bytes: Uint8Array, last: boolean): string => {
    try {
      return decoder?.decode(bytes, { stream: !last }) ?? strict(bytes, last);
    } catch (cause) {
      const expected = [encoding, ...(other === undefined ? [] : [other])].map(encodingName).join(" or ");
      throw new DataError(`${path}: expected ${expected}, got other bytes; name the encoding (--encoding)`, { cause });
    }
  };
  for await (const chunk of bytesOf(path, zipped)) yield { text: decode(chunk, false), last: false };
  yield { text: decode(new Uint8Array(), true), last: true };
}

/** The beginning of a file's text, and whether it is all of it. */
async function headOf(path: string, zipped: boolean, encoding: Encoding): Promise<{ head: string; whole: boolean }> {
  let head = "";
  for await (const { text, last } of textOf(path, zipped, encoding)) {
    head += text;
    if (last) return { head, whole: true };
    if (head.length >= HEAD || encoding.byHead === true) break;
  }
  return { head, whole: false };
}

interface Opened extends Dialect {
  readonly path: string;
  readonly zipped: boolean;
  readonly encoding: Encoding;
}

/** The rows of a table. */
async function* rowsIn(table: Opened, filter: RowFilter): AsyncGenerator<CsvRecord> {
  const reader = new RecordReader(table, table.skip > 0 ? 2 : 1);
  let skip = table.skip;
  let pending = "";
  for await (const { text, last } of textOf(table.path, table.zipped, table.encoding)) {
    pending += text;
    if (pending.length < skip && !last) continue;
    yield* filter.pass(reader.read(pending.slice(skip), last), last);
    [pending, skip] = ["", 0];
  }
}

/** A delimited text file as it is written: what `openCsv` reads it by. */
export interface CsvForm {
  readonly encoding: string;
  /** Some rows are not of that encoding, or of another. */
  readonly broken: boolean;
  readonly delimiter: string;
  readonly quote: string;
  readonly header: boolean;
  /** Begins with the first record of the table, not with titles or a hint. */
  readonly plain: boolean;
  readonly names: readonly string[];
  /** Decisions on the names, in sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * Finds out how a delimited text file is written. `byHead` takes one that begins as UTF-8 to be UTF-8: for whoever sees all of its bytes anyway, and
 * notices where it is not. Errors: DataError for what cannot be read.
 */
export async function csvForm(path: string, zipped: boolean, options: CsvOptions, byHead = false): Promise<CsvForm> {
  const { table, names, notes, escaped } = await describeCsv(path, zipped, options, byHead);
  const { encoding, delimiter, quote, header, skip } = table;
  const broken = encoding.broken === true || encoding.other !== undefined;
  const plain = skip === 0 && leadingRecords(table) === Number(header) && !escaped;
  return { encoding: encoding.encoding, broken, delimiter, quote, header, plain, names, notes };
}

interface DescribedCsv {
  readonly table: Opened;
  /** The first records, without titles. */
  readonly sample: readonly CsvRecord[];
  readonly names: readonly string[];
  readonly notes: readonly string[];
  readonly escaped: boolean;
}

async function describeCsv(path: string, zipped: boolean, options: CsvOptions, byHead = false): Promise<DescribedCsv> {
  const encoding = await detectEncoding(path, zipped, options.encoding, byHead);
  const { head, whole } = await headOf(path, zipped, encoding);
  if (head.trim() === "") throw new DataError(`${path}: expected at least one row, got an empty file`);
  const given = options.delimiter === undefined ? {} : { delimiter: checkDelimiter(options.delimiter, "--delimiter") };
  const dialect = guessDialect(head, whole, { ...options, ...given });
  const table: Opened = { ...dialect, path, zipped, encoding };
  const { escaped = false, skip, titles } = dialect;
  const sample = [...new RecordReader(dialect).read(head.slice(skip), true)].slice(titles);
  const [first] = sample;
  if (first === undefined || first.problem !== undefined)
    throw new DataError(`${path}: row 1: ${first?.problem ?? "expected names of columns, got none"}; ${ROW_REMEDY}`);
  return { table, sample: sample.slice(0, SAMPLE_ROWS), ...nameColumns(path, sample, dialect, options), escaped };
}

/** Opens a delimited text file. Errors: DataError for what cannot be read; a row that does not parse is refused when it is read, or counted. */
export async function openCsv(path: string, zipped: boolean, options: CsvOptions): Promise<RawTable> {
  const { table, sample, names, escaped, ...named } = await describeCsv(path, zipped, options);
  const { encoding, header, delimiter } = table;
  const notes = [
    ...(encoding.note === undefined ? [] : [encoding.note]),
    ...(delimiter === " " && options.delimiter === undefined ? [`${path}: blanks part the columns`] : []),
    ...(escaped ? [`${path}: a backslash stands before quotes inside of fields`] : []),
    ...(encoding.broken === undefined ? [] : [`${path}: some rows are not UTF-8`]),
    ...named.notes,
  ];
  let badRows = 0;
  let filter = new RowFilter(table, names.length, sample);
  async function* chunks(): AsyncGenerator<Dataset> {
    const chunk = new ChunkBuilder(names);
    let [row, bad] = [0, 0];
    const rows = new RowFilter(table, names.length, sample);
    for await (const record of rowsIn(table, rows)) {
      row++;
      const problem = problemOf(record, names.length, encoding.broken === true);
      if (problem !== undefined) {
        if (options.skipBadRows !== true)
          throw new DataError(
            `${path}: ${fileRow(row, record.line)}: ${problem}${problem.includes(";") ? "" : `; ${ROW_REMEDY}`}`,
          );
        bad++;
        continue;
      }
      chunk.add(record.fields, row, record.line);
      if (chunk.length < CHUNK_ROWS) continue;
      options.signal?.throwIfAborted();
      yield chunk.take();
    }
    [badRows, filter] = [bad, rows];
    if (chunk.length > 0) yield chunk.take();
  }
  return { names, header, delimiter, notes: () => [...notes, ...filter.notes(path)], chunks, badRows: () => badRows };
}
