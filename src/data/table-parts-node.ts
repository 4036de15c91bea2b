/**
 * @module Tables that are several files: `train.csv` with `validation` and `test` beside it in a folder or an archive, or the one table that lies there.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Dataset } from "./dataset.js";
import type { RoleOptions } from "./guess.js";
import { guessRoles } from "./guess.js";
import type { TarFile } from "./images/tar.js";
import type { Parts } from "./parts.js";
import { SPLITS } from "./parts.js";
import type { TableOptions } from "./readers/table-file-node.js";
import { isTableName } from "./readers/table-file-node.js";
import type { ReadTable } from "./readers/table-node.js";
import { readTable } from "./readers/table-node.js";
import type { TableSchema } from "./schema/table-schema.js";
import { DataError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";

type Options = TableOptions & RoleOptions & { readonly tableOf?: "rows" | "texts"; readonly quantity?: boolean };

/** Tables as they were read. */
export interface TableParts {
  readonly parts: Parts;
  readonly badRows: number;
  readonly notes: readonly string[];
  readonly schema?: TableSchema;
}

const partAmong = (files: readonly string[], names: readonly string[]): string | undefined =>
  files.find((file) => names.includes(file.split(".")[0]?.toLowerCase() ?? ""));

const isNamed = (column: string): boolean => !/^column\d+$/.test(column);

/** Tells whether one of some files is a table called as training parts are. */
export const hasTrainingTable = (files: readonly string[]): boolean =>
  partAmong(files.filter(isTableName), SPLITS.train) !== undefined;

/**
 * The parts among the tables of a folder. A test part without the column to predict, as competitions hand it out, is none.
 *
 * Errors: DataError for a folder without a table, or with several of which none is called as a part; for a part that lacks another column.
 */
export async function readTableParts(
  folder: string,
  files: readonly string[],
  options: Options,
  where = folder,
): Promise<TableParts> {
  const tables = files.filter(isTableName);
  const train = partAmong(tables, SPLITS.train) ?? (tables.length === 1 ? tables[0] : undefined);
  if (train === undefined) {
    const found = tables.length === 0 ? "none" : tables.join(", ");
    throw new DataError(`${where}: expected one table, or a train.csv, .tsv, .jsonl or .parquet, found ${found}`);
  }
  let badRows = 0;
  const notes: string[] = [];
  const readPart = async (file: string, learned: TableSchema | undefined = options.schema): Promise<ReadTable> => {
    const table = await readTable(join(folder, file), { ...options, schema: learned });
    badRows += table.badRows;
    notes.push(...table.notes);
    return table;
  };
  const { data, schema } = await readPart(train);
  const target = options.labelColumn ?? options.targetColumn ?? guessRoles(data, options).target;
  const held: { validation?: Dataset; test?: Dataset } = {};
  for (const name of ["validation", "test"] as const) {
    const file = partAmong(tables, SPLITS[name]);
    if (file === undefined) continue;
    const { data: part } = await readPart(file, schema);
    const missing = data.names.filter((column) => !part.has(column));
    const [lacking, more] = [missing, part.names.filter((column) => !data.has(column))].map((names) => names.filter(isNamed));
    const isUnlabelled = lacking?.length === 1 && lacking[0] === target && more?.length === 0;
    if (isUnlabelled)
      notes.push(`${file} has no column "${target}" and is no part to measure on; descent predict answers for its rows`);
    else if (missing.length > 0) throw new DataError(`${where}: ${unknownName("column", missing[0] as string, part.names)}`);
    else held[name] = part;
  }
  return { parts: { train: data, ...held }, badRows, notes, schema };
}

/** The tables of an archive, or undefined where it holds none. Errors: those of `readTableParts`, with the archive's name. */
export async function archivedTables(
  files: readonly TarFile[],
  where: string,
  options: Options,
): Promise<TableParts | undefined> {
  const tables = files.filter(({ name }) => isTableName(name));
  if (tables.length === 0) return undefined;
  // DuckDB reads files: the tables stand in some while they are read.
  const folder = await mkdtemp(join(tmpdir(), "descent-tables-"));
  try {
    const names = tables.map(({ name }) => basename(name));
    for (const [i, { bytes }] of tables.entries()) await writeFile(join(folder, names[i] as string), bytes);
    const read = await readTableParts(folder, [...new Set(names)], options, where);
    return { ...read, notes: read.notes.map((note) => note.replaceAll(join(folder, "/"), `${where}/`)) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(error.message.replaceAll(join(folder, "/"), `${where}/`), { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
