/**
 * @module The nesting depth of JSON lines, found before a parser that follows them with its own stack is given them (DuckDB ends the process
 * at some tens of thousands).
 */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { DataError } from "../../util/errors.js";

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

/** DataError, naming the row, if a file of JSON lines nests deeper than `DEEPEST`. Reads it once, from end to end. */
export async function checkJsonDepth(path: string, zipped: boolean): Promise<void> {
  const scan = new DepthScan();
  const file = createReadStream(path, { highWaterMark: 2 ** 20 });
  try {
    for await (const piece of zipped ? file.pipe(createGunzip()) : file) {
      const row = scan.next(piece as Uint8Array);
      if (row !== undefined)
        throw new DataError(
          `${path}: row ${row}: expected JSON that nests at most ${DEEPEST} deep, got a deeper one; flatten it`,
        );
    }
  } finally {
    file.destroy();
  }
}
