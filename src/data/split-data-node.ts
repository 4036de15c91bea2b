/**
 * @module `splitData`: a table cut into train, validation and test files: stratified, by groups, or by time, with near duplicates on one side.
 */
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { Clusters, nearDuplicates } from "./clean/near-duplicates.js";
import { TokenSetBuilder } from "./clean/token-sets.js";
import type { Dataset } from "./dataset.js";
import { expectNewFolder } from "./files-node.js";
import { csvLines, fieldText } from "./inspect/csv-text.js";
import { rowsIn } from "./inspect/rows-in-node.js";
import type { SourceOptions } from "./inspect/source-node.js";
import { withTable } from "./inspect/source-node.js";
import { profileTable } from "./inspect/table-profile-node.js";
import { rowsOf } from "./readers/duckdb-node.js";
import { quoteName } from "./readers/columns-node.js";
import { splitByTime, splitGroups } from "./split-groups.js";
import { splitIndices } from "./split.js";
import { Dataset as Rows } from "./dataset.js";
import { ConfigError, DataError } from "../util/errors.js";
import { makeFolders } from "../util/folders-node.js";
import { unknownName } from "../util/nearest.js";

export interface SplitDataOptions extends SourceOptions {
  readonly out: string;
  /** Shares of train, validation and test, which sum to 1. */
  readonly fractions?: readonly [train: number, validation: number, test: number];
  /** A column whose equal values stay together. */
  readonly groupColumn?: string;
  /** A column of times: the earliest rows are for training, the latest for the test. */
  readonly timeColumn?: string;
  /** The Jaccard index from which texts stay together; 0 does not look at them. */
  readonly threshold?: number;
}

export interface SplitData {
  readonly counts: Readonly<Record<string, number>>;
  readonly decisions: readonly string[];
}

const DEFAULT_FRACTIONS = [0.8, 0.1, 0.1] as const;
const PARTS = ["train", "validation", "test"] as const;

/** Numbers for values, in the order of their first appearance. */
class Numbering {
  readonly #numbers = new Map<string, number>();
  of(value: string): number {
    const found = this.#numbers.get(value);
    if (found !== undefined) return found;
    this.#numbers.set(value, this.#numbers.size);
    return this.#numbers.size - 1;
  }
  get size(): number {
    return this.#numbers.size;
  }
}

interface Keys {
  readonly groups: readonly number[];
  readonly classes: readonly number[];
  readonly times: readonly number[];
  readonly kinds: number;
}

/** The parts of rows. */
function assign(
  { groups, classes, times, kinds }: Keys,
  together: Clusters,
  options: SplitDataOptions,
  isGrouped: boolean,
): Uint8Array {
  const { fractions = DEFAULT_FRACTIONS, seed = 0, timeColumn } = options;
  const groupOf = Uint32Array.from(groups, (_, i) => together.find(i));
  if (timeColumn !== undefined) return splitByTime(times, groupOf, fractions);
  const isAlone = groupOf.every((group, i) => group === i);
  if (!isAlone || isGrouped) return splitGroups(groupOf, classes, fractions, seed);
  const rows = new Rows({ label: { dtype: "int32", shape: [classes.length], data: Int32Array.from(classes) } });
  const parts = new Uint8Array(classes.length);
  splitIndices(rows, fractions, { seed, stratify: kinds > 1 ? "label" : undefined }).forEach((indices, part) => {
    for (const i of indices) parts[i] = part;
  });
  return parts;
}

const countsOf = (parts: Uint8Array): number[] => PARTS.map((_, part) => parts.reduce((n, own) => n + Number(own === part), 0));

/** Refuses parts that were asked for and have no rows. DataError, with what was there to divide. */
function expectRows(
  where: string,
  counts: readonly number[],
  fractions: SplitDataOptions["fractions"] = DEFAULT_FRACTIONS,
  together: Clusters,
  rows: number,
): void {
  const empty = PARTS.findIndex((_, k) => (fractions[k] ?? 0) > 0 && counts[k] === 0);
  if (empty < 0) return;
  const groups = new Set(Array.from({ length: rows }, (_, i) => together.find(i))).size;
  const got = groups === rows ? `${rows}` : `${rows} in ${groups} groups that stay together`;
  throw new DataError(
    `${where}: expected enough rows for each part, got ${got}, and ${PARTS[empty] ?? ""} has none of them; ask for another share of it`,
  );
}

