/**
 * @module The dialect of a text file's table: its delimiter, its quote, whether the first record names the columns.
 */
import { ConfigError } from "../../util/errors.js";
import { isRoleName } from "../guess.js";
import { coreOf, readDigits } from "../schema/numbers.js";
import { isMonthAlone, possibleOrders } from "../schema/dates.js";
import { isMark } from "../schema/missing.js";
import type { CsvRecord, Delimiters } from "./records.js";
import { recordsOf } from "./records.js";

/** The parts of a dialect that the user states. */
export interface DialectOptions {
  /** The delimiter of fields; detected if left out. */
  readonly delimiter?: string;
  /** The quote around a field that holds a delimiter; "" for none. */
  readonly quote?: string;
  /** Whether the first line names the columns; detected if left out. */
  readonly header?: boolean;
}

export interface Dialect extends Delimiters {
  readonly header: boolean;
  /** The record under the header, which is none of the rows: units, or names below those of groups. */
  readonly under?: "units" | "names";
  /** Characters before the table: the line that Excel reads the delimiter from. */
  readonly skip: number;
  /** Records before the table: titles and remarks, in one field where rows have several. */
  readonly titles: number;
}

const CANDIDATES = ["\t", ";", "|", ","] as const;
/** Delimiters of few files, where none of the others parts anything. */
const RARE = ["，", "；", "^", "~", "¦", "\u0001"] as const;
/** The number of records to examine. */
const SAMPLE = 200;

/** Excel's hint: a first line `sep=;`. */
const HINT = /^"?sep=(.)"?[ \t]*(?:\r\n|\n|\r)/i;

/** A delimiter as the user writes it: one character, or `tab`, or `\t`. ConfigError for anything else. */
export function checkDelimiter(text: string, where: string): string {
  const delimiter = text === "tab" || text === "\\t" ? "\t" : text;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter))
    throw new ConfigError(`${where}: expected one character such as ; or tab, got "${text}"`);
  return delimiter;
}

/** Guesses the quote: in text with tabs, where corpora have bare quotation marks, none unless the first line has quoted fields. */
function guessQuote(head: string, delimiter: string): string {
  if (delimiter !== "\t") return '"';
  const first = /^[^\r\n]*/.exec(head)?.[0] ?? "";
  return /(^|\t)"[^\t]*"(\t|$)/.test(first) ? '"' : "";
}

/** Tells whether quotes inside of fields stand behind backslashes, not twice: where that makes more records whole. */
function isEscaped(head: string, delimiters: Delimiters, whole: boolean): boolean {
  if (delimiters.quote === "" || !head.includes(`\\${delimiters.quote}`)) return false;
  return fitOf(sample(head, { ...delimiters, escaped: true }, whole)).share > fitOf(sample(head, delimiters, whole)).share;
}

/** Records of a beginning of a text, without the last, which may be cut. */
function sample(head: string, delimiters: Delimiters, whole: boolean): CsvRecord[] {
  return recordsOf(head, delimiters, whole).slice(0, SAMPLE);
}

/** Measures how well a delimiter fits: the share of records with the most common number of fields, if that is more than one. */
function fitOf(records: readonly CsvRecord[]): { readonly share: number; readonly fields: number } {
  const counts = new Map<number, number>();
  for (const { fields, problem } of records)
    if (problem === undefined) counts.set(fields.length, (counts.get(fields.length) ?? 0) + 1);
  const [fields, count] = [...counts].reduce((best, each) => (each[1] > best[1] ? each : best), [0, 0]);
  return fields > 1 ? { share: count / records.length, fields } : { share: 0, fields };
}

/** Tells whether blanks part columns, of which most are numbers, as in fixed widths. */
function areBlankParted(head: string, whole: boolean): boolean {
  const records = sample(head, { delimiter: " ", quote: '"' }, whole);
  const { share, fields } = fitOf(records);
  if (share < 1 || records.length < 3) return false;
  const columns = Array.from({ length: fields }, (_, at) => valuesAt(records.slice(1), at));
  const numeric = columns.filter((values) => values.length > 0 && values.every((value) => kindOf(value) === "number"));
  return numeric.length * 2 > fields;
}

/** The delimiter that makes records of one length; commas last, which stand in numbers and sentences as well. */
function guessDelimiter(head: string, whole: boolean): string {
  const fitting = (delimiter: string): { readonly delimiter: string } & ReturnType<typeof fitOf> => {
    const delimiters = { delimiter, quote: guessQuote(head, delimiter) };
    return { delimiter, ...fitOf(sample(head, { ...delimiters, escaped: isEscaped(head, delimiters, whole) }, whole)) };
  };
  const fits = CANDIDATES.map(fitting);
  const regular = fits.find(({ share }) => share === 1);
  // A tab or two may stand among blanks.
  if ((regular === undefined || (regular.delimiter === "\t" && regular.fields === 2)) && areBlankParted(head, whole)) return " ";
  if (regular !== undefined) return regular.delimiter;
  const best = fits.reduce((a, b) => (b.share > a.share + 0.05 ? b : a));
  if (best.share > 0) return best.delimiter;
  return RARE.find((delimiter) => head.includes(delimiter) && fitting(delimiter).share === 1) ?? ",";
}

