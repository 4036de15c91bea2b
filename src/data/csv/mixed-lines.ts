/**
 * @module Files whose lines are of two encodings, as joining files makes them: some in UTF-8, the others in an older one.
 */
import { checkEncoding, encodingName, guessEncoding, isUtf8, resembles, streamDecoder } from "./encoding.js";
import { ConfigError } from "../../util/errors.js";

/** Lines that are named. */
const NAMED = 5;
/** Bytes of lines that the older encoding is guessed from. */
const SAMPLE = 1 << 16;
/** Lines of an older encoding that are evidence: one alone may be torn. */
const ENOUGH = 2;
const NEWLINE = 10;
/** The encodings with one byte a character. */
const SINGLE = /^(?:windows|koi8|iso)/;

/** Tells whether a line has a character of three or four bytes in UTF-8: two bytes that are valid there may be a Chinese one of an older encoding. */
const isLong = (line: Uint8Array): boolean => line.some((byte) => byte >= 0xe0);

/** Tells whether a line of two encodings is in UTF-8. */
const isOfUtf8 = (line: Uint8Array, other: string): boolean =>
  isUtf8(line) && (SINGLE.test(other) || isLong(line) || !line.some((byte) => byte > 0x7f));

/** Tells whether a line is UTF-8 but for some bytes: torn, and not of another encoding. */
function isTorn(line: Uint8Array): boolean {
  const signs = Array.from(new TextDecoder().decode(line)).filter((sign) => sign > "\u007f");
  const invalid = signs.filter((sign) => sign === "\ufffd").length;
  return 2 * (signs.length - invalid) > invalid;
}

/** Cuts bytes that come piece by piece into lines with their ends. */
class LineCutter {
  #rest = new Uint8Array();

  *cut(chunk: Uint8Array, last: boolean): Generator<Uint8Array> {
    const bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield bytes.subarray(start, end + 1);
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    if (last && this.#rest.length > 0) yield this.#rest;
  }
}

/** Looks at all lines of a file that is not UTF-8, piece by piece. */
export class LineSurvey {
  readonly #lines = new LineCutter();
  readonly #sample: number[] = [];
  readonly #numbers: number[] = [];
  #count = 0;
  #utf8 = { long: 0, short: 0 };
  #others = 0;
  #torn = false;

  add(chunk: Uint8Array, last = false): void {
    for (const line of this.#lines.cut(chunk, last)) {
      this.#count++;
      if (!line.some((byte) => byte > 0x7f)) continue;
      if (isUtf8(line)) this.#utf8[isLong(line) ? "long" : "short"]++;
      else {
        this.#others++;
        if (this.#numbers.length < NAMED) this.#numbers.push(this.#count);
        this.#torn ||= isTorn(line);
        if (this.#sample.length < SAMPLE) this.#sample.push(...line.subarray(0, SAMPLE));
      }
    }
  }

  /** The encoding of the lines that are not UTF-8, and what there is of either; undefined where lines are torn, too few, or of one encoding. */
  found(): { readonly other: string; readonly says: string } | undefined {
    if (this.#torn || this.#others < ENOUGH) return undefined;
    const bytes = Uint8Array.from(this.#sample);
    const other = guessEncoding(bytes);
    const { long, short } = this.#utf8;
    const isSingle = SINGLE.test(other);
    const utf8 = isSingle ? long + short : long;
    if (utf8 === 0 || !resembles(other, bytes)) return undefined;
    const others = this.#others + (isSingle ? 0 : short);
    const named = `${this.#numbers.join(", ")}${others > this.#numbers.length ? ", …" : ""}`;
    const count = (lines: number): string => (lines === 1 ? "1 line is" : `${lines} lines are`);
    return {
      other,
      says: `beyond ASCII, ${count(utf8)} UTF-8, and ${count(others)} not (${named}) and read as ${encodingName(other)}; --encoding utf-8 refuses these, --encoding utf-8,NAME reads them otherwise`,
    };
  }
}

/** Decodes bytes of two encodings piece by piece, each line in its own; `last` ends them. TypeError for a line that is of neither. */
export function mixedDecoder(other: string): (bytes: Uint8Array, last: boolean) => string {
  const lines = new LineCutter();
  return (bytes, last) => {
    let text = "";
    for (const line of lines.cut(bytes, last)) text += streamDecoder(isOfUtf8(line, other) ? "utf-8" : other)(line, true);
    return text;
  };
}

/** The encodings that `--encoding` names: one, or `utf-8,NAME` for lines of two. ConfigError, beginning with `where`, for others. */
export function namedEncodings(asked: string, where: string): { readonly encoding: string; readonly other?: string } {
  const [first = "", other, ...more] = asked.split(",");
  const encoding = checkEncoding(first, where);
  if (other === undefined) return { encoding };
  if (encoding !== "utf-8" || more.length > 0)
    throw new ConfigError(
      `${where}: expected one encoding, or utf-8 and that of the lines that are not, such as utf-8,gb18030, got "${asked}"`,
    );
  return { encoding, other: checkEncoding(other, where) };
}
