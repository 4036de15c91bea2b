/**
 * @module `cleanTable`: duplicates, leaks, broken and personal data of a table, and the table without them. Texts that are compared lie in memory; the rest is read
 * in chunks.
 */
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { isText as isTextColumn } from "../column.js";
import { Dataset } from "../dataset.js";
import { isRoleName } from "../guess.js";
import { csvLines, fieldText } from "../inspect/csv-text.js";
import type { ProfileType } from "../inspect/profile.js";
import { rowsIn } from "../inspect/rows-in-node.js";
import type { SourceOptions, TableSource } from "../inspect/source-node.js";
import { withTable } from "../inspect/source-node.js";
import { profileTable } from "../inspect/table-profile-node.js";
import { DataError } from "../../util/errors.js";
import { makeFolders } from "../../util/folders-node.js";
import { unknownName } from "../../util/nearest.js";
import type { CleaningReport, Finding, PersonalColumn, Place } from "./findings.js";
import { countFindings, keptOf } from "./findings.js";
import { nearDuplicates } from "./near-duplicates.js";
import type { PersonalKind } from "./personal-data.js";
import { isMojibake, maskPersonalData, personalData } from "./personal-data.js";
import { TokenSetBuilder } from "./token-sets.js";

export interface CleanTableOptions extends SourceOptions {
  /** The Jaccard index from which texts are near duplicates; 0 leaves near duplicates alone. */
  readonly threshold?: number;
  readonly permutations?: number;
  /** Replace personal data in the output by their kinds. */
  readonly maskPersonalData?: boolean;
  /** A folder for the table without what was found; none: nothing is written. */
  readonly out?: string;
}

/** The part of a source without parts. */
const WHOLE = "data";
const SHOWN_ROWS = 3;

/** Facts kept of all rows. */
class Remembered {
  /** The first row of the same values. */
  readonly firstOf: number[] = [];
  readonly labels: (string | null)[] = [];
  readonly partOf: number[] = [];
  /** Rows of each part, counted from 1. */
  readonly rowOf: number[] = [];
  readonly sets = new TokenSetBuilder();
  readonly #seen = new Map<string, number>();

  add(part: number, row: number, key: string, text: string | null, label: string | null): void {
    const at = this.partOf.length;
    const first = this.#seen.get(key);
    if (first === undefined) this.#seen.set(key, at);
    this.firstOf.push(first ?? at);
    this.partOf.push(part);
    this.rowOf.push(row);
    this.labels.push(label);
    // A repeated text is found by itself; a second set of it would only be compared again and again.
    this.sets.add(first === undefined ? (text ?? "") : "");
  }
}

/** Counts personal data by column. */
class PersonalCounts {
  readonly #columns = new Map<string, { rows: Map<PersonalKind, number>; first: Place[] }>();

  add(column: string, text: string, place: Place): void {
    const kinds = new Set(personalData(text).map(({ kind }) => kind));
    if (kinds.size === 0) return;
    let found = this.#columns.get(column);
    if (found === undefined) this.#columns.set(column, (found = { rows: new Map(), first: [] }));
    for (const kind of kinds) found.rows.set(kind, (found.rows.get(kind) ?? 0) + 1);
    if (found.first.length < SHOWN_ROWS) found.first.push(place);
  }

