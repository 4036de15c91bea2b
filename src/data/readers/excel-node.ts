/**
 * @module Excel workbooks (.xlsx, .xlsm): a sheet as a table of texts, as a CSV file of it would be.
 *
 * `read-excel-file` reads the cells. It passes over formulas that were never computed, and takes the word of a file for the number of its rows: both
 * are looked for here, before.
 */
import { XMLParser } from "fast-xml-parser";
import { guessLayout } from "../csv/dialect.js";
import type { CsvRecord } from "../csv/records.js";
import { RowFilter } from "../csv/stray-rows.js";
import { readFileBytes, unwrapGzip } from "../files-node.js";
import { isZip, zipFiles } from "../zip-node.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import type { Decimal } from "../schema/numbers.js";
import type { RawTable } from "./csv-node.js";
import type { RowNaming } from "./text-rows.js";
import { CHUNK_ROWS, ChunkBuilder, nameColumns } from "./text-rows.js";

export interface ExcelOptions extends RowNaming {
  /** The sheet to read; the only one that is not empty if left out. */
  readonly sheet?: string;
  /** The decimal sign that texts of the sheet have, of all columns or of some; numbers are handed on with it. */
  readonly decimal?: Decimal;
  readonly decimals?: ReadonlyMap<string, Decimal>;
  readonly signal?: AbortSignal | undefined;
}

/** Excel's own largest sheet. */
const MOST_ROWS = 1_048_576;
const MOST_COLUMNS = 16_384;
/** Cells of a sheet's rectangle at most: the reader makes them all, empty ones too. */
const MOST_CELLS = 2 ** 26;
/** Rows that show what the first one is. */
const SAMPLE = 200;

interface Sheet {
  readonly name: string;
  readonly xml: string;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseAttributeValue: false,
  removeNSPrefix: true,
  isArray: (name) => name === "sheet" || name === "Relationship",
});

interface WorkbookXml {
  readonly workbook?: { readonly sheets?: { readonly sheet?: readonly { readonly name?: string; readonly id?: string }[] } };
}

interface RelationsXml {
  readonly Relationships?: { readonly Relationship?: readonly { readonly Id?: string; readonly Target?: string }[] };
}

/** The worksheets of a workbook in their order; charts on sheets of their own are none. */
async function sheetsOf(bytes: Uint8Array, path: string): Promise<Sheet[]> {
  const files = await zipFiles(bytes, path, (name) => /\.(xml|rels)$/i.test(name));
  const text = (name: string): string | undefined => {
    const found = files.find((file) => file.name.toLowerCase() === name.toLowerCase());
    return found && new TextDecoder().decode(found.bytes);
  };
  const [book, relations] = ["xl/workbook.xml", "xl/_rels/workbook.xml.rels"].map(text);
  if (book === undefined || relations === undefined)
    throw new DataError(`${path}: expected an Excel workbook (.xlsx), got a zip file without one`);
  const { workbook } = parseXml(book, path) as WorkbookXml;
  const { Relationships } = parseXml(relations, path) as RelationsXml;
  const targets = new Map(Relationships?.Relationship?.map(({ Id, Target = "" }) => [Id, Target]));
  return (workbook?.sheets?.sheet ?? []).flatMap(({ name = "", id }) => {
    const target = targets.get(id) ?? "";
    const xml = text(target.startsWith("/") ? target.slice(1) : `xl/${target}`);
    return xml === undefined || /<(\w+:)?chartsheet\b/.test(xml.slice(0, 2000)) ? [] : [{ name, xml }];
  });
}