/** The delimiter that a file's name promises, unless it stands in no record and another parts every one of them alike. */
function usualDelimiter(head: string, whole: boolean, usual: string | undefined): string | undefined {
  if (usual === undefined || head.includes(usual)) return usual;
  const isRegular = (delimiter: string): boolean => fitOf(sample(head, { delimiter, quote: '"' }, whole)).share === 1;
  return CANDIDATES.some((delimiter) => delimiter !== usual && isRegular(delimiter)) ? undefined : usual;
}

/** The dialect of a text, from its beginning. `names` are columns that it should have: a first record that holds them is a header. */
export function guessDialect(
  head: string,
  whole: boolean,
  options: DialectOptions & { readonly usual?: string; readonly names?: readonly string[]; readonly hadHeader?: boolean } = {},
): Dialect {
  const hint = HINT.exec(head);
  const skip = hint?.[0].length ?? 0;
  const text = head.slice(skip);
  const delimiter = options.delimiter ?? hint?.[1] ?? usualDelimiter(text, whole, options.usual) ?? guessDelimiter(text, whole);
  const quote = options.quote ?? guessQuote(text, delimiter);
  const escaped = isEscaped(text, { delimiter, quote }, whole);
  const records = sample(text, { delimiter, quote, escaped }, whole).filter(({ problem }) => problem === undefined);
  return { delimiter, quote, escaped, skip, ...guessLayout(records, options) };
}

/** Guesses which of the first records are titles, and whether the one after these names the columns. */
export function guessLayout(
  records: readonly CsvRecord[],
  options: { readonly header?: boolean; readonly names?: readonly string[]; readonly hadHeader?: boolean },
): Layout {
  const titles = titlesBefore(records);
  const table = records.slice(titles);
  const [first, second, ...rest] = table;
  const found = first !== undefined && second !== undefined ? underHeader(first, second, rest, options.names) : undefined;
  // A second line of names hides what the first one is.
  const header =
    options.header ?? (hasHeader(table, options) || (found !== undefined && hasHeader([first as CsvRecord, ...rest], options)));
  return header && found !== undefined ? { titles, header, under: found } : { titles, header };
}

export type Layout = Pick<Dialect, "titles" | "header" | "under">;

/** Records before the first row. */
export const leadingRecords = ({ titles, header, under }: Layout): number =>
  titles + (header ? 1 : 0) + (under === undefined ? 0 : 1);

/** Signs of units that stand under names, in brackets or alone. */
const UNIT = new RegExp(
  "^(?:[\\[(].*[\\])]|[%‰°℃]|\\p{Sc}|[A-Z]{3}|[kcmµ]?[gml]|[kM]?[WVAN]|lb|km/h|m/s|m[²2³3]|s|sec|ms|min|h|hrs?|hours?|days?|weeks?|months?|years?|yrs?|Jahre?|Tage?|Stunden|岁|元|个|天|年|月|千克|公斤|厘米|米)$",
  "iu",
);

/** Names of groups over names of columns: `Q1 sales`; a group goes on over cells without one. */
export function joinedNames(groups: readonly string[], names: readonly string[]): string[] {
  let group = "";
  return names.map((name, at) => {
    const own = (groups[at] ?? "").trim();
    if (own !== "") group = own;
    return name.trim() === "" ? own : `${group} ${name.trim()}`.trim();
  });
}

/**
 * Tells whether the record under a header is not a row: words over columns of numbers, none of which stands in the rows. Under a header with gaps, or with
 * names that repeat, they are names; else units.
 */
function underHeader(
  first: CsvRecord,
  second: CsvRecord,
  rest: readonly CsvRecord[],
  known: readonly string[] = [],
): Dialect["under"] {
  const names = first.fields.map((field) => field.trim());
  const isGrouped = names.includes("") || new Set(names).size < names.length;
  if (isGrouped && known.length > 0 && joinedNames(names, second.fields).filter((name) => known.includes(name)).length > 1)
    return "names";
  if (rest.length < 3 || second.fields.length !== names.length) return undefined;
  let [words, units] = [0, 0];
  for (const [at, field] of second.fields.entries()) {
    const cell = field.trim();
    if (isMark(cell, "number")) continue;
    if (kindOf(cell) !== "text") return undefined;
    const values = valuesAt(rest, at);
    if (values.includes(cell)) return undefined;
    if (values.length < 3 || values.filter((value) => kindOf(value) === "text").length > values.length * 0.1) continue;
    words++;
    if (UNIT.test(cell)) units++;
  }
  if (isGrouped && words > 0) return "names";
  return words > 1 || units > 0 ? "units" : undefined;
}