  list(): PersonalColumn[] {
    return [...this.#columns].map(([column, { rows, first }]) => ({ column, rows: Object.fromEntries(rows), first }));
  }
}

/** Tells whether a text has at least three words, or six signs of a script that is written without blanks. */
function isRunning(text: string): boolean {
  const plain = text.replaceAll(/\S+@\S+|https?:\/\/\S+/g, " ");
  const count = (pattern: RegExp): number => plain.match(pattern)?.length ?? 0;
  return count(/\p{L}{2,}/gu) >= 3 || count(/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/gu) >= 6;
}
const share = <T>(items: readonly T[], is: (item: T) => boolean): number => items.filter(is).length / Math.max(1, items.length);

interface Roles {
  readonly text: readonly string[];
  readonly label?: string;
  /** Columns that texts of any kind may stand in. */
  readonly searched: readonly string[];
}

/** The columns of texts and of classes: as given, or by their contents and names. */
async function rolesOf(connection: DuckDBConnection, source: TableSource, options: CleanTableOptions): Promise<Roles> {
  const { columns, label } = await profileTable(connection, source, options);
  const names = columns.map(({ name }) => name);
  const given = options.textColumn?.split(",").map((name) => name.trim());
  for (const name of given ?? []) if (!names.includes(name)) throw new DataError(`data: ${unknownName("column", name, names)}`);
  const isText = (type: ProfileType): boolean => type === "text";
  // An address or a number of somebody says nothing of the rest of the row: texts to compare have words.
  const running = columns
    .filter(({ type, examples = [] }) => isText(type) && share(examples, isRunning) > 0.5)
    .map(({ name }) => name);
  const named = columns.filter(({ name, type }) => isText(type) && isRoleName(name) && name !== label).map(({ name }) => name);
  // Spans and tokens of a text are JSON beside it.
  const isJson = (name: string): boolean => /^\s*[[{]/.test(columns.find((one) => one.name === name)?.examples?.[0] ?? "");
  const text = given ?? (named.length > 0 ? named : running).filter((name) => !isJson(name));
  const numeric = new Set(columns.filter(({ type }) => type === "boolean" || type === "date").map(({ name }) => name));
  return {
    text,
    label,
    searched: names.filter((name) => !numeric.has(name) && !isJson(name)),
  };
}

interface Part {
  readonly name: string;
  readonly from: string;
}

/** A row's values as one text; those of the compared columns, or of all where none is. */
const keyOf = (values: readonly (string | null)[]): string =>
  values.length === 1 ? (values[0] ?? "").trim() : JSON.stringify(values);

async function lookThrough(
  connection: DuckDBConnection,
  source: TableSource,
  parts: readonly Part[],
  roles: Roles,
): Promise<{ remembered: Remembered; personal: PersonalColumn[]; findings: Finding[] }> {
  const remembered = new Remembered();
  const personal = new PersonalCounts();
  const findings: Finding[] = [];
  for (const [p, part] of parts.entries()) {
    let row = 0;
    for await (const rows of rowsIn(connection, source, part.from)) {
      const compared = (roles.text.length > 0 ? roles.text : rows.names.filter((name) => name !== roles.label)).map((name) =>
        rows.column(name),
      );
      const searched = roles.searched.map((name) => [name, rows.column(name)] as const);
      const label = roles.label === undefined ? undefined : rows.column(roles.label);
      for (let i = 0; i < rows.length; i++) {
        row++;
        const place = { part: part.name, row };
        const values = compared.map((column) => fieldText(column, i));
        const text = roles.text.length === 0 ? null : values.filter((value) => value !== null).join(" ");
        remembered.add(p, row, keyOf(values), text, label === undefined ? null : fieldText(label, i));
        if (text !== null && text.trim() === "") findings.push({ ...place, kind: "empty", dropped: true });
        for (const [name, column] of searched) {
          const value = fieldText(column, i);
          if (value === null) continue;
          personal.add(name, value, place);
          if (value.length > 1 && isMojibake(value)) findings.push({ ...place, kind: "mojibake", detail: name, dropped: false });
        }
      }
    }
  }
  return { remembered, personal: personal.list(), findings };
}

/** Clusters of rows: equal ones, and nearly equal ones. */
function repeated(
  remembered: Remembered,
  parts: readonly Part[],
  hasText: boolean,
  { threshold = 0.8, permutations = 64, seed = 0 }: CleanTableOptions,
): Finding[] {
  const { firstOf, labels, partOf, rowOf } = remembered;
  const near = hasText && threshold > 0 ? nearDuplicates(remembered.sets.finish(), { threshold, permutations, seed }) : undefined;
  const similarity = new Map<number, number>();
  for (const pair of near?.pairs ?? [])
    for (const i of [pair.a, pair.b]) similarity.set(i, Math.max(similarity.get(i) ?? 0, pair.similarity));
  const members = new Map<number, number[]>();
  for (let i = 0; i < firstOf.length; i++) {
    const first = firstOf[i] as number;
    const root = near?.clusterOf[first] ?? first;
    const list = members.get(root);
    if (list === undefined) members.set(root, [i]);
    else list.push(i);
  }
  const partName = (i: number): string => parts[partOf[i] as number]?.name ?? WHOLE;
  const place = (i: number): Place => ({ part: partName(i), row: rowOf[i] });
  const findings: Finding[] = [];
  for (const list of members.values()) {
    if (list.length === 1) continue;
    const kept = keptOf(list, partName);
    for (const i of list) {
      if (i === kept) continue;
      const isExact = firstOf[i] === firstOf[kept];
      const kind = partName(i) !== partName(kept) ? "leak" : isExact ? "exact-duplicate" : "near-duplicate";
      const same = isExact ? 1 : (similarity.get(i) ?? similarity.get(firstOf[i] as number) ?? threshold);
      findings.push({ ...place(i), kind, of: place(kept), similarity: same, dropped: true });
      if (isExact && labels[i] !== labels[kept])
        findings.push({
          ...place(i),
          kind: "conflict",
          of: place(kept),
          detail: `${labels[i] ?? ""} / ${labels[kept] ?? ""}`,
          dropped: true,
        });
    }
  }
  return findings;
}

/** Writes the rows that are kept, a file for each part. */
async function writeKept(
  connection: DuckDBConnection,
  source: TableSource,
  parts: readonly Part[],
  dropped: ReadonlyMap<string, ReadonlySet<number>>,
  options: CleanTableOptions & { readonly out: string },
): Promise<void> {
  makeFolders(options.out);
  for (const part of parts) {
    const file = createWriteStream(join(options.out, `${part.name}.csv`), { flags: "wx" });
    await once(file, "open");
    const gone = dropped.get(part.name) ?? new Set<number>();
    let row = 0;
    let header = true;
    for await (const rows of rowsIn(connection, source, part.from)) {
      const kept = Array.from({ length: rows.length }, (_, i) => i).filter((i) => !gone.has(row + i + 1));
      row += rows.length;
      const chosen = rows.select(kept);
      const lines = csvLines(options.maskPersonalData === true ? masked(chosen) : chosen, header);
      header = false;
      if (!file.write([...lines].join(""))) await once(file, "drain");
    }
    file.end();
    await once(file, "close");
  }
}

const masked = (rows: Dataset): Dataset =>
  new Dataset(
    rows.entries().map(([name, column]) => {
      if (!isTextColumn(column)) return [name, column];
      return [name, { dtype: "string", values: column.values.map((value) => (value === null ? null : maskPersonalData(value))) }];
    }),
  );

/**
 * Finds, and with `out` leaves out: rows that repeat others exactly or nearly, rows of the training part that are in a held-out part as well, rows without a text.
 * Personal data and text of wrong encodings are found and named by column; with `maskPersonalData` the former are replaced.
 *
 * Errors: DataError for what cannot be read; a file that is there already is never overwritten.
 */
export function cleanTable(spec: string, options: CleanTableOptions = {}): Promise<CleaningReport> {
  return withTable(spec, options, async (connection, source) => {
    const parts = source.parts.length > 0 ? source.parts : [{ name: WHOLE, from: source.from }];
    const roles = await rolesOf(connection, source, options);
    const { remembered, personal, findings } = await lookThrough(connection, source, parts, roles);
    const empty = new Set(findings.filter(({ kind }) => kind === "empty").map(({ part, row }) => `${part} ${row}`));
    const doubles = repeated(remembered, parts, roles.text.length > 0, options).filter(
      ({ part, row }) => !empty.has(`${part} ${row}`),
    );
    const all = [...findings, ...doubles];
    const dropped = new Map(parts.map(({ name }) => [name, new Set<number>()]));
    for (const finding of all) if (finding.dropped && finding.row !== undefined) dropped.get(finding.part)?.add(finding.row);
    const gone = [...dropped.values()].reduce((sum, rows) => sum + rows.size, 0);
    if (options.out !== undefined) await writeKept(connection, source, parts, dropped, { ...options, out: options.out });
    const before = remembered.partOf.length;
    return {
      name: source.name,
      before,
      after: before - gone,
      counts: countFindings(all),
      findings: all,
      personal,
      compared: roles.text,
      notes: source.notes,
    };
  });
}
