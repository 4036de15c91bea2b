/**
 * @module Tables for DuckDB, whatever they come from: files that it reads as they are, and others, which are written to a temporary CSV first.
 * So one engine counts all of them, and none has to fit into memory.
 */
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { once } from "node:events";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Dataset } from "../dataset.js";
import { isGzip, namesIn, verifyGzip } from "../files-node.js";
import type { LoadOptions } from "../load-node.js";
import { loadData } from "../load-node.js";
import { KNOWN_DATASETS } from "../registry.js";
import { partNamed } from "../parts.js";
import { explainFailure, isEngineError } from "../readers/complaints-node.js";
import { quoteName, quoteText } from "../readers/columns-node.js";
import type { CsvForm } from "../readers/csv-node.js";
import { csvForm } from "../readers/csv-node.js";
import type { Access } from "../readers/access.js";
import { literalPath, rowsOf, withConnection } from "../readers/duckdb-node.js";
import { checkJson } from "../readers/json-depth-node.js";
import { explainQuery, isQuery, parseRunnable, refuseStatement } from "../readers/query-node.js";
import type { TableFormat } from "../readers/table-file-node.js";
import { describeFile } from "../readers/describe-file-node.js";
import { isTableName, readHead, refuseForeign, tableFormat } from "../readers/table-file-node.js";
import { openTable } from "../readers/table-node.js";
import { encodingName } from "../csv/encoding.js";
import { DataError } from "../../util/errors.js";
import { own } from "../../util/record.js";
import { csvLines } from "./csv-text.js";

/** Options of reading a table, and of what of the machine that may take. */
export interface SourceOptions extends LoadOptions {
  readonly format?: TableFormat;
  readonly memoryMiB?: number;
  /** Each value of the table is read, so the engine itself notices bytes that are not of the encoding in which the file begins. */
  readonly readsAll?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A column as DuckDB sees it. */
export interface SourceColumn {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
}

/** A table that DuckDB can read. */
export interface TableSource {
  readonly name: string;
  /** The SQL after FROM. */
  readonly from: string;
  readonly columns: readonly SourceColumn[];
  /** Parts, where the source has several: their names, and the SQL after FROM of each. */
  readonly parts: readonly { readonly name: string; readonly from: string }[];
  /** Decisions, in sentences for the user. */
  readonly notes: readonly string[];
}

/** The SQL behind FROM, and what must be readable for it. */
interface Relation {
  readonly from: string;
  readonly files: readonly string[];
  readonly folders?: readonly string[];
  readonly notes?: readonly string[];
  /** Turns an error of the engine into one of ours. */
  readonly explain?: (error: unknown) => Promise<Error>;
}

/** A folder for files of this process alone. */
class Scratch implements AsyncDisposable {
  #folder: string | undefined;
  #count = 0;

