/**
 * @module Delimited text (CSV, TSV) taken apart into records, piece by piece. Line ends of any kind may be mixed; quotes enclose delimiters and line ends.
 *
 * Source: RFC 4180. Differs from it: blanks around an enclosed field do not count, lone carriage returns end records as well, and quotes may stand
 * behind backslashes.
 */

/** The delimiter and the quote of fields. */
export interface Delimiters {
  /** A blank stands for any number of blanks and tabs, also before the first field. */
  readonly delimiter: string;
  /** Doubled inside a field, it stands for itself; "" where nothing encloses fields. */
  readonly quote: string;
  /** Whether a backslash inside an enclosed field takes the meaning off the character behind it. */
  readonly escaped?: boolean;
}

/** A record, or what is wrong with it. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** The line on which it begins, from 1. */
  readonly line: number;
  readonly problem?: string;
}

/** Characters in a record beyond which a quote counts as unclosed. */
const LONGEST = 1 << 24;

const UNCLOSED = "expected a closing quote right before a delimiter, got none";

interface Parsed {
  readonly fields: readonly string[];
  readonly next: number;
  readonly problem?: string;
}

/** Finds the end of the line at `from`, and the start of the next; undefined where the text ends before that is known. */
function lineEnd(text: string, from: number, last: boolean): { end: number; next: number } | undefined {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10) return { end: at, next: at + 1 };
    if (code !== 13) continue;
    if (at + 1 === text.length && !last) return undefined;
    return { end: at, next: text.charCodeAt(at + 1) === 10 ? at + 2 : at + 1 };
  }
  return last ? { end: text.length, next: text.length } : undefined;
}

const skipBlanks = (text: string, from: number, delimiter: string): number => {
  const blanks = delimiter === "\t" ? " " : " \t";
  let at = from;
  while (at < text.length && blanks.includes(text[at] as string)) at++;
  return at;
};

/** The enclosed field whose opening quote is at `open`: its value, and what stands behind it; undefined where its end isn't seen. */
function enclosed(
  text: string,
  open: number,
  { quote, escaped = false }: Delimiters,
  last: boolean,
): { value: string; next: number } | "unclosed" | undefined {
  let [value, from] = ["", open + 1];
  for (;;) {
    const close = text.indexOf(quote, from);
    const ahead = escaped ? text.slice(from, close < 0 ? text.length : close).indexOf("\\") : -1;
    const backslash = from + ahead;
    if (ahead >= 0 && backslash + 1 < text.length) {
      // What databases write for line ends and tabs stays as it is.
      const isPlain = text[backslash + 1] === quote || text[backslash + 1] === "\\";
      value += text.slice(from, isPlain ? backslash : backslash + 1) + (text[backslash + 1] as string);
      from = backslash + 2;
      continue;
    }
    if (close < 0) return last || text.length - open > LONGEST ? "unclosed" : undefined;
    if (close + 1 === text.length && !last) return undefined;
    value += text.slice(from, close);
    if (text[close + 1] !== quote) return { value, next: close + 1 };
    value += quote;
    from = close + 2;
  }
}

/** The record at `start`, or undefined where the text ends before the record does. */
function parseRecord(text: string, start: number, delimiters: Delimiters, last: boolean): Parsed | undefined {
  const { delimiter, quote } = delimiters;
  const fields: string[] = [];
  const runs = delimiter === " ";
  const separator = delimiter.charCodeAt(0);
  const isSeparator = (code: number): boolean => code === separator || (runs && code === 9);
  const broken = (problem: string): Parsed | undefined => {
    const line = lineEnd(text, start, last);
    return line && { fields, next: line.next, problem };
  };
  for (let at = runs ? skipBlanks(text, start, delimiter) : start; ;) {
    const open = quote === "" ? at : skipBlanks(text, at, delimiter);
    if (quote !== "" && text[open] === quote) {
      const field = enclosed(text, open, delimiters, last);
      if (field === undefined) return undefined;
      if (field === "unclosed") return broken(UNCLOSED);
      fields.push(field.value);
      at = runs ? field.next : skipBlanks(text, field.next, delimiter);
      const code = text.charCodeAt(at);
      if (!isSeparator(code) && code !== 10 && code !== 13 && at < text.length) return broken(UNCLOSED);
    } else {
      const from = at;
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at);
        if (isSeparator(code) || code === 10 || code === 13) break;
      }
      fields.push(text.slice(from, at));
    }
    if (at < text.length && isSeparator(text.charCodeAt(at))) {
      at = runs ? skipBlanks(text, at, delimiter) : at + 1;
      const isEnd = runs && (at === text.length ? last : [10, 13].includes(text.charCodeAt(at)));
      if (!isEnd) continue;
    }
    const line = lineEnd(text, at, last);
    return line && { fields, next: line.next };
  }
}

/** Blanks, and what stands behind the end of a text: zeros of a file that was made too long, DOS's sign of the end. */
const isNothing = (text: string): boolean => text.replaceAll("\0", "").replaceAll("\u001a", "").trim() === "";

/** Takes text apart that comes in pieces. Blank lines are no records. */
export class RecordReader {
  readonly #delimiters: Delimiters;
  #rest = "";
  #line: number;

  /** `line` is the number of the first line. */
  constructor(delimiters: Delimiters, line = 1) {
    this.#delimiters = delimiters;
    this.#line = line;
  }

  /** The records that end in what was given up to now; `last` says that nothing follows. */
  *read(piece: string, last: boolean): Generator<CsvRecord> {
    const text = this.#rest + piece;
    let at = 0;
    while (at < text.length) {
      const record = parseRecord(text, at, this.#delimiters, last);
      if (record === undefined) break;
      const { fields, next, problem } = record;
      const line = this.#line;
      this.#line += countLines(text, at, next);
      at = next;
      if (problem !== undefined) yield { fields, line, problem };
      else if (fields.length > 1 || !isNothing(fields[0] as string)) yield { fields, line };
    }
    this.#rest = text.slice(at);
  }
}

/** Line ends in a part of a text. */
function countLines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || (code === 13 && text.charCodeAt(at + 1) !== 10)) count++;
  }
  return count;
}

/** All records of a text, or of the beginning of one. */
export function recordsOf(text: string, delimiters: Delimiters, last = true): CsvRecord[] {
  return [...new RecordReader(delimiters).read(text, last)];
}