/** Writes each row to the file of its part. */
async function writeParts(
  chunks: AsyncIterable<Dataset>,
  parts: Uint8Array,
  counts: readonly number[],
  out: string,
): Promise<void> {
  makeFolders(out);
  const files = PARTS.map((name, k) =>
    (counts[k] as number) === 0 ? undefined : createWriteStream(join(out, `${name}.csv`), { flags: "wx" }),
  );
  await Promise.all(files.flatMap((file) => (file === undefined ? [] : [once(file, "open")])));
  let row = 0;
  for await (const chunk of chunks) {
    for (const [part, file] of files.entries()) {
      if (file === undefined) continue;
      const own = Array.from({ length: chunk.length }, (_, i) => i).filter((i) => parts[row + i] === part);
      if (own.length === 0 && row > 0) continue;
      if (!file.write([...csvLines(chunk.select(own), row === 0)].join(""))) await once(file, "drain");
    }
    row += chunk.length;
  }
  for (const file of files) {
    file?.end();
    if (file !== undefined) await once(file, "close");
  }
}

/**
 * Splits a table into `train.csv`, `validation.csv` and `test.csv`.
 *
 * Errors: DataError for what cannot be read and for times that are none; ConfigError for a folder that holds something.
 */
export async function splitData(spec: string, options: SplitDataOptions): Promise<SplitData> {
  const { out, groupColumn, timeColumn, threshold = 0.8, seed = 0 } = options;
  await expectNewFolder(out);
  return withTable(spec, options, async (connection, source) => {
    if (source.parts.length > 0)
      throw new ConfigError(
        `${source.name}: expected a table without parts, got ${source.parts.map(({ name }) => name).join(", ")}; split data keeps its parts`,
      );
    const { columns, label } = await profileTable(connection, source, options);
    const names = columns.map(({ name }) => name);
    for (const name of [groupColumn, timeColumn, options.textColumn])
      if (name !== undefined && !names.includes(name)) throw new DataError(`data: ${unknownName("column", name, names)}`);
    const texts = columns.filter(({ type, lengths }) => type === "text" && (lengths?.mean ?? 0) >= 15).map(({ name }) => name);
    const compared = options.textColumn === undefined ? texts : [options.textColumn];
    const classed = columns.find(({ name, type }) => name === label && type !== "text")?.name;
    const [groupNumbers, classNumbers] = [new Numbering(), new Numbering()];
    const keys = { groups: [] as number[], classes: [] as number[], times: [] as number[] };
    const sets = new TokenSetBuilder();
    for await (const rows of rowsIn(connection, source, source.from))
      for (let i = 0; i < rows.length; i++) {
        const value = (name: string | undefined): string => (name === undefined ? "" : (fieldText(rows.column(name), i) ?? ""));
        keys.classes.push(classNumbers.of(value(classed)));
        keys.groups.push(groupColumn === undefined ? -1 : groupNumbers.of(value(groupColumn)));
        sets.add(threshold > 0 ? compared.map(value).join(" ") : "");
      }
    if (timeColumn !== undefined) {
      const sql = `SELECT epoch_ms(TRY_CAST(${quoteName(timeColumn)} AS TIMESTAMP)) AS t FROM ${source.from}`;
      for (const row of await rowsOf(connection, sql)) keys.times.push(row["t"] === null ? NaN : Number(row["t"]));
      const wrong = keys.times.findIndex(Number.isNaN);
      if (wrong >= 0)
        throw new DataError(`column "${timeColumn}", row ${wrong + 1}: expected a date or a time (2026-01-31), got none`);
    }
    const together = new Clusters(keys.classes.length);
    const firstOf = new Map<number, number>();
    if (groupColumn !== undefined)
      keys.groups.forEach((group, i) => {
        const first = firstOf.get(group);
        if (first === undefined) firstOf.set(group, i);
        else together.join(first, i);
      });
    const near = threshold > 0 && compared.length > 0 ? nearDuplicates(sets.finish(), { threshold, seed }) : undefined;
    near?.clusterOf.forEach((first, i) => together.join(first, i));
    const doubles = near?.clusterOf.reduce((n, first, i) => n + Number(first !== i), 0) ?? 0;
    const parts = assign({ ...keys, kinds: classNumbers.size }, together, options, groupColumn !== undefined);
    const counts = countsOf(parts);
    expectRows(source.name, counts, options.fractions, together, parts.length);
    await writeParts(rowsIn(connection, source, source.from), parts, counts, out);
    const how = [
      ...(timeColumn === undefined ? [] : [`by time, column "${timeColumn}": the earliest rows are for training`]),
      ...(timeColumn === undefined && classed !== undefined ? [`stratified by "${classed}"`] : []),
      ...(groupColumn === undefined ? [] : [`rows of one "${groupColumn}" stay together`]),
      ...(near === undefined
        ? []
        : [`${doubles} near duplicates stand on the side of the text that they repeat (Jaccard ≥ ${threshold})`]),
      ...(timeColumn === undefined ? [`seed ${seed}`] : []),
    ];
    return {
      counts: Object.fromEntries(PARTS.map((name, k) => [name, counts[k] ?? 0])),
      decisions: [...source.notes, ...how],
    };
  });
}
