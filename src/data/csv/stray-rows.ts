/**
 * @module Lines of a table that are not rows of it: the header once more, empty lines, sums of other rows, footnotes behind the last row. What shows itself as
 * such is left out, and said.
 */
import { fileRow } from "../column.js";
import { coreOf, PLAIN, readDigits } from "../schema/numbers.js";
import { spelled } from "../schema/table-schema.js";
import type { CsvRecord } from "./records.js";
import type { Layout } from "./dialect.js";
import { kindOf, leadingRecords } from "./dialect.js";

/** Records in which it is seen whether names of sums are a category. */
export const SAMPLE_ROWS = 1000;
/** Rows that sums are checked against, at most: people add up small tables. */
const MOST_ROWS = 20_000;
/** Rows from which a column shows what it holds. */
const FEW_ROWS = 3;
/** Lines behind a table that may be footnotes, at most. */
const MOST_FOOTNOTES = 50;

const WORDS =
  "totals?|sum|summe|gesamt|gesamtsumme|gesamtergebnis|insgesamt|zwischensumme|totale|totaal|somme|suma|итого|всего|合计|总计|總計|合計|総計|小计|小計|共计|总和|합계|총계".concat(
    "|averages?|avg|mean|durchschnitt|mittelwert|moyenne|promedio|среднее|平均|平均值|均值",
  );
/** A cell that names a sum or a mean of rows: `Total`, `Grand total:`, `Subtotal North`, `North Total`. */
const SUM = new RegExp(`^\\W{0,3}(?:(?:grand|sub|sous)[\\s-]?)?(?:${WORDS})(?!\\p{L})|\\s(?:total|ergebnis)$`, "iu");
const NOTE =
  /^(?:\(\d+ rows?\)|[*†‡§¹²³]|\[\d+\]|\(\w\)\s|\d\)\s|sources?\b|notes?\b|footnotes?\b|quellen?\b|anmerkung|hinweis|stand:|fuente|nota\b|fonte|примечание|источник|(?:注|资料来源|数据来源|来源|说明|备注|出典|出所|資料)\s*[:：\d]?)/iu;

/** A cell of a line that is drawn under the header, as in Markdown and in terminals. */
const RULE = /^[:+]?[-=+]{2,}[:+]?$/;

const isBlank = (text: string): boolean => text.trim() === "";
const firstCell = (fields: readonly string[]): string => fields.find((field) => !isBlank(field))?.trim() ?? "";
const namesSum = (cell: string): boolean => cell.length <= 40 && !/^[\d.-]/.test(cell) && SUM.test(cell);

/** A cell's number under the convention that it fits; undefined for what is none. */
function numberIn(text: string): number | undefined {
  const value = text.trim();
  if (PLAIN.test(value)) return Number(value);
  if (value.length > 48 || !/\d/.test(value)) return undefined;
  const core = coreOf(value);
  return (readDigits(core, ".") ?? readDigits(core, ","))?.value;
}

/** Half a unit of the last digit that a number is written with, and what adding up loses. */
function tolerance(text: string, sum: number): number {
  const decimals = /[.,](\d+)\D*$/.exec(text)?.[1]?.length ?? 0;
  return 0.5 * 10 ** -decimals + 1e-9 * Math.abs(sum);
}

/** Passes on the rows among a table's records, and counts what else there is. */
export class RowFilter {
  readonly #headers: readonly (readonly string[])[];
  readonly #columns: number;
  /** The first rows, and where those begin that no sum has counted yet. */
  readonly #rows: (readonly string[])[] = [];
  #from = 0;
  #count = 0;
  #before: CsvRecord | undefined;
  #leading: number;
  /** Lines that are footnotes if no row follows. */
  #held: CsvRecord[] = [];
  /** Whether many rows end before the last columns, and how many have been seen. */
  readonly #pads: boolean;
  #short = 0;
  #repeats = 0;
  #blanks = 0;
  #notes = 0;
  #sums = 0;
  #firstSum: { readonly text: string; readonly at: string } | undefined;
  /** The last row, where it names a sum but does not show itself as one. */
  #doubtful: string | undefined;
  /** Names of sums that stand again and again in the first records, as a category does beside men and women. */
  readonly #categories: ReadonlySet<string>;

