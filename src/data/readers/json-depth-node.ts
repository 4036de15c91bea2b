/**
 * @module The nesting depth of JSON lines, found before a parser that follows them with its own stack is given them (DuckDB ends the process
 * at some tens of thousands).
 */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DataError } from "../../util/errors.js";
import { encodingName, markedEncoding, streamDecoder } from "../csv/encoding.js";
import { ROW_REMEDY } from "./csv-node.js";
import { rowsInObject } from "../text/json-rows.js";
import { isJsonList } from "./describe-file-node.js";

/** Deeper than any data that people write, and far from where a parser's stack ends. */
export const DEEPEST = 200;

const NEWLINE = 10;
const QUOTE = 34;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Follows brackets outside of strings, from piece to piece of a file. */
class DepthScan {
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #row = 1;
  readonly #isLines: boolean;

  /** `isLines` says that each line begins anew. */
  constructor(isLines: boolean) {
    this.#isLines = isLines;
  }

  /** The row that nests too deep, or undefined. */
  next(bytes: Uint8Array): number | undefined {
    for (let at = 0; at < bytes.length;) {
      const end = bytes.indexOf(NEWLINE, at);
      const isWholeLine = this.#isLines && end >= 0 && this.#depth === 0 && !this.#isText;
      // A line that is shorter than the bound cannot nest deeper, and most are.
      if (!(isWholeLine && end - at <= DEEPEST) && this.#follow(bytes, at, end < 0 ? bytes.length : end)) return this.#row;
      if (end < 0) return undefined;
      if (this.#isLines) {
        this.#depth = 0;
        this.#isText = false;
      }
      this.#isEscaped = false;
      this.#row++;
      at = end + 1;
    }
    return undefined;
  }

  #follow(bytes: Uint8Array, start: number, end: number): boolean {
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      if (this.#isEscaped) this.#isEscaped = false;
      else if (this.#isText) {
        if (byte === QUOTE) this.#isText = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
      } else if (byte === QUOTE) this.#isText = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (++this.#depth > DEEPEST) return true;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.#depth--;
    }
    return false;
  }
}

async function* pieces(path: string, zipped: boolean): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 2 ** 20 });
  try {
    yield* (zipped ? file.pipe(createGunzip()) : file) as AsyncIterable<Uint8Array>;
  } finally {
    file.destroy();
  }
}

/** Finds the first line of a file of JSON that nests deeper than `DEEPEST`; undefined where there is none. Reads it once, from end to end. */
async function deepLine(path: string, zipped: boolean, isLines: boolean): Promise<number | undefined> {
  const scan = new DepthScan(isLines);
  for await (const piece of pieces(path, zipped)) {
    const line = scan.next(piece);
    if (line !== undefined) return line;
  }
  return undefined;
}

/** Bytes that UTF-16 and UTF-32 are seen in. */
const ENCODING_HEAD = 4096;

const isMarked = (bytes: Uint8Array): boolean => bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;

/** A file in a folder that goes with the process, since a table is read until then, and any number of times. */
function fileForRows(): string {
  const folder = mkdtempSync(join(tmpdir(), "descent-rows-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "rows.jsonl");
}

/** Larger files are no single object that a parser should hold. */
const MOST_OBJECT = 2 ** 28;

/** The rows of a file that is one object, or undefined where it is an object a line. */
async function rowsOfObject(path: string, zipped: boolean): Promise<readonly unknown[] | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces(path, zipped)) {
    size += piece.length;
    if (size > MOST_OBJECT) return undefined;
    parts.push(piece);
  }
  try {
    return rowsInObject(JSON.parse(new TextDecoder().decode(Buffer.concat(parts))));
  } catch {
    return undefined;
  }
}

/** Writes rows as lines. */
async function rowsFile(rows: readonly unknown[]): Promise<string> {
  const file = fileForRows();
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return file;
}

