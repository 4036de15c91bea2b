/**
 * @module A query, looked at before it is run: that it is one statement which reads, and which files it names.
 */
import { existsSync } from "node:fs";
import * as z from "zod";
import { ConfigError, DataError } from "../../util/errors.js";
import { quoteText } from "./columns-node.js";
import type { Access } from "./access.js";
import { rowsOf, withConnection } from "./duckdb-node.js";

/** Tells whether a text begins as a query does. */
export const isQuery = (text: string): boolean => /^\s*(select|with|from)\s/i.test(text);

/** Beginnings of statements that are none that read, each with the word that follows or a name. */
const STATEMENT =
  /^\s*(copy\s*\(|copy\s+\S+\s+(to|from)\s|attach\s+['"]|(drop|create|alter|truncate)\s+(or|table|view|schema|temp|database)\b|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|pragma\s|export\s+database\s|import\s+database\s|install\s+\w+\s*$|load\s+\w+\s*$|set\s+\w+\s*=|call\s+\w+\s*\(|explain\s|describe\s+select\s|show\s+tables\b|values\s*\()/i;

/** Refuses SQL that is no SELECT, where it stands in place of a file that is not there. DataError. */
export function refuseStatement(text: string): void {
  if (STATEMENT.test(text) && !existsSync(text))
    throw new DataError(
      `query: expected one SELECT over files that it names, got a statement that begins with ${/\w+/.exec(text)?.[0].toUpperCase() ?? ""}`,
    );
}

/** The engine's error on a query that was run, as a line of ours. */
export function explainQuery(error: Error): DataError {
  const line = shownLine(error.message);
  const unnamed = /^Permission Error: Cannot access file "([^"]*)"/.exec(line)?.[1];
  if (unnamed !== undefined)
    return new DataError(`query: expected files that the query names in quotes, and nothing else, got ${unnamed}`, {
      cause: error,
    });
  if (line.startsWith("Out of Memory"))
    return new DataError(`query: expected data that fit into the memory allowed, got an error: ${line}`, { cause: error });
  const table = /^Catalog Error: Table with name (.*) does not exist/.exec(line)?.[1];
  if (table !== undefined && /[./\\]/.test(table))
    return new DataError(
      `query: expected tables in files of .csv, .tsv, .jsonl or .parquet, named in quotes, got ${table}; read_csv('FILE') reads a file of another name`,
      { cause: error },
    );
  return new DataError(`query: expected SQL that DuckDB can run, got an error: ${line}`, { cause: error });
}

/** A query made ready: its text, and what it names. */
export interface ParsedQuery {
  readonly sql: string;
  readonly access: Access;
}

/** DuckDB's parse of a text: an error, or its statements. */
const parsedSchema = z.union([
  z.object({ error: z.literal(true), error_message: z.string() }),
  z.object({ error: z.literal(false), statements: z.array(z.unknown()) }),
]);

/** The longest query, in characters; nobody writes longer ones. */
const MOST_CHARACTERS = 1_000_000;

const shownLine = (text: string): string => text.split("\n")[0] ?? text;

/**
 * Parses a text with DuckDB's parser. One SELECT passes; COPY, ATTACH, INSTALL, SET and a second statement do not, wherever they
 * stand. What stands in quotes as a table, or as an argument of a table function, is what the query may read.
 *
 * Errors: DataError, in one line, for a text that is no single SELECT.
 */
export async function parseQuery(text: string, where = "query"): Promise<ParsedQuery> {
  if (text.length > MOST_CHARACTERS)
    throw new DataError(`${where}: expected at most ${MOST_CHARACTERS} characters of SQL, got ${text.length}`);
  const found = await withConnection({}, async (connection) => {
    const [row] = await rowsOf(connection, `SELECT json_serialize_sql(${quoteText(text)}) AS parsed`);
    return parsedSchema.parse(JSON.parse(String(row?.["parsed"])));
  });
  if (found.error) {
    const reads = /Only SELECT/.test(found.error_message);
    throw new DataError(
      reads
        ? `${where}: expected one SELECT and nothing else, got a statement that does more than read`
        : `${where}: expected SQL that DuckDB can run, got an error: ${shownLine(found.error_message)}`,
    );
  }
  if (found.statements.length !== 1)
    throw new DataError(`${where}: expected one SELECT and nothing else, got ${found.statements.length} statements`);
  const named = new Set(namedQueries(found.statements));
  const names = [...namesIn(found.statements)].filter((name) => !named.has(name.toLowerCase()));
  const remote = names.find((name) => /^[a-z][a-z0-9+.-]+:\/\//i.test(name));
  if (remote !== undefined) throw new DataError(`${where}: expected files on this machine, got ${remote}; download it first`);
  const isPattern = (name: string): boolean => /[*?[]/.test(name);
  return {
    // On lines of its own, so that a comment at its end ends there.
    sql: text.trim().replace(/;+$/, ""),
    access: {
      files: names.filter((name) => !isPattern(name)),
      folders: names.filter(isPattern).map((name) => name.replace(/[^/\\]*[*?[].*$/s, "") || "."),
    },
  };
}

/** Parses a query that is to be run. Errors: those of `parseQuery`; DataError for a file that is not there. */
export async function parseRunnable(text: string): Promise<ParsedQuery> {
  const parsed = await parseQuery(text);
  const missing = parsed.access.files?.find((name) => /[./\\]/.test(name) && !existsSync(name));
  if (missing !== undefined) throw new DataError(`query: expected files that are there, got ${missing}, which is not`);
  return parsed;
}

/**
 * Says that DuckDB guesses how dates in files of text are written, for each file anew: what day 3/4 is may change from one to the next. Nothing is said
 * where the query has no such file, or names a format itself.
 */
export function guessedDates({ sql, access: { files = [], folders = [] } }: ParsedQuery, dates: readonly string[]): string[] {
  const isText = folders.length > 0 || files.some((name) => !/\.parquet$/i.test(name));
  if (!isText || dates.length === 0 || /\b(date_?format|timestamp_?format|strptime)\b/i.test(sql)) return [];
  const columns = dates.map((name) => `"${name}"`).join(", ");
  return [
    `query: ${dates.length === 1 ? `column ${columns} comes` : `columns ${columns} come`} as dates, whose order of day and month DuckDB guesses in each file anew; say it in the query: read_csv('FILE', dateformat = '%d/%m/%Y')`,
  ];
}

/** The names in quotes that a parsed query reads from: tables, and first arguments of table functions. */
function* namesIn(tree: unknown): Generator<string> {
  if (typeof tree !== "object" || tree === null) return;
  const name = tableSchema.safeParse(tree).data?.table_name;
  if (name !== undefined) yield name;
  const call = callSchema.safeParse(tree).data;
  if (call !== undefined) yield* textsIn(call.function.children[0]);
  for (const child of Object.values(tree)) yield* namesIn(child);
}

/** The names that a query gives to parts of itself (`WITH name AS`): these are no files. */
function* namedQueries(tree: unknown): Generator<string> {
  if (typeof tree !== "object" || tree === null) return;
  for (const { key } of withSchema.safeParse(tree).data?.cte_map.map ?? []) yield key.toLowerCase();
  for (const child of Object.values(tree)) yield* namedQueries(child);
}

const withSchema = z.object({ cte_map: z.object({ map: z.array(z.object({ key: z.string() })) }) });
const tableSchema = z.object({ type: z.literal("BASE_TABLE"), table_name: z.string() });
const callSchema = z.object({
  type: z.literal("TABLE_FUNCTION"),
  function: z.object({ function_name: z.string(), children: z.array(z.unknown()) }),
});
const textSchema = z.object({ type: z.literal("VALUE_CONSTANT"), value: z.object({ value: z.string() }) });
const listSchema = z.object({ function_name: z.literal("list_value"), children: z.array(z.unknown()) });

/** A text in quotes, or those of a list. The result of an expression names no file. */
function textsIn(argument: unknown): string[] {
  const text = textSchema.safeParse(argument).data?.value.value;
  return text === undefined ? (listSchema.safeParse(argument).data?.children.flatMap(textsIn) ?? []) : [text];
}

/**
 * Refuses a query that stands in somebody's file, unless it was given again here: a run folder or a recipe is data, not a program.
 * `place` names the file; `remedy` how to repeat it.
 */
export function checkRepeated(stored: unknown, given: string | undefined, place: string, remedy: string): void {
  if (typeof stored !== "string" || !isQuery(stored) || given?.trim() === stored.trim()) return;
  throw new ConfigError(
    given === undefined || given === ""
      ? `${place}: expected its query to be repeated by you, since a file is not run unasked: ${remedy} ${shellQuoted(stored)}`
      : `${place}: expected its own query ${shellQuoted(stored)}, got another; repeat it as it is`,
  );
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`).replaceAll(/\s+/g, " ")}'`;