/** Titles and remarks at most before a table. */
const MOST_TITLES = 20;

/** Counts the records before a table that do not belong to it. */
function titlesBefore(records: readonly CsvRecord[]): number {
  const { fields, share } = fitOf(records);
  if (fields < 2 || share < 0.8) return 0;
  const first = records.findIndex((record) => record.fields.filter((field) => field.trim() !== "").length > 1);
  return first > 0 && first <= MOST_TITLES ? first : 0;
}

type Kind = "number" | "date" | "text" | "none";

/** The kind of value that a cell looks like. */
export function kindOf(text: string): Kind {
  const value = text.trim();
  if (isMark(value, "number")) return "none";
  const core = coreOf(value);
  // Names of columns have words behind numbers: 30 days.
  const isNumber = core.unit === undefined && (readDigits(core, ".") !== undefined || readDigits(core, ",") !== undefined);
  if (isNumber) return "number";
  return possibleOrders(value)?.length === 0 || isMonthAlone(value) ? "text" : "date";
}

/** Tells whether the first record names the columns. */
function hasHeader(
  [first, ...rest]: readonly CsvRecord[],
  { names = [], hadHeader }: { readonly names?: readonly string[]; readonly hadHeader?: boolean },
): boolean {
  if (first === undefined) return true;
  const cells = first.fields.map((field) => field.trim());
  if (names.some((name) => cells.includes(name))) return true;
  if (hadHeader === false) return false;
  const filled = cells.filter((cell) => cell !== "");
  if (filled.length === 0) return false;
  if (filled.length > 1 && filled.every(isRoleName)) return true;
  // A line that repeats the first is a header again, or a row like others: values of another kind under a name tell.
  const others = rest.filter(({ fields }) => fields.some((field, at) => field.trim() !== cells[at]));
  const isRepeated = others.length < rest.length && cells.some((cell, at) => isNameOf(cell, valuesAt(others, at)));
  return votesForHeader(cells, isRepeated ? others : rest);
}

const valuesAt = (records: readonly CsvRecord[], at: number): string[] =>
  records.map(({ fields }) => (fields[at] ?? "").trim()).filter((value) => !isMark(value, "number"));

/** Whether a cell is a word over numbers or dates. */
const isNameOf = (cell: string, column: readonly string[]): boolean =>
  kindOf(cell) === "text" && column.length > 0 && column.every((value) => kindOf(value) !== "text");

/** Whether the columns suggest that the first record holds names rather than values. */
function votesForHeader(cells: readonly string[], rest: readonly CsvRecord[]): boolean {
  const filled = cells.filter((cell) => cell !== "");
  const areYears = namesYears(cells, rest);
  let [yes, no] = [0, 0];
  for (const [at, cell] of cells.entries()) {
    const vote = cell === "" ? 0 : areYears && isYear(cell) ? 2 : voteOf(cell, valuesAt(rest, at));
    if (vote > 0) yes += vote;
    else no -= vote;
  }
  // Names that nothing speaks for or against: the first record of a table is a header more often than not.
  return no === 0 ? yes > 0 || rest.length === 0 || filled.every((cell) => kindOf(cell) === "text") : yes > no;
}

const isYear = (cell: string): boolean => /^(19|20)\d\d$/.test(cell);

/** Tells whether numbers in the first record are years that name columns of other numbers: rising, and above values that are not years. */
function namesYears(cells: readonly string[], rest: readonly CsvRecord[]): boolean {
  const numbers = cells.flatMap((cell, at) => (kindOf(cell) === "number" ? [at] : []));
  const rise = numbers.every((at, k) => k === 0 || Number(cells[at]) > Number(cells[numbers[k - 1] as number]));
  const others = numbers.every((at) => rest.filter(({ fields }) => isYear((fields[at] ?? "").trim())).length < rest.length / 2);
  return (
    numbers.length > 1 && numbers.length < cells.length && rise && others && numbers.every((at) => isYear(cells[at] as string))
  );
}

/** Lets a column vote on its first cell: above 0 for a name, below 0 for a value like those under it. */
function voteOf(cell: string, column: readonly string[]): number {
  if (column.length === 0) return 0;
  const kind = kindOf(cell);
  const kinds = column.map(kindOf);
  const most = kinds.filter((each) => each !== "text").length > column.length * 0.9;
  // A date over numbers names a column: the cases of that day.
  if (most) return kind === "text" || (kind === "date" && !kinds.includes("date")) ? 2 : -2;
  if (kind === "number" || kind === "date") return kinds.includes(kind) ? -1 : 0;
  const values = new Set(column);
  if (values.has(cell)) return -2;
  if (isRoleName(cell)) return 2;
  if (values.size <= column.length / 2 && column.length > 2) return 1;
  // Running text under a name is longer than the name.
  const mean = column.reduce((sum, value) => sum + value.length, 0) / column.length;
  return mean >= 20 ? (cell.length < mean / 2 && cell.length <= 24 ? 1 : -1) : 0;
}
