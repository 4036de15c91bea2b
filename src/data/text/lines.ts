/**
 * @module Bytes as lines of text: what is no UTF-8 is refused, with its line.
 */
import { DataError } from "../../util/errors.js";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a file. A mark at its beginning (U+FEFF) is left out.
 *
 * Errors: DataError, with the line, if the bytes are no UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    const text = strict.decode(bytes);
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
  } catch (cause) {
    throw new DataError(`${where}: ${findInvalid(bytes)}; save the file as UTF-8`, { cause });
  }
}

function findInvalid(bytes: Uint8Array): string {
  let line = 1;
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(10, start);
    const end = found < 0 ? bytes.length : found;
    try {
      strict.decode(bytes.subarray(start, end));
    } catch {
      return `line ${line}: expected UTF-8, got other bytes`;
    }
    line++;
    start = end + 1;
  }
  return "expected UTF-8, got other bytes";
}

/** A line and its number, from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/** Lines in blocks that empty lines (or lines of spaces only) part. */
export function* blocks(text: string): Generator<Line[]> {
  let block: Line[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() !== "") block.push({ number: i + 1, text: line });
    else if (block.length > 0) {
      yield block;
      block = [];
    }
  }
  if (block.length > 0) yield block;
}
