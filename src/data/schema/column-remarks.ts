/**
 * @module Remarks on the columns of a table, in sentences for the user: values that are odd, count as missing, or differ in spelling.
 */
import type { CellOptions } from "./column-type.js";
import { areNumbers, hasOneUnit } from "./column-type.js";
import { isMark } from "./missing.js";
import { PLAIN } from "./numbers.js";
import type { ColumnProfile, Seen } from "./profile.js";
import type { TableField } from "./table-schema.js";
import { placeOf } from "./table-schema.js";

/** Quotes a text of a file in a message, cut to what fits in a line. */
export const quoted = (text: string): string => `"${text.length > 40 ? `${text.slice(0, 39)}…` : text}"`;
const inQuotes = (texts: readonly string[]): string =>
  texts.length > 8 ? `${texts.slice(0, 7).map(quoted).join(", ")} and ${texts.length - 7} more` : texts.map(quoted).join(", ");

/** A remark on a column, which is joined with equal ones on others. */
export interface Remark {
  readonly column: string;
  readonly text: string;
}

/** Numbers of nines that stand in several rows, far from all others: so older systems and questionnaires write that there is no value. */
export function sentinelRemarks({ values }: ColumnProfile): string[] {
  const nines = [...values].filter(([text, count]) => count > 1 && /^(?:-9+|9{3,})(?:\.0+)?$/.test(text));
  if (nines.length === 0) return [];
  let [least, most] = [Infinity, -Infinity];
  for (const text of values.keys())
    if (PLAIN.test(text) && !/^-?9+(?:\.0+)?$/.test(text))
      [least, most] = [Math.min(least, Number(text)), Math.max(most, Number(text))];
  return nines
    .filter(([text]) => (text.startsWith("-") ? least >= 0 : Number(text) > 3 * Math.max(Math.abs(least), Math.abs(most))))
    .map(
      ([text, count]) =>
        `"${text}" stands in ${count} rows, far from all other values; --missing ${quoted(text)} says if it means "no value"`,
    );
}

/** Explains why a column with numbers but for a few values is not numeric. */
export function almostNumbers(profile: ColumnProfile): string[] {
  const { conventions, numbers, certain, neither, dates, values } = profile;
  const few = oddUnit(profile);
  if (areNumbers(profile) && !hasOneUnit(profile) && few === undefined) return severalUnits(profile);
  if (dates > 0 && dates === certain) return contradictoryDates(profile);
  if (dates > numbers && dates >= certain * (values.size > 10 ? 0.5 : 0.9))
    return noDate(neither ?? profile.written ?? profile.plain);
  const [point, comma] = [conventions["."].example, conventions[","].example];
  // In a column of few values these may be what they are called: 0, 1, 2, 3+.
  if (numbers === 0 || numbers < certain * (values.size > 10 ? 0.5 : 0.9)) return [];
  const odd = neither ?? few;
  if (odd !== undefined) return [misfit(odd, "number")];
  if (point === undefined || comma === undefined || dates > 0) return [];
  return [
    `some numbers have a decimal point (${quoted(point.text)}, ${point.at}) and some a comma (${quoted(comma.text)}, ${comma.at}), so all are read as text`,
  ];
}

const misfit = ({ text, at }: Seen, what: string): string =>
  `${quoted(text)} (${at}) is not a ${what}, so all are read as text; --missing ${quoted(text)} says if it means "no value"`;

const noDate = (odd: Seen | undefined): string[] => (odd === undefined ? [] : [misfit(odd, "date")]);

/** The first number with a unit, where hardly any has one. */
function oddUnit({ units, numbers }: ColumnProfile): Seen | undefined {
  const [first, ...others] = units.values();
  return first !== undefined && others.length === 0 && first.count < numbers / 10 ? first.first : undefined;
}

/** Explains why numbers with units are not numeric: which units there are, and where. */
function severalUnits({ units, numbers, multiplied }: ColumnProfile): string[] {
  const shown = [...units].slice(0, 3).map(([unit, { first }]) => `in ${unit} (${quoted(first.text)}, ${first.at})`);
  const counted = [...units.values()].reduce((sum, { count }) => sum + count, multiplied?.count ?? 0);
  // So many are codes or addresses.
  if (units.size > 8) return [];
  const others = [
    ...shown,
    ...(multiplied === undefined ? [] : [`with a multiplier (${quoted(multiplied.first.text)}, ${multiplied.first.at})`]),
    ...(counted < numbers ? ["in none"] : []),
  ];
  if (others.length < 2) return [];
  return [`some numbers are ${others.join(", some ")}, so all are read as text`];
}

/** Explains why a column of dates has none of the orders. */
function contradictoryDates({ orders }: ColumnProfile): string[] {
  const [day, month] = [orders.dmy.misfit, orders.mdy.misfit];
  if (day === undefined || month === undefined) return [];
  return [
    `${quoted(day.text)} (${day.at}) is not a date with the day first, ${quoted(month.text)} (${month.at}) not one with the month first, so all are read as text`,
  ];
}

/** A value without what is a matter of spelling: capitals, blanks, quotes and dashes of several kinds, and how HTML writes signs. */
const folded = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name: string) => ENTITIES[name as keyof typeof ENTITIES])
    .replaceAll(/[‘’]/g, "'")
    .replaceAll(/[“”]/g, '"')
    .replaceAll(/[‐-―−]/g, "-")
    .replaceAll(/\s+/g, " ");
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: " " } as const;

/** Values that are one but for their spelling. */
export function spellingRemarks({ values }: ColumnProfile): string[] {
  if (values.size > 1000) return [];
  const byFolded = new Map<string, string>();
  for (const value of values.keys()) {
    const key = folded(value);
    const other = byFolded.get(key);
    const what = other?.toLowerCase() === value.toLowerCase() ? "capital letters" : "spelling";
    if (other !== undefined) return [`"${other}" and "${value}" differ in ${what} alone, and count as two values`];
    byFolded.set(key, value);
  }
  return [];
}

/** Marks that count as missing in a column of such a type. */
export function markRemarks({ marks }: ColumnProfile, type: TableField["type"], { missing }: CellOptions): string[] {
  if (missing !== undefined) return [];
  const found = [...marks].filter(([mark]) => isMark(mark, placeOf(type)));
  if (found.length === 0) return [];
  const rows = found.reduce((sum, [, count]) => sum + count, 0);
  const named = inQuotes(found.map(([mark]) => mark));
  return [
    `${named} ${found.length === 1 ? "counts" : "count"} as missing (${rows} ${rows === 1 ? "row" : "rows"}; --missing says otherwise)`,
  ];
}

/** Joins equal remarks on several columns into one sentence. */
export function joined(remarks: readonly Remark[]): string[] {
  const byText = new Map<string, string[]>();
  for (const { column, text } of remarks) byText.set(text, [...(byText.get(text) ?? []), column]);
  return [...byText].map(([text, columns]) => `column${columns.length === 1 ? "" : "s"} ${inQuotes(columns)}: ${text}`);
}
