/**
 * @module DuckDB's errors, in one line of ours that names the file and the row.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { readFileBytes, unwrapGzip } from "../files-node.js";
import { ROW_REMEDY } from "./csv-node.js";
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

/** The first row that has a key more often than its value does, which keeps one of each. */
async function rowWithTwice(path: string, zipped: boolean, key: string): Promise<number | undefined> {
  const written = JSON.stringify(key);
  const count = (text: string): number =>
    text
      .split(written)
      .slice(1)
      .filter((rest) => /^\s*:/.test(rest)).length;
  let row = 0;
  for await (const line of lines(path, zipped)) {
    row++;
    if (count(line) > 1 && count(line) > count(JSON.stringify(JSON.parse(line)))) return row;
  }
  return undefined;
}

/** DuckDB's complaint as one line of ours, with the file and the row. */
export async function explainFailure(path: string, format: TableFormat, zipped: boolean, error: unknown): Promise<Error> {
  if (!isEngineError(error)) return error as Error;
  const { message } = error;
  const fail = (text: string): DataError => new DataError(`${path}: ${text}`, { cause: error });
  const twice = /has duplicate key "([^"\n]*)"/.exec(message)?.[1];
  if (twice !== undefined) {
    const row = format === "jsonl" ? await rowWithTwice(path, zipped, twice).catch(() => undefined) : undefined;
    return fail(
      `${row === undefined ? "" : `row ${row}: `}expected each key of an object once, got "${twice}" again; ${ROW_REMEDY}`,
    );
  }
  if (format === "jsonl" && /JSON/i.test(message)) {
    // DuckDB's own line number is that of the line where its parser stopped.
    let row = 0;
    for await (const line of lines(path, zipped)) {
      row++;
      if (line.trim() === "") continue;
      try {
        const value: unknown = JSON.parse(line);
        if (typeof value === "object" && value !== null && !Array.isArray(value)) continue;
        return fail(`row ${row}: expected a JSON object, got ${Array.isArray(value) ? "a list" : typeof value}; ${ROW_REMEDY}`);
      } catch (cause) {
        return fail(`row ${row}: expected JSON, got text that does not parse (${(cause as Error).message}); ${ROW_REMEDY}`);
      }
    }
  }
  if (format === "json") {
    try {
      JSON.parse(new TextDecoder().decode(await unwrapGzip(await readFileBytes(path), path)));
    } catch (cause) {
      return fail(`expected JSON, got text that does not parse (${(cause as Error).message})`);
    }
    return fail("expected a list of JSON objects, got a list of something else");
  }
  return fail(`expected a ${format} file that DuckDB can read, got an error: ${message.split("\n")[0]}`);
}
