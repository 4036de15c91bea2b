/**
 * @module The nesting depth of JSON lines, found before a parser that follows them with its own stack is given them (DuckDB ends the process
 * at some tens of thousands).
 */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DataError } from "../../util/errors.js";
import { ROW_REMEDY } from "./csv-node.js";

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

  /** The row that nests too deep, or undefined. */
  next(bytes: Uint8Array): number | undefined {
    for (let at = 0; at < bytes.length;) {
      const end = bytes.indexOf(NEWLINE, at);
      const isWholeLine = end >= 0 && this.#depth === 0 && !this.#isText;
      // A line that is shorter than the bound cannot nest deeper, and most are.
      if (!(isWholeLine && end - at <= DEEPEST) && this.#follow(bytes, at, end < 0 ? bytes.length : end)) return this.#row;
      if (end < 0) return undefined;
      this.#depth = 0;
      this.#isText = false;
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

/** Finds the first row of a file of JSON lines that nests deeper than `DEEPEST`; undefined where there is none. Reads it once, from end to end. */
async function deepRow(path: string, zipped: boolean): Promise<number | undefined> {
  const scan = new DepthScan();
  for await (const piece of pieces(path, zipped)) {
    const row = scan.next(piece);
    if (row !== undefined) return row;
  }
  return undefined;
}

/** Copies a file with each line that nests too deep made one that does not parse, so that rows keep their numbers; the copy goes with the process. */
async function copyWithoutDeepLines(path: string, zipped: boolean): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "descent-rows-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const copy = join(folder, "rows.jsonl");
  const out = createWriteStream(copy);
  let line: Uint8Array[] = [];
  const end = (): void => {
    const bytes = Buffer.concat(line);
    out.write(new DepthScan().next(bytes) === undefined ? bytes : "!");
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

/**
 * A file of JSON lines that a parser can be given: the file itself, or, where rows that nest too deep are to be skipped, a copy with such rows broken.
 *
 * Errors: DataError, naming the row, if one nests deeper than `DEEPEST` and is not to be skipped.
 */
export async function shallowLines(
  path: string,
  zipped: boolean,
  skipBadRows: boolean,
): Promise<{ readonly path: string; readonly zipped: boolean }> {
  const row = await deepRow(path, zipped);
  if (row === undefined) return { path, zipped };
  if (skipBadRows) return { path: await copyWithoutDeepLines(path, zipped), zipped: false };
  throw new DataError(`${path}: row ${row}: expected JSON that nests at most ${DEEPEST} deep, got a deeper one; ${ROW_REMEDY}`);
}
