/**
 * @module Rows of texts on their way to a data set: names for their columns, and chunks of them.
 */
import type { RowPositions } from "../column.js";
import type { Layout } from "../csv/dialect.js";
import { joinedNames } from "../csv/dialect.js";
import type { CsvRecord } from "../csv/records.js";
import { Dataset } from "../dataset.js";

const SKIP_REMEDY = "leave out such rows (skipBadRows, --skip-bad-rows)";
export const ROW_REMEDY = `mend the row, or ${SKIP_REMEDY}`;

/** Rows of a chunk, at most. */
export const CHUNK_ROWS = 4096;

/** Columns that a table should have. */
export interface RowNaming {
  /** Whether the first row names the columns; detected if left out. */
  readonly header?: boolean;
  /** Columns that the table should have, as training data had them, and whether these were named there. */
  readonly names?: readonly string[];
  readonly hadHeader?: boolean;
}

/** Blanks and signs without a width around a name, which copying leaves. */
const UNSEEN = /^[\s\u200b\u200e\u200f\u2060\ufeff]+|[\s\u200b\u200e\u200f\u2060\ufeff]+$/g;

/** The name of a column of names of rows. */
const ROW_NAMES = "row_name";

/** Tells whether rows have a cell more than the header, which is their name, as R writes tables. */
function nameRows(header: readonly string[], rows: readonly Pick<CsvRecord, "fields">[]): boolean {
  const isLonger = ({ fields }: Pick<CsvRecord, "fields">): boolean => fields.length === header.length + 1;
  return header.length > 1 && rows.length > 1 && rows.every(isLonger) && rows.some(({ fields }) => fields.at(-1)?.trim() !== "");
}

/** Names of columns: without blanks around, none of them twice, `column2` where there is none. */
function columnNames(fields: readonly string[]): { names: string[]; twice: string[] } {
  const names: string[] = [];
  const twice: string[] = [];
  for (const [at, field] of fields.entries()) {
    const trimmed = field.replaceAll(UNSEEN, "");
    const given = trimmed === "" ? `column${at}` : trimmed.normalize("NFC");
    let name = given;
    for (let k = 1; names.includes(name); k++) name = `${given}_${k}`;
    if (name !== given) twice.push(`"${given}"`);
    names.push(name);
  }
  return { names, twice };
}

/** Names for columns without any: as in training where they are as many, or as many but for the one to predict. */
function unnamed(count: number, { names = [], hadHeader }: RowNaming): { names: string[]; twice: string[] } {
  if (hadHeader === false && names.length === count) return { names: [...names], twice: [] };
  return { names: Array.from({ length: count }, (_, at) => `column${at}`), twice: [] };
}

/** Names the columns of a table by its first records, with what is to be said of that. */
export function nameColumns(
  where: string,
  [{ fields: head } = { fields: [] }, second, ...rest]: readonly Pick<CsvRecord, "fields">[],
  { header, titles, under }: Layout,
  options: RowNaming,
): { readonly names: readonly string[]; readonly notes: readonly string[] } {
  const isLeft = header && under === undefined && second !== undefined && nameRows(head, [second, ...rest]);
  const first = isLeft ? [ROW_NAMES, ...head] : head;
  const given = under === "names" ? joinedNames(first, second?.fields ?? []) : first;
  const { names, twice } = header ? columnNames(given) : unnamed(first.length, options);
  const notes = [
    ...(header || options.header === false || options.hadHeader === false
      ? []
      : [
          `${where}: the first row is no header, so columns are called ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`,
        ]),
    ...(isLeft ? [`${where}: rows have a cell more than the header; the first column is called ${ROW_NAMES}`] : []),
    ...(titles === 0 ? [] : [`${where}: the first ${titles === 1 ? "line is" : `${titles} lines are`} no part of the table`]),
    ...(under === undefined
      ? []
      : [`${where}: the line under the header holds ${under === "units" ? "units" : "names, too,"} and is no row`]),
    ...(twice.length === 0 ? [] : [`${where}: several columns are called ${twice.join(", ")}; all but the first got a number`]),
  ];
  return { names, notes };
}

/** Rows of a chunk that is being filled. */
export class ChunkBuilder {
  #cells: (string | null)[][];
  #rows: number[] = [];
  #lines: number[] = [];
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#cells = names.map(() => []);
  }

  get length(): number {
    return this.#rows.length;
  }

  add(fields: readonly string[], row: number, line: number): void {
    for (const [at, cells] of this.#cells.entries()) {
      const field = fields[at] as string;
      cells.push(field === "" ? null : field);
    }
    this.#rows.push(row);
    this.#lines.push(line);
  }

  /** Returns the rows that were added since the last call, and forgets them. */
  take(): Dataset {
    const positions: RowPositions = { rows: Uint32Array.from(this.#rows), lines: Uint32Array.from(this.#lines) };
    const columns = this.#names.map((name, at) => [name, { dtype: "string", values: this.#cells[at] ?? [], positions }] as const);
    this.#cells = this.#names.map(() => []);
    this.#rows = [];
    this.#lines = [];
    return new Dataset(columns);
  }
}

/** Describes the fault of a record that should have so many columns; undefined if it has none. Extra empty fields at its end are no fault. */
export function problemOf({ fields, problem }: CsvRecord, columns: number, broken: boolean): string | undefined {
  if (problem !== undefined) return problem;
  if (broken && fields.some((field) => field.includes("\ufffd")))
    return `expected UTF-8, got other bytes; save the file as UTF-8, name its encoding (--encoding; utf-8,NAME where the others are UTF-8), or ${SKIP_REMEDY}`;
  const count = fields.length;
  const isFit = count === columns || (count > columns && fields.slice(columns).every((field) => field.trim() === ""));
  if (isFit) return undefined;
  // One column where a row has several is oftener a delimiter that nobody saw.
  if (columns === 1) return `expected 1 column, got ${count}; name the delimiter (--delimiter), mend the row, or ${SKIP_REMEDY}`;
  return `expected ${columns} columns, got ${count}`;
}