  async path(extension: string): Promise<string> {
    this.#folder ??= await mkdtemp(join(tmpdir(), "descent-"));
    return join(this.#folder, `${this.#count++}.${extension}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Writes rows as a CSV, chunk by chunk; gives their number. */
export async function writeCsv(path: string, chunks: AsyncIterable<Dataset> | Iterable<Dataset>): Promise<number> {
  const file = createWriteStream(path);
  const failed = once(file, "error").then(([error]) => Promise.reject(error as Error));
  const work = async (): Promise<number> => {
    let rows = 0;
    for await (const chunk of chunks) {
      const text = [...csvLines(chunk, rows === 0)].join("");
      rows += chunk.length;
      if (!file.write(text)) await once(file, "drain");
    }
    file.end();
    await once(file, "close");
    return rows;
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    file.destroy();
    failed.catch(() => undefined);
  }
}

const columnList = (names: readonly string[]): string => `{${names.map((name) => `${quoteText(name)}: 'VARCHAR'`).join(", ")}}`;

/** A CSV as DuckDB is told to read it: nothing is guessed again, and every value stays the text that it is. */
const csvRelation = (
  path: string,
  form: Pick<CsvForm, "delimiter" | "quote" | "header" | "names">,
  zipped: boolean,
): Relation => ({
  from: `read_csv(${[
    literalPath(path),
    "auto_detect=false",
    `columns=${columnList(form.names)}`,
    `delim=${quoteText(form.delimiter)}`,
    `quote=${quoteText(form.quote)}`,
    `escape=${quoteText(form.quote)}`,
    `header=${form.header}`,
    "nullstr=''",
    // Left alone, buffers would be sixteen times the longest line.
    "max_line_size=16777216",
    "buffer_size=33554432",
    ...(zipped ? ["compression='gzip'"] : []),
  ].join(", ")})`,
  files: [path],
});

/** The relation of rows that are written to a temporary file. */
async function written(
  scratch: Scratch,
  names: readonly string[],
  chunks: AsyncIterable<Dataset> | Iterable<Dataset>,
): Promise<Relation> {
  const path = await scratch.path("csv");
  await writeCsv(path, chunks);
  return csvRelation(path, { delimiter: ",", quote: '"', header: true, names }, false);
}

const DELIMITERS: Readonly<Record<string, string>> = { ";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas" };

/** Sentences on what was seen in a file and not asked for; our own reader says the rest. */
function seenIn(path: string, { delimiter, encoding }: CsvForm, usual: string, options: SourceOptions): string[] {
  const parting = own(DELIMITERS, delimiter) ?? `"${delimiter}"`;
  return [
    ...(delimiter === usual || delimiter === " " || options.delimiter !== undefined
      ? []
      : [`${path}: ${parting} part the columns; --delimiter says otherwise`]),
    ...(options.encoding === undefined && /^utf-(16|32)/.test(encoding)
      ? [`${path}: read as ${encodingName(encoding)}; --encoding says otherwise`]
      : []),
  ];
}

/** Decides how a CSV is read: by DuckDB, where it can be trusted with the file (UTF-8, beginning with its table); what was seen in it. */
async function lookAtCsv(
  path: string,
  format: TableFormat,
  options: SourceOptions,
): Promise<{ readonly relation?: Relation; readonly notes: readonly string[] }> {
  const zipped = isGzip(await readHead(path));
  const form = await csvForm(path, zipped, { ...options, usual: format === "tsv" ? "\t" : undefined }, options.readsAll);
  const notes = seenIn(path, form, format === "tsv" ? "\t" : ",", options);
  if (form.encoding !== "utf-8" || form.broken || !form.plain || options.skipBadRows === true) return { notes };
  const { names, notes: twins } = engineNames(path, form.names);
  return { relation: { ...csvRelation(path, { ...form, names }, zipped), notes: [...notes, ...form.notes, ...twins] }, notes };
}

/** Names for the engine, which takes capitals for small letters: all but the first of those that it would confuse get a number, which is said. */
export function engineNames(where: string, given: readonly string[]): { names: readonly string[]; notes: readonly string[] } {
  const taken = new Set<string>();
  const confused: string[] = [];
  const names = given.map((name) => {
    let own = name;
    for (let k = 1; taken.has(own.toLowerCase()); k++) own = `${name}_${k}`;
    taken.add(own.toLowerCase());
    if (own !== name) confused.push(`"${name}" (${own})`);
    return own;
  });
  if (confused.length === 0) return { names, notes: [] };
  return { names, notes: [`${where}: other columns differ from ${confused.join(", ")} by capitals alone; these got a number`] };
}

/** A table file. `plain`: a CSV may be given to the engine as it is. */
async function fileRelation(path: string, scratch: Scratch, options: SourceOptions, plain: boolean): Promise<Relation> {
  const head = await readHead(path);
  if (head.length === 0) throw new DataError(`${path}: expected at least one row, got an empty file`);
  await refuseForeign(path, head);
  const format = options.format ?? tableFormat(path) ?? "csv";
  const isCsv = format === "csv" || format === "tsv";
  const { relation: readable, notes: seen } = isCsv ? await lookAtCsv(path, format, options) : { notes: [] };
  if (plain && readable !== undefined) return readable;
  if (format === "parquet") return { from: `read_parquet(${literalPath(path)})`, files: [path] };
  if ((format === "jsonl" || format === "json") && options.skipBadRows !== true) {
    const zipped = isGzip(head);
    if (zipped) await verifyGzip(path);
    const read = await checkJson(path, zipped, false);
    const access = { files: [read.path] };
    const { from } = await withConnection(access, async (connection) => {
      try {
        return await describeFile(connection, read.path, read.format, read.zipped, {});
      } catch (error) {
        if (error instanceof DataError) throw new DataError(`${path}: ${error.message}`, { cause: error });
        throw await explainFailure(path, read.format, zipped, error);
      }
    });
    return { from, files: [read.path], explain: (error) => explainFailure(path, read.format, zipped, error) };
  }
  const table = await openTable(path, { ...options, format, asText: true });
  const { names, notes: twins } = engineNames(path, table.names);
  const relation = await written(scratch, names, table.raw());
  const left = table.badRows === 0 ? [] : [`${path}: ${table.badRows} rows that do not parse were left out`];
  return { ...relation, notes: [...seen, ...table.notes, ...twins, ...left] };
}

/** A source that is not a table file: a known data set, tagged texts, a folder of texts. */
async function loadedRelations(spec: string, scratch: Scratch, options: SourceOptions): Promise<[string, Relation][]> {
  const { train, validation, test, notes, roles } = await loadData(spec, { ...options, testFraction: 0, validationFraction: 0 });
  if (roles.image !== undefined) throw new DataError(`${spec}: expected a table or texts, got images`);
  const found: [string, Relation][] = [];
  for (const [name, rows] of [["train", train] as const, ["validation", validation] as const, ["test", test] as const]) {
    if (rows.length === 0) continue;
    const relation = await written(scratch, engineNames(spec, rows.names).names, [rows]);
    found.push([name, name === "train" ? { ...relation, notes: notes.filter((note) => !/ held out /.test(note)) } : relation]);
  }
  return found;
}

/** The table files of a folder by their parts; undefined where there are none, or several that are not parts. */
export async function tablesIn(folder: string): Promise<[string, string][] | undefined> {
  const tables = (await namesIn(folder)).filter(isTableName);
  if (tables.length === 1) return [["all", join(folder, tables[0] as string)]];
  const parts = tables.flatMap((file): [string, string][] => {
    const part = partNamed(file.split(".")[0] ?? "");
    return part === undefined ? [] : [[part, join(folder, file)]];
  });
  return parts.length > 0 ? parts : undefined;
}

async function relationsOf(
  spec: string,
  scratch: Scratch,
  options: SourceOptions,
  plain: boolean,
): Promise<[string, Relation][]> {
  if (isQuery(spec)) {
    const { sql, access } = await parseRunnable(spec);
    return [["all", { from: `(\n${sql}\n)`, files: access.files ?? [], folders: access.folders ?? [] }]];
  }
  // A known name means the known data, as in training, whatever lies beside.
  const info = KNOWN_DATASETS.some((known) => known.name === spec) ? undefined : await stat(spec).catch(() => undefined);
  if (info === undefined) refuseStatement(spec);
  if (info?.isFile() === true && (options.format !== undefined || tableFormat(spec) !== undefined))
    return [["all", await fileRelation(spec, scratch, options, plain)]];
  const tables = info?.isDirectory() === true ? await tablesIn(spec) : undefined;
  if (tables === undefined) return loadedRelations(spec, scratch, options);
  const found: [string, Relation][] = [];
  for (const [part, path] of tables) found.push([part, await fileRelation(path, scratch, options, plain)]);
  return found;
}

const described = async (connection: DuckDBConnection, from: string): Promise<SourceColumn[]> =>
  (await rowsOf(connection, `DESCRIBE SELECT * FROM ${from}`)).map((row) => ({
    name: String(row["column_name"]),
    type: String(row["column_type"]),
  }));

/** The column that names the part of a row, where a source has several. */
export const PART_COLUMN = "descent_part";

async function used<T>(
  name: string,
  relations: readonly [string, Relation][],
  options: SourceOptions,
  use: (connection: DuckDBConnection, source: TableSource) => Promise<T>,
): Promise<T> {
  const { memoryMiB, signal } = options;
  const access: Access = {
    files: relations.flatMap(([, { files }]) => files),
    folders: relations.flatMap(([, { folders = [] }]) => folders),
    signal,
    memoryMiB,
  };
  return withConnection(access, async (connection) => {
    const parts = relations.map(([part, { from }]) => ({ name: part, from }));
    const union = parts.map((part) => `SELECT *, ${quoteText(part.name)} AS ${quoteName(PART_COLUMN)} FROM ${part.from}`);
    const from = parts.length === 1 ? (parts[0]?.from ?? "") : `(${union.join(" UNION ALL BY NAME ")})`;
    const columns = (await described(connection, from)).filter((column) => column.name !== PART_COLUMN);
    const notes = relations.flatMap(([, relation]) => relation.notes ?? []);
    return await use(connection, { name, from, columns, parts: parts.length === 1 ? [] : parts, notes });
  });
}

/**
 * Opens a table, runs `use` with a connection that reads it and nothing else, and cleans up. `spec` is a file, a folder with one table or with parts, one SELECT, or
 * a known data set of texts or of a table.
 *
 * A CSV in UTF-8 is read by the engine where it lies; where the engine cannot, `use` runs again on what our own reader makes of it, which says which row is wrong.
 * Errors: DataError for what cannot be read.
 */
export async function withTable<T>(
  spec: string,
  options: SourceOptions,
  use: (connection: DuckDBConnection, source: TableSource) => Promise<T>,
): Promise<T> {
  await using scratch = new Scratch();
  const name = isQuery(spec) ? "query" : basename(spec);
  try {
    return await used(name, await relationsOf(spec, scratch, options, true), options, use);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isEngineError(error)) throw error;
    const line = error.message.split("\n")[0] ?? "";
    if (isQuery(spec)) throw explainQuery(error);
    if (/^(Out of Memory|Permission)/.test(line))
      throw new DataError(`${name}: expected data that can be read, got an error: ${line}`, { cause: error });
  }
  const relations = await relationsOf(spec, scratch, options, false);
  try {
    // Awaited, since the scratch folder goes when this returns.
    return await used(name, relations, options, use);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isEngineError(error)) throw error;
    const explained = relations.find(([, { explain }]) => explain !== undefined)?.[1].explain;
    throw await (explained?.(error) ?? explainFailure(name, options.format ?? tableFormat(spec) ?? "csv", false, error));
  }
}
