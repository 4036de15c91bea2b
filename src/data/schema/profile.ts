/**
 * @module The profile of a column, all readings of its texts: counted cell by cell, in memory that doesn't grow with the rows.
 */
import { placeAt } from "../column.js";
import type { TextColumn } from "../column.js";
import type { DateOrder, ShortForm } from "./dates.js";
import {
  isCompactDate,
  isCompactMonth,
  isMonthAlone,
  ORDERS,
  possibleOrders,
  readDate,
  readShort,
  SHORT_FORMS,
} from "./dates.js";
import { isMark } from "./missing.js";
import type { Core, Decimal } from "./numbers.js";
import { coreOf, INFINITE, PLAIN, readDigits, readFraction } from "./numbers.js";
import { spelled } from "./table-schema.js";
import { sameUnit } from "./units.js";

/** Beyond so many values a column is not one of categories. */
const MOST_VALUES = 20_000;
/** A longer text is neither a number nor a date. */
const LONGEST = 80;
/** Beyond so many units what stands behind the digits is none. */
const MOST_UNITS = 16;

/** A text, and the row where it first was seen. */
export interface Seen {
  readonly text: string;
  readonly at: string;
}

/** The fit of a number convention to a column. */
interface Convention {
  /** Texts that are numbers under this one alone. */
  only: number;
  example: Seen | undefined;
  grouped: number;
  whole: boolean;
}

/** The fit of a reading of dates to a column, and whether it makes them sorted. */
export class DateFit {
  fits = 0;
  readonly days = new Set<number>();
  readonly years = new Set<number>();
  #ascending = true;
  #descending = true;
  #last: number | undefined;
  /** The first date that is none in this reading. */
  misfit: Seen | undefined;

  get sorted(): boolean {
    return this.#ascending || this.#descending;
  }

