/**
 * @module What DuckDB complains of, in one line of ours that names the file and the row.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import type { TableFormat } from "./table-file-node.js";
import { DataError } from "../../util/errors.js";

/** The first line, of a gzip file too. */
export async function firstLine(path: string, zipped: boolean): Promise<string> {
  for await (const line of lines(path, zipped)) return line;
  return "";
}

async function* lines(path: string, zipped: boolean): AsyncGenerator<string> {
  const file = createReadStream(path);
  const reader = createInterface({ input: zipped ? file.pipe(createGunzip()) : file, crlfDelay: Infinity });
  try {
    yield* reader;
  } finally {
    reader.close();
    file.destroy();
  }
}

/** DuckDB raises plain errors; ours and JavaScript's have kinds, and pass unchanged. */
export const isEngineError = (error: unknown): error is Error => error instanceof Error && error.name === "Error";

const REMEDY = "mend the row, or leave out such rows (skipBadRows, --skip-bad-rows)";

/** DuckDB's complaint as one line of ours, with the file and the row. */
export async function explainFailure(path: string, format: TableFormat, zipped: boolean, error: unknown): Promise<Error> {
  if (!isEngineError(error)) return error as Error;
  const { message } = error;
  const fail = (text: string): DataError => new DataError(`${path}: ${text}`, { cause: error });
  if (format === "jsonl" && /JSON/i.test(message)) {
    // DuckDB's own line number is that of the line where its parser stopped.
    let row = 0;
    for await (const line of lines(path, zipped)) {
      row++;
      if (line.trim() === "") continue;
      try {
        const value: unknown = JSON.parse(line);
        if (typeof value === "object" && value !== null && !Array.isArray(value)) continue;
        return fail(`row ${row}: expected a JSON object, got ${Array.isArray(value) ? "a list" : typeof value}; ${REMEDY}`);
      } catch (cause) {
        return fail(`row ${row}: expected JSON, got text that does not parse (${(cause as Error).message}); ${REMEDY}`);
      }
    }
  }
  if (/state machine.*invalid state/i.test(message))
    return fail(
      "expected line ends of one kind, and nothing between a closing quote and the delimiter, got a row that breaks this",
    );
  const row = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  if (row === undefined) return fail(`expected a ${format} file that DuckDB can read, got an error: ${message.split("\n")[0]}`);
  const columns = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (columns !== null) return fail(`row ${row}: expected ${columns[1]} columns, got ${columns[2]}; ${REMEDY}`);
  const cast = /Error when converting column "(.*)"\. Could not convert string "(.*)" to '(.*)'/.exec(message);
  if (cast !== null)
    return fail(`row ${row}, column "${cast[1]}": expected ${cast[3]} as in the rows before, got "${cast[2]}"; ${REMEDY}`);
  if (message.includes("unterminated quote"))
    return fail(`row ${row}: expected a closing quote right before a delimiter, got none; ${REMEDY}`);
  if (message.includes("not utf-8")) return fail(`row ${row}: expected UTF-8, got other bytes; save the file as UTF-8`);
  const reason = message.split("\n").find((line, i) => i > 1 && line.trim() !== "" && !line.startsWith("Original"));
  return fail(`row ${row}: expected a row that parses, got an error: ${reason ?? message.split("\n")[0]}; ${REMEDY}`);
}