/** Copies a file without the mark at its beginning, each line that nests too deep made one that does not parse, so that rows keep their numbers. */
async function cleanCopy(path: string, zipped: boolean): Promise<string> {
  const copy = fileForRows();
  const out = createWriteStream(copy);
  let line: Uint8Array[] = [];
  let count = 0;
  const end = (): void => {
    const bytes = Buffer.concat(line);
    const text = count++ === 0 && isMarked(bytes) ? bytes.subarray(3) : bytes;
    out.write(new DepthScan(true).next(text) === undefined ? text : "!");
    line = [];
  };
  for await (const piece of pieces(path, zipped)) {
    let at = 0;
    for (let next = piece.indexOf(NEWLINE); next >= 0; next = piece.indexOf(NEWLINE, at)) {
      line.push(piece.subarray(at, next));
      end();
      out.write("\n");
      at = next + 1;
    }
    line.push(piece.subarray(at));
    if (out.writableNeedDrain) await new Promise<void>((resolve) => out.once("drain", resolve));
  }
  end();
  out.end();
  await finished(out);
  return copy;
}

/** A copy in UTF-8 of a file in a wider encoding, as PowerShell writes. DataError for bytes that are not of it. */
async function copyInUtf8(path: string, zipped: boolean, encoding: string): Promise<string> {
  const copy = fileForRows();
  const decode = streamDecoder(encoding);
  const text = async function* (): AsyncGenerator<string> {
    try {
      for await (const piece of pieces(path, zipped)) yield decode(piece, false);
      yield decode(new Uint8Array(), true);
    } catch (cause) {
      throw new DataError(`${path}: expected ${encodingName(encoding)}, got other bytes`, { cause });
    }
  };
  await writeFile(copy, text());
  return copy;
}

/** The first bytes of a file, unzipped. */
async function firstBytes(path: string, zipped: boolean): Promise<Uint8Array> {
  for await (const piece of pieces(path, zipped)) return piece;
  return new Uint8Array();
}

/** A file of JSON that a parser can be given. */
export interface CheckedJson {
  readonly path: string;
  readonly zipped: boolean;
  /** A list of objects, or an object a line. */
  readonly format: "json" | "jsonl";
}

/**
 * Checks a file of JSON before a parser is given it: the file itself, or a copy without what the parser fails on: a byte order mark, and, where bad rows
 * are to be skipped, lines that nest too deep.
 *
 * Errors: DataError, naming the line, if one nests deeper than `DEEPEST` and is not to be skipped.
 */
export async function checkJson(path: string, zipped: boolean, skipBadRows: boolean): Promise<CheckedJson> {
  const encoding = markedEncoding((await firstBytes(path, zipped)).subarray(0, ENCODING_HEAD)) ?? "utf-8";
  return encoding === "utf-8"
    ? checkUtf8(path, { path, zipped }, skipBadRows)
    : checkUtf8(path, { path: await copyInUtf8(path, zipped, encoding), zipped: false }, skipBadRows);
}

/** Checks a file that is in UTF-8, or the copy of one that was not. */
async function checkUtf8(
  name: string,
  { path, zipped }: { readonly path: string; readonly zipped: boolean },
  skipBadRows: boolean,
): Promise<CheckedJson> {
  const head = await firstBytes(path, zipped);
  const format = isJsonList(head) ? "json" : "jsonl";
  const isLines = format === "jsonl";
  const line = await deepLine(path, zipped, isLines);
  if (line !== undefined && !(skipBadRows && isLines))
    throw new DataError(
      `${name}: ${isLines ? "row" : "line"} ${line}: expected JSON that nests at most ${DEEPEST} deep, got a deeper one; ${isLines ? ROW_REMEDY : "flatten it"}`,
    );
  const rows = line === undefined && isLines && /\.json(\.gz)?$/i.test(name) ? await rowsOfObject(path, zipped) : undefined;
  if (rows !== undefined) return { path: await rowsFile(rows), zipped: false, format };
  if (line === undefined && !isMarked(head)) return { path, zipped, format };
  return { path: await cleanCopy(path, zipped), zipped: false, format };
}
