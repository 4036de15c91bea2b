/**
 * @module The evidence of a column's type in its profile: numbers, booleans, dates and their order.
 */
import type { DateOrder, ShortForm } from "./dates.js";
import { beginsWithMonth, ORDERS, SHORT_FORMS } from "./dates.js";
import { isMark } from "./missing.js";
import type { Decimal } from "./numbers.js";
import type { ColumnProfile } from "./profile.js";

/** Meaning of a column's cells. */
export type ColumnType = "text" | "category" | "number" | "integer" | "boolean" | "date";

/** The user's options for a table's cells. */
export interface CellOptions {
  /** The sign before decimals; detected if left out. */
  readonly decimal?: Decimal;
  /** The order of day, month and year in dates of numbers alone; detected if left out. */
  readonly dateOrder?: DateOrder;
  /** Cells that mean "no value", besides empty ones; the usual marks if left out. */
  readonly missing?: readonly string[];
  /** Types of single columns, where the guess would be wrong: a postal code is text. */
  readonly columnTypes?: Readonly<Record<string, ColumnType>>;
  /** Columns of booleans whose words are not kept: they are `false` and `true`, as they were to runs of before schemas. */
  readonly plainBooleans?: readonly string[];
}

const WORDS: readonly (readonly [no: string, yes: string])[] = [
  ["false", "true"],
  ["no", "yes"],
  ["n", "y"],
  ["f", "t"],
];

/** Evidence of all columns of a file together. */
export interface FileEvidence {
  readonly decimal: Decimal | undefined;
  readonly order: DateOrder | undefined;
}

/** Tells whether all values of a column are numbers, under one convention or the other. */
export const isNumeric = (profile: ColumnProfile): boolean =>
  areNumbers(profile) && hasOneUnit(profile) && !(profile.conventions["."].only > 0 && profile.conventions[","].only > 0);

export const areNumbers = ({ numbers, infinite, certain, fractions }: ColumnProfile): boolean =>
  numbers > 0 && numbers + (infinite?.count ?? 0) + (fractions.mixed > 0 ? fractions.alone : 0) === certain;

/**
 * Tells whether numbers can be read without what stands behind them: no unit at all, or one on most of them, and neither amounts nor percentages between.
 * Few values that many rows share, such as `5 stars`, are rather categories.
 */
export const hasOneUnit = ({ units, numbers, bareAmounts, percent, values }: ColumnProfile): boolean => {
  const [unit, ...others] = units.values();
  if (unit === undefined) return true;
  return (
    others.length === 0 && unit.count * 2 > numbers && bareAmounts + percent === 0 && values.size > Math.min(10, numbers / 5)
  );
};

export const isDated = (profile: ColumnProfile): boolean =>
  profile.dates > 0 && profile.dates === profile.certain && fitting(profile).length > 0;

/** Tells whether all values are days that are written without signs between; a few rows, or one day alone, could be anything. */
export const isCompact = (profile: ColumnProfile): boolean =>
  profile.compactDates >= 10 && profile.compactDates === profile.certain && profile.values.size > 2;

/** Tells whether all values are months that are written without signs between. */
export const areCompactMonths = (profile: ColumnProfile): boolean =>
  profile.compactMonths >= 10 && profile.compactMonths === profile.certain && profile.values.size > 2;

/** The meaning of dates of two parts, where all values are such: the one in which they are sorted; else as spreadsheets write them. */
export function shortForm({ shorts, short, certain, values }: ColumnProfile): ShortForm | undefined {
  const fits = SHORT_FORMS.filter((form) => certain > 1 && shorts[form].fits === certain);
  // Few times that many rows share are rather names: of shifts, of trains.
  if (fits.includes("time")) return values.size > Math.min(10, certain / 5) ? "time" : undefined;
  if (fits.includes("year")) return values.size > 2 ? "year" : undefined;
  if (fits.length < 2) return fits[0];
  const sorted = fits.filter((form) => shorts[form].sorted);
  if (sorted.length === 1 && certain > 4) return sorted[0];
  return beginsWithMonth(short?.text ?? "") ? "month" : "day";
}

/** The orders that all dates of a column fit. */
export const fitting = (profile: ColumnProfile): readonly DateOrder[] =>
  ORDERS.filter((order) => profile.orders[order].fits === profile.dates);

export const hasDecimals = ({ conventions }: ColumnProfile): boolean => !conventions["."].whole || !conventions[","].whole;

/**
 * The likeliest of the orders that fit: one of few years (of two digits, which may stand first), one whose days are always the same (series of
 * months), one in which dates are sorted, day first.
 */
export function likeliestOrder(profile: ColumnProfile, fits: readonly DateOrder[], evidence: FileEvidence): DateOrder {
  if (evidence.order !== undefined && fits.includes(evidence.order)) return evidence.order;
  const years = Math.min(...fits.map((order) => profile.orders[order].years.size));
  const few = fits.filter((order) => profile.orders[order].years.size === years);
  if (few.length < fits.length) return likeliestOrder(profile, few, evidence);
  const steady = fits.filter((order) => profile.orders[order].days.size === 1);
  if (steady.length === 1 && profile.dates > 2) return steady[0] as DateOrder;
  const sorted = fits.filter((order) => profile.orders[order].sorted);
  if (sorted.length === 1 && profile.dates > 4) return sorted[0] as DateOrder;
  return fits[0] ?? "ymd";
}

/** The file's words for no and yes, where a column has two such. */
export function booleanWords({ values, overflows, marks }: ColumnProfile): readonly [string, string] | undefined {
  const words = [...values.keys(), ...[...marks.keys()].filter((mark) => !isMark(mark, "category"))];
  if (overflows || words.length !== 2) return undefined;
  for (const [no, yes] of WORDS) {
    const spelledNo = words.find((word) => word.toLowerCase() === no);
    const spelledYes = words.find((word) => word.toLowerCase() === yes);
    if (spelledNo !== undefined && spelledYes !== undefined) return [spelledNo, spelledYes];
  }
  return undefined;
}