function parseXml(xml: string, path: string): unknown {
  if (/<!(ENTITY|DOCTYPE)/i.test(xml)) throw new DataError(`${path}: expected a workbook without entities of its own, got some`);
  try {
    return parser.parse(xml);
  } catch (cause) {
    throw new DataError(`${path}: expected an Excel workbook that can be read, got an error: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const isEmpty = ({ xml }: Sheet): boolean => !/<(\w+:)?(v|t)[ >]/.test(xml);

/** Chooses the sheet: the one that is asked for, or the only one with anything in it. */
function chooseSheet(sheets: readonly Sheet[], path: string, asked: string | undefined): Sheet {
  if (asked !== undefined) {
    const found = sheets.find(({ name }) => name === asked);
    if (found !== undefined) return found;
    throw new ConfigError(
      `${path}: ${unknownName(
        "sheet",
        asked,
        sheets.map(({ name }) => name),
      )}`,
    );
  }
  const [first, ...others] = sheets.filter((sheet) => !isEmpty(sheet));
  if (first === undefined) throw new DataError(`${path}: expected at least one row, got a workbook of empty sheets`);
  if (others.length === 0) return first;
  const names = [first, ...others].map(({ name }) => `"${name}"`);
  throw new DataError(`${path}: expected one sheet, got ${names.length}: ${names.join(", ")}; choose one (--sheet)`);
}

/** The column of a cell's address, from 1; 0 where it has none. */
const columnOf = (address: string): number =>
  (/^[A-Z]*/.exec(address)?.[0] ?? "").split("").reduce((sum, letter) => 26 * sum + letter.charCodeAt(0) - 64, 0);

/** Refuses places beyond a sheet, and formulas whose values are not in the file. */
function checkCells({ xml, name }: Sheet, path: string): void {
  const where = `${path}: sheet "${name}"`;
  if (/<!(ENTITY|DOCTYPE)/i.test(xml)) throw new DataError(`${where}: expected a sheet without entities of its own, got some`);
  let [rows, columns] = [0, 0];
  for (const [, row] of xml.matchAll(/<(?:\w+:)?row\b[^>]*?\sr="(\d+)"/g)) rows = Math.max(rows, Number(row));
  const missing: string[] = [];
  for (const [, attributes = "", content = ""] of xml.matchAll(/<(?:\w+:)?c\b([^>]*?)(?:\/>|>(.*?)<\/(?:\w+:)?c>)/gs)) {
    const address = /\sr="([A-Z]*\d*)"/.exec(attributes)?.[1] ?? "";
    rows = Math.max(rows, Number(/\d*$/.exec(address)?.[0] ?? 0));
    if (content !== "") columns = Math.max(columns, columnOf(address));
    if (/<(\w+:)?f[ >/]/.test(content) && !isComputed(attributes, content)) missing.push(address);
  }
  if (rows > MOST_ROWS || columns > MOST_COLUMNS)
    throw new DataError(`${where}: expected at most ${MOST_ROWS} rows and ${MOST_COLUMNS} columns, got ${rows} and ${columns}`);
  if (rows * columns > MOST_CELLS)
    throw new DataError(
      `${where}: expected at most ${MOST_CELLS} cells, got ${rows} rows of ${columns}; delete what stands far outside the table, or save it as .csv`,
    );
  if (missing.length === 0) return;
  const got = missing.length === 1 ? "a formula without one" : `${missing.length} formulas without any`;
  const which = missing.length === 1 ? missing[0] : `${missing[0]}, …`;
  throw new DataError(
    `${where}: expected values, got ${got} (${which}); open the workbook in Excel or LibreOffice and save it, so that they are computed`,
  );
}

/** Tells whether a formula's value is there. A computed text may be empty; a number, a truth value or a date may not. */
const isComputed = (attributes: string, content: string): boolean =>
  /<(\w+:)?v>[^<]/.test(content) || (/\st="str"/.test(attributes) && /<(\w+:)?v[ >/]/.test(content));

type Cell = string | number | boolean | Date | null;

/** A cell as a CSV file has it; a time of day lies on Excel's day 0. */
function cellText(value: Cell, decimal: Decimal = "."): string {
  if (value === null) return "";
  if (typeof value === "number") return decimal === "." ? String(value) : String(value).replace(".", ",");
  if (!(value instanceof Date)) return String(value);
  const [day = "", time = ""] = new Date(Math.round(value.getTime() / 1000) * 1000).toISOString().split(/[TZ.]/);
  if (day < "1900-01-01") return time;
  return time === "00:00:00" ? day : `${day} ${time}`;
}

async function readCells(bytes: Uint8Array, sheet: Sheet, path: string): Promise<Cell[][]> {
  // Loaded where a workbook is read, and nowhere else.
  const { readSheet } = await import("read-excel-file/universal");
  try {
    // Its types say the constructor of dates where it gives dates.
    return (await readSheet(new Uint8Array(bytes).buffer, sheet.name)) as unknown as Cell[][];
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new DataError(`${path}: sheet "${sheet.name}": expected cells that can be read, got an error: ${reason}`, { cause });
  }
}

interface Row {
  readonly cells: readonly Cell[];
  /** Its row in the sheet, from 1. */
  readonly line: number;
}

/** Rows with anything in them, without columns that hold nothing. */
function rowsIn(sheet: readonly Cell[][]): Row[] {
  const used = (sheet[0] ?? []).map((_, at) => at).filter((at) => sheet.some((cells) => cells[at] !== null));
  return sheet.flatMap((cells, at) =>
    cells.every((cell) => cell === null) ? [] : [{ cells: used.map((column) => cells[column] ?? null), line: at + 1 }],
  );
}

const recordOf = ({ cells, line }: Row): CsvRecord => ({ fields: cells.map((cell) => cellText(cell)), line });

/**
 * Opens a sheet of a workbook.
 *
 * Errors: DataError for what is not a workbook, for several sheets where none is chosen, and for formulas that were never computed; ConfigError for a
 * sheet that is not there.
 */
export async function openExcel(path: string, options: ExcelOptions): Promise<RawTable> {
  const bytes = await unwrapGzip(await readFileBytes(path), path);
  if (!isZip(bytes)) throw new DataError(`${path}: expected an Excel workbook (.xlsx), got other bytes; name a text file .csv`);
  const sheet = chooseSheet(await sheetsOf(bytes, path), path, options.sheet);
  checkCells(sheet, path);
  const rows = rowsIn(await readCells(bytes, sheet, path));
  const sample = rows.slice(0, SAMPLE).map(recordOf);
  const layout = guessLayout(sample, options);
  const { titles, header } = layout;
  if (sample.length <= titles)
    throw new DataError(`${path}: sheet "${sheet.name}": expected at least one row, got an empty sheet`);
  const where = options.sheet === undefined ? path : `${path}: sheet "${sheet.name}"`;
  const { names, notes } = nameColumns(where, sample.slice(titles), layout, options);
  const decimals = names.map((name) => options.decimal ?? options.decimals?.get(name));
  const filter = new RowFilter(layout, names.length, sample.slice(titles));
  const records = [
    ...filter.pass(
      rows.map(({ cells, line }) => ({ fields: cells.map((cell, column) => cellText(cell, decimals[column])), line })),
      true,
    ),
  ];
  async function* chunks(): ReturnType<RawTable["chunks"]> {
    const chunk = new ChunkBuilder(names);
    for (const [at, { fields, line }] of records.entries()) {
      chunk.add(fields, at + 1, line);
      if (chunk.length < CHUNK_ROWS) continue;
      options.signal?.throwIfAborted();
      yield chunk.take();
    }
    if (chunk.length > 0) yield await Promise.resolve(chunk.take());
  }
  const hasFractions = rows.some(({ cells }) => cells.some((cell) => typeof cell === "number" && !Number.isInteger(cell)));
  const decimal = hasFractions ? { decimal: options.decimal ?? ("." as const) } : {};
  return { names, header, ...decimal, notes: () => [...notes, ...filter.notes(where)], chunks, badRows: () => 0 };
}