  /** `layout` is that of all records, `sample` the first of them without titles. */
  constructor(layout: Layout, columns: number, sample: readonly CsvRecord[]) {
    this.#leading = leadingRecords(layout);
    const headers = sample.slice(0, this.#leading - layout.titles).map(({ fields }) => fields);
    this.#headers = headers.filter((fields) => fields.length > 1);
    this.#columns = columns;
    const rows = sample.slice(this.#leading - layout.titles).filter(({ problem }) => problem === undefined);
    const count = (isSuch: (length: number) => boolean): number => rows.filter(({ fields }) => isSuch(fields.length)).length;
    const enough = Math.max(FEW_ROWS, rows.length / 10);
    this.#pads = count((length) => length > 1 && length < columns) >= enough && count((length) => length >= columns) >= enough;
    const seen = new Set<string>();
    const sums = sample.map(({ fields }) => firstCell(fields)).filter((cell) => namesSum(cell));
    this.#categories = new Set(sums.filter((cell) => seen.has(cell) || !seen.add(cell)));
  }

  /** The rows among the next records, which are the first ones to begin with; `last` says that nothing follows. */
  *pass(records: Iterable<CsvRecord>, last: boolean): Generator<CsvRecord> {
    for (const record of records) {
      if (this.#leading > 0) {
        this.#leading--;
        continue;
      }
      if (this.#isStray(record)) continue;
      yield* this.#release();
      this.#count++;
      if (record.problem === undefined && this.#rows.length < MOST_ROWS) this.#rows.push(record.fields);
      yield this.#padded(record);
    }
    if (!last) return;
    this.#notes = this.#held.length;
    this.#held = [];
  }

  /** A row that ends before the last columns, where many do, as spreadsheets leave out empty cells at the end. */
  #padded(record: CsvRecord): CsvRecord {
    const { fields, problem } = record;
    if (!this.#pads || problem !== undefined || fields.length < 2 || fields.length >= this.#columns) return record;
    this.#short++;
    return { ...record, fields: [...fields, ...Array.from({ length: this.#columns - fields.length }, () => "")] };
  }

  /** The lines that were left out, in sentences for the user. */
  notes(where: string): string[] {
    const left = (count: number, one: string, many: string): string[] =>
      count === 0 ? [] : [`${where}: ${count === 1 ? one : `${count} ${many}`}`];
    const { text = "", at = "" } = this.#firstSum ?? {};
    return [
      ...left(this.#repeats, "a line repeats the header and is no row", "lines repeat the header and are no rows"),
      ...left(this.#blanks, "a line without any value is no row", "lines without any value are no rows"),
      ...left(
        this.#sums,
        `"${text}" (${at}) adds up other rows and is left out`,
        `rows add up others and are left out, first "${text}" (${at})`,
      ),
      ...left(
        this.#short,
        "a row ends before the last columns, whose values are missing",
        "rows end before the last columns, whose values are missing",
      ),
      ...left(this.#notes, "the line behind the table is a footnote", "lines behind the table are footnotes"),
      ...[...this.#categories].map((cell) => `${where}: rows of "${cell}" stand between others, and count as rows like these`),
      ...(this.#doubtful === undefined
        ? []
        : [`${where}: the last row begins with "${this.#doubtful}", and counts as a row like others`]),
    ];
  }

  /** Lines that were taken for footnotes before a row came. */
  *#release(): Generator<CsvRecord> {
    for (const record of this.#held) {
      this.#count++;
      yield record;
    }
    this.#held = [];
  }

  #isStray(record: CsvRecord): boolean {
    const { fields, problem, line } = record;
    const before = this.#before;
    this.#before = record;
    if (problem !== undefined) return false;
    this.#doubtful = undefined;
    const at = isBlank(fields[0] ?? "") ? fields.findIndex((field) => !isBlank(field)) : 0;
    const isRule = fields.every((field) => isBlank(field) || RULE.test(field.trim())) && this.#columns > 1;
    if (isRule && (at >= 0 || fields.length > 1)) {
      this.#blanks++;
      return true;
    }
    const cell = (fields[at] ?? "").trim();
    if (this.#isHeader(fields)) {
      this.#repeats++;
      return true;
    }
    if (at === 0 && this.#isFootnote(record, cell, before)) {
      this.#held.push(record);
      return true;
    }
    if (!namesSum(cell) || this.#categories.has(cell)) return false;
    if (this.#count === this.#rows.length && this.#isSum(fields, at)) {
      this.#sums++;
      this.#firstSum ??= { text: cell, at: fileRow(this.#count + 1, line) };
      this.#from = this.#rows.length;
      return true;
    }
    this.#doubtful = cell;
    return false;
  }

  /** Tells whether a line holds a sentence and nothing else, behind an empty line or as footnotes begin. */
  #isFootnote({ fields, line }: CsvRecord, cell: string, before: CsvRecord | undefined): boolean {
    const isApart = this.#held.length > 0 || before === undefined || line > before.line + 1;
    const isShort = fields.length < this.#columns;
    if (!isApart && !isShort && !isBlank(fields.at(-1) ?? "")) return false;
    if (this.#columns < 2 || this.#count === 0 || this.#held.length >= MOST_FOOTNOTES || kindOf(cell) !== "text") return false;
    const isAlone = fields.slice(1).every(isBlank);
    // Line ends inside of cells make a line seem apart.
    const isBehind = this.#held.length > 0 || before === undefined || line > before.line + 1 + lineEnds(before);
    return NOTE.test(cell) ? isAlone || isShort || isBehind : isAlone && isBehind;
  }

  #isHeader(fields: readonly string[]): boolean {
    return this.#headers.some((header) => isSame(fields[0] ?? "", header[0] as string) && isSameLine(fields, header));
  }

  /** Tells whether a row that names a sum is one: by its numbers, by the word among numbers, or by an empty cell where rows have none. */
  #isSum(fields: readonly string[], at: number): boolean {
    const rows = this.#rows;
    if (rows.length < FEW_ROWS || fields.length > this.#columns) return false;
    if (rows.every((row) => isBlank(row[at] ?? "") || kindOf(row[at] as string) !== "text")) return true;
    return Array.from({ length: this.#columns }, (_, column) => column).some((column) => {
      const cell = fields[column] ?? "";
      if (isBlank(cell)) return rows.every((row) => !isBlank(row[column] ?? ""));
      const value = numberIn(cell);
      if (value === undefined || value === 0) return false;
      return [this.#from, 0].some((from) => {
        const numbers = rows.slice(from).flatMap((row) => numberIn(row[column] ?? "") ?? []);
        const sum = numbers.reduce((total, number) => total + number, 0);
        const near = (expected: number): boolean => Math.abs(value - expected) <= tolerance(cell, sum);
        return numbers.length > 1 && numbers.some((number) => number !== numbers[0]) && (near(sum) || near(sum / numbers.length));
      });
    });
  }
}

/** Tells whether two cells of a header are one but for capitals, and blanks around. */
function isSame(a: string, b: string): boolean {
  if (a === b) return true;
  return (
    Math.abs(a.length - b.length) < 4 &&
    a.trimStart()[0]?.toLowerCase() === b.trimStart()[0]?.toLowerCase() &&
    spelled(a).toLowerCase() === spelled(b).toLowerCase()
  );
}
const isSameLine = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((field, at) => isSame(field, b[at] as string));

/** Line ends inside of a record's cells. */
const lineEnds = ({ fields }: CsvRecord): number => fields.reduce((sum, field) => sum + field.split("\n").length - 1, 0);