  add(time: number): void {
    if (this.#last !== undefined && time < this.#last) this.#ascending = false;
    if (this.#last !== undefined && time > this.#last) this.#descending = false;
    this.#last = time;
    const date = new Date(time);
    if (this.days.size < 32) this.days.add(date.getUTCDate());
    if (this.years.size < 200) this.years.add(date.getUTCFullYear());
  }
}
const convention = (): Convention => ({ only: 0, example: undefined, grouped: 0, whole: true });

/** Counts what the texts of one column could be. */
export class ColumnProfile {
  readonly name: string;
  readonly #missing: readonly string[] | undefined;
  rows = 0;
  /** Cells with something in them. */
  filled = 0;
  /** Cells with blanks around their value. */
  spaced = 0;
  /** Marks of missing values, of which some may count as values where the column is not one of numbers. */
  readonly marks = new Map<string, number>();
  /** Values and how often each occurs, up to a limit. */
  readonly values = new Map<string, number>();
  overflows = false;

  /** Numbers under either convention, and those whose value depends on it. */
  numbers = 0;
  ambiguous: Seen | undefined;
  readonly conventions: Readonly<Record<Decimal, Convention>> = { ".": convention(), ",": convention() };
  percent = 0;
  /** Fractions behind a whole number, which are numbers, and those alone, which are numbers only beside the others: `1/2` may be a day. */
  readonly fractions = { mixed: 0, alone: 0 };
  readonly currencies = new Set<string>();
  /** Numbers with a multiplier behind them, those with a unit by their unit, and those with a currency and no unit. */
  multiplied: { count: number; readonly first: Seen } | undefined;
  readonly units = new Map<string, { count: number; readonly first: Seen }>();
  bareAmounts = 0;
  infinite: { count: number; first: Seen } | undefined;
  /** The first number that is written in the plain way, and the first that is not. */
  plain: Seen | undefined;
  written: Seen | undefined;
  /** Whole numbers that begin with 0, and how many signs the whole numbers have. */
  zeroLed: Seen | undefined;
  readonly lengths = new Set<number>();
  /** A whole number that a float64 cannot hold. */
  tooLong: Seen | undefined;
  /** The first text that is neither. */
  neither: Seen | undefined;

  dates = 0;
  /** The first month without a day. */
  month: Seen | undefined;
  certainDates = 0;
  date: Seen | undefined;
  /** The first date, whatever its form. */
  firstDate: Seen | undefined;
  /** Whole numbers of eight digits that are days of the last or this century: 20240131. */
  compactDates = 0;
  compact: Seen | undefined;
  readonly orders: Readonly<Record<DateOrder, DateFit>> = { dmy: new DateFit(), mdy: new DateFit(), ymd: new DateFit() };
  /** Whole numbers of six digits that are months: 202401. */
  compactMonths = 0;
  /** Dates of two parts, which are dates only if all of a column are. */
  readonly shorts: Readonly<Record<ShortForm, DateFit>> = {
    year: new DateFit(),
    month: new DateFit(),
    day: new DateFit(),
    time: new DateFit(),
  };
  short: Seen | undefined;
  #mayBeShort = true;

  constructor(name: string, missing: readonly string[] | undefined) {
    this.name = name;
    this.#missing = missing;
  }

  /** Cells that hold a value whatever the column turns out to be. */
  get certain(): number {
    let marks = 0;
    for (const count of this.marks.values()) marks += count;
    return this.filled - marks;
  }

  add(column: TextColumn): void {
    this.rows += column.values.length;
    for (const [i, text] of column.values.entries()) {
      if (text === null) continue;
      const value = spelled(text);
      if (value === "") continue;
      this.filled++;
      if (value.length !== text.length) this.spaced++;
      if (isMark(value, "number", this.#missing)) {
        this.marks.set(value, (this.marks.get(value) ?? 0) + 1);
        continue;
      }
      this.#count(value);
      const seen = (): Seen => ({ text: value, at: placeAt(column, i) });
      if (PLAIN.test(value)) this.#plain(value, seen);
      else this.#other(value, seen);
    }
  }

  #count(value: string): void {
    const count = this.values.get(value);
    if (count !== undefined) this.values.set(value, count + 1);
    else if (this.values.size < MOST_VALUES) this.values.set(value, 1);
    else this.overflows = true;
  }

  /** A number of digits, and perhaps a point among them. */
  #plain(value: string, seen: () => Seen): void {
    const point = value.indexOf(".");
    this.numbers++;
    this.plain ??= seen();
    this.#mayBeShort = false;
    if (point < 0) {
      const digits = value.startsWith("-") ? value.length - 1 : value.length;
      this.lengths.add(digits);
      if (digits > 15) this.tooLong ??= seen();
      if (isCompactDate(value)) {
        this.compactDates++;
        this.compact ??= seen();
      }
      if (digits === 6 && isCompactMonth(value)) this.compactMonths++;
      if (digits > 1 && value.startsWith("0")) this.zeroLed ??= seen();
      return;
    }
    // With three digits behind the point, and one to three before it, it may be a point between groups.
    this.#both({ digits: value.replace("-", ""), negative: value.startsWith("-"), percent: false }, seen);
  }

  #other(value: string, seen: () => Seen): void {
    if (INFINITE.test(value)) {
      this.infinite = { count: (this.infinite?.count ?? 0) + 1, first: this.infinite?.first ?? seen() };
      return;
    }
    // Digits are also those of other scripts; an amount of 0 may have none.
    const short = value.length <= LONGEST && /\p{Nd}|\p{Sc}/u.test(value);
    if (this.#mayBeShort) this.#mayBeShort = short && this.#shortDates(value, seen);
    const core = short ? coreOf(value) : undefined;
    if (core !== undefined && (this.#both(core, seen) || this.#mixed(core))) {
      this.numbers++;
      this.written ??= seen();
      if (/^0\d+$/.test(core.digits)) {
        this.zeroLed ??= seen();
        this.lengths.add(core.digits.length);
      }
      if (core.percent) this.percent++;
      if (core.currency !== undefined) this.currencies.add(core.currency);
      this.#behind(core, seen);
      return;
    }
    if (!short || !this.#dates(value, seen)) this.neither ??= seen();
  }

  #behind({ unit, power, currency }: Core, seen: () => Seen): void {
    if (power !== undefined)
      this.multiplied = { count: (this.multiplied?.count ?? 0) + 1, first: this.multiplied?.first ?? seen() };
    if (unit === undefined) {
      if (currency !== undefined) this.bareAmounts++;
      return;
    }
    const same = [...this.units.keys()].find((known) => sameUnit(known, unit));
    const found = same === undefined ? undefined : this.units.get(same);
    if (found !== undefined) found.count++;
    else if (this.units.size < MOST_UNITS) this.units.set(unit, { count: 1, first: seen() });
  }

  /** Reads digits under both conventions; false where they are a number under none. */
  #both(core: Core, seen: () => Seen): boolean {
    const [point, comma] = [readDigits(core, "."), readDigits(core, ",")];
    if (point === undefined && comma === undefined) return false;
    for (const [decimal, read, other] of [[".", point, comma] as const, [",", comma, point] as const]) {
      const found = this.conventions[decimal];
      if (read === undefined) continue;
      if (other === undefined) {
        found.only++;
        found.example ??= seen();
      }
      if (read.grouped) found.grouped++;
      if (!Number.isSafeInteger(read.value)) found.whole = false;
    }
    if (point !== undefined && comma !== undefined && point.value !== comma.value) this.ambiguous ??= seen();
    return true;
  }

  /** Tells whether digits are a fraction behind a whole number, and counts the others. */
  #mixed(core: Core): boolean {
    const fraction = readFraction(core);
    if (fraction === undefined) return false;
    this.fractions[fraction.mixed ? "mixed" : "alone"]++;
    for (const found of Object.values(this.conventions)) found.whole &&= !fraction.mixed;
    return fraction.mixed;
  }

  #dates(value: string, seen: () => Seen): boolean {
    const possible = possibleOrders(value);
    if (possible?.length === 0) return false;
    this.dates++;
    this.firstDate ??= seen();
    if (possible === undefined) this.certainDates++;
    if (possible === undefined && isMonthAlone(value)) this.month ??= seen();
    else this.date ??= seen();
    for (const order of ORDERS) if (possible?.includes(order) === false) this.orders[order].misfit ??= seen();
    for (const order of possible ?? ORDERS) {
      const fit = this.orders[order];
      const time = readDate(value, order) as number;
      fit.fits++;
      if (possible !== undefined) fit.add(time);
    }
    return true;
  }

  /** False for a text that is none. */
  #shortDates(value: string, seen: () => Seen): boolean {
    let isShort = false;
    for (const form of SHORT_FORMS) {
      const time = readShort(value, form);
      if (time === undefined) continue;
      isShort = true;
      this.short ??= seen();
      this.shorts[form].fits++;
      this.shorts[form].add(time);
    }
    return isShort;
  }
}
