/**
 * @module Bytes as lines of text: UTF-8, what a mark says, or what the bytes look like, with a remark; what is damaged is refused, with its line.
 */
import { checkEncoding, encodingName, guessEncoding, markedEncoding, Sample, streamDecoder, withBreak } from "../csv/encoding.js";
import { DataError } from "../../util/errors.js";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a file. A mark at its beginning (U+FEFF) is left out.
 *
 * Errors: DataError, with the line, if the bytes are not UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array, where: string, remedy = "save the file as UTF-8"): string {
  try {
    const text = strict.decode(bytes);
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
  } catch (cause) {
    throw new DataError(`${where}: ${findInvalid(bytes)}; ${remedy}`, { cause });
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

/** Bytes that a mark, or UTF-16 without one, is seen in. */
const HEAD = 1 << 18;
/** Fewer lines with other bytes are damage, or too few to see an encoding in. */
const ENOUGH = 3;

/**
 * The text of a file, in the encoding that is asked for, marked, or seen in its bytes, with a remark where these are no UTF-8.
 *
 * Errors: DataError, with the line, for UTF-8 with some other bytes, and for bytes that are not of the encoding; ConfigError for an unknown one.
 */
export function decodeText(bytes: Uint8Array, where: string, asked?: string): { readonly text: string; readonly note?: string } {
  const named = asked === undefined ? markedEncoding(bytes.subarray(0, HEAD)) : checkEncoding(asked, "--encoding");
  const sample = new Sample();
  sample.add(withBreak(bytes));
  const isGuessed = named === undefined && sample.invalid > sample.valid && sample.invalid >= ENOUGH;
  const encoding = isGuessed ? guessEncoding(sample.bytes) : (named ?? "utf-8");
  if (encoding === "utf-8")
    return { text: decodeUtf8(bytes, where, "save the file as UTF-8, or name its encoding (--encoding)") };
  try {
    const text = streamDecoder(encoding)(bytes, true);
    return isGuessed
      ? { text, note: `${where}: not UTF-8, read as ${encodingName(encoding)}; --encoding says otherwise` }
      : { text };
  } catch (cause) {
    throw new DataError(`${where}: expected ${encodingName(encoding)}, got other bytes; name the encoding (--encoding)`, {
      cause,
    });
  }
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
