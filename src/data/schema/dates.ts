/**
 * @module Dates as people write them, each read as UTC whatever the time zone of the machine: with the year first, in the three orders of numbers, with
 * names of months; months, weeks and fiscal years by their first day.
 */

import { plainDigits } from "./numbers.js";

/** The order of day, month and year in dates of numbers alone. */
export type DateOrder = "dmy" | "mdy" | "ymd";

export const ORDERS: readonly DateOrder[] = ["dmy", "mdy", "ymd"];

/** Names of the orders in messages. */
export const ORDER_NAMES: Readonly<Record<DateOrder, string>> = {
  dmy: "day first",
  mdy: "month first",
  ymd: "year first",
};

/** Names of months in languages of Europe, and how they are cut short. */
const MONTHS: ReadonlyMap<string, number> = new Map(
  [
    "january jan janvier janv januar jänner januari enero ene gennaio gen janeiro stycznia styczeń января январь янв",
    "february feb février févr februar februari febrero febbraio fevereiro fev lutego luty февраля февраль фев",
    "march mar mars märz mrz maart mrt marzo março marts marca marzec марта март мар",
    "april apr avril avr abril abr aprile kwietnia kwiecień апреля апрель апр",
    "may mai mei mayo maggio mag maio maj maja мая май",
    "june jun juin juni junio giugno giu junho czerwca czerwiec июня июнь июн",
    "july jul juillet juil juli julio luglio lug julho lipca lipiec июля июль июл",
    "august aug août aout augustus augusti agosto ago sierpnia sierpień августа август авг",
    "september sept sep septembre septiembre settembre set setembro września wrzesień сентября сентябрь сен",
    "october oct octobre oktober okt octubre ottobre ott outubro out października październik октября октябрь окт",
    "november nov novembre noviembre novembro listopada listopad ноября ноябрь ноя",
    "december dec décembre déc dezember dez desember des diciembre dic dicembre dezembro grudnia grudzień декабря декабрь дек",
  ].flatMap((names, month) => names.split(" ").map((name) => [name, month + 1] as const)),
);
const ZONE = String.raw`(?<zone>(?:utc|gmt)?[\-+]\d{2}(?::?\d{2})?|z|utc|gmt|[ecmp][sd]t|ces?t|mes?z)?`;
/** Before and after noon. */
const HALF_DAY = "[上下]午|오[전후]";
const TIME = String.raw`(?:[T,:]?\s*(?<part>${HALF_DAY})?\s*(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?\s*(?<half>[ap])?\.?m?\.?\s*${ZONE}(?:\s*\([^()]*\))?)?`;
const pattern = (date: string): RegExp => new RegExp(`^${date}${TIME}$`, "iu");

const NUMBERS = pattern(String.raw`(\d{1,2})([\-\/.])\s?(\d{1,2})\2\s?(\d{4}|\d{2})`);
const WEEKDAY = String.raw`(?:\p{L}{2,12}\.?,?\s+)?`;
const COMPACT = /^(?<y>(?:19|20)\d{2})(?<m>\d{2})(?<d>\d{2})$/;

/** Forms in which the order is seen, since the year has four digits and is first, or the month has its name; groups `y`, `m`, `d` and the time. */
const CERTAIN: readonly RegExp[] = [
  pattern(String.raw`(?<y>\d{4})(?<s>[\-\/.])(?<m>\d{1,2})\k<s>(?<d>\d{1,2})`),
  COMPACT,
  pattern(String.raw`(?<y>(?:19|20)\d{2})(?<m>\d{2})(?<d>\d{2})`),
  new RegExp(
    String.raw`^(?<y>\d{4})(?<m>\d{2})(?<d>\d{2})T(?<hour>\d{2})(?<minute>\d{2})(?:(?<second>\d{2})(?:\.(?<fraction>\d{1,9}))?)?${ZONE}$`,
    "i",
  ),
  pattern(String.raw`(?<y>\d{4})\s*[年년]\s*(?<m>\d{1,2})\s*[月월]\s*(?<d>\d{1,2})\s*[日일]`),
  pattern(
    String.raw`${WEEKDAY}(?<d>\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\-\s/]*(?:(?:de|of)\s+)?(?<m>\p{L}{3,12})\.?,?[\-\s/]*(?:de\s+)?(?<y>\d{4}|\d{2})`,
  ),
  pattern(String.raw`${WEEKDAY}(?<m>\p{L}{3,12})\.?[\-\s]+(?<d>\d{1,2})(?:st|nd|rd|th)?,?[\-\s]+(?<y>\d{4})`),
  pattern(String.raw`(?<y>\d{4})[\-\s]+(?<m>\p{L}{3,12})\.?[\-\s]+(?<d>\d{1,2})`),
  // Sun Jan 31 10:00:00 UTC 2021
  new RegExp(String.raw`^${WEEKDAY}(?<m>\p{L}{3,12})\s+(?<d>\d{1,2})${TIME}\s+(?<y>\d{4})$`, "iu"),
];

/** Months without a day, of which the first is meant; quarters by their first month. */
const MONTH_ALONE: readonly RegExp[] = [
  /^(?<m>\p{L}{3,12})\.?,?[\s\-/]+(?:de\s+)?(?<y>\d{4})$/u,
  /^(?<y>\d{4})[\s\-/]+(?<m>\p{L}{3,12})\.?$/u,
  /^(?<y>\d{4})-(?<m>\d{2})$/,
  /^(?<m>\d{1,2})\/(?<y>\d{4})$/,
  /^(?<y>\d{4})\s*[年년]\s*(?<m>\d{1,2})\s*[月월]$/,
  /^(?<y>\d{4})[\s\-/]?Q(?<q>[1-4])$/i,
  /^Q(?<q>[1-4])[\s\-/]?(?<y>\d{4})$/i,
  /^(?<y>(?:19|20)\d{2})(?<m>\d{2})$/,
];
const WEEK = /^(?<y>\d{4})-?W(?<w>\d{2})(?:-?(?<d>[1-7]))?$/i;

/**
 * The meaning of dates of two parts in a column: `2011-12` as the year that begins in 2011, `Jan-23` as a month of 2023 or as a day of any year; and of times
 * without a day, `14:05`, which durations may be.
 */
export const SHORT_FORMS = ["year", "month", "day", "time"] as const;
export type ShortForm = (typeof SHORT_FORMS)[number];

/** A season or a fiscal year, which is named by two years or by one. */
const YEARS: readonly RegExp[] = [/^(?:FY\s?)?(?<y>\d{4})\s?[/\-–]\s?(?<z>\d{4}|\d{2})$/i, /^FY[\s-]?['’]?(?<y>\d{4}|\d{2})$/i];
/** A month and a number, which is a day or a year. A small letter behind a blank rather begins a unit. */
const PAIRS: readonly RegExp[] = [
  /^(?<m>\p{L}{3,12})\.?(?:[\s\-/.]\s?['’]?|['’])(?<n>\d{1,2})$/u,
  /^(?<n>\d{1,2})(?:\.?[-/.]|\.? (?=\p{Lu}))(?<m>\p{L}{3,12})\.?$/u,
];

const CLOCK = /^(?<h>\d{1,3}):(?<m>[0-5]\d)(?::(?<s>[0-5]\d(?:[.,]\d{1,9})?))?\s*(?:(?<half>[ap])\.?m\.?)?$/i;

/** Zones that go by their names, by how many hours they are ahead of UTC. */
const ZONES: ReadonlyMap<string, number> = new Map([
  ["est", -5],
  ["edt", -4],
  ["cst", -6],
  ["cdt", -5],
  ["mst", -7],
  ["mdt", -6],
  ["pst", -8],
  ["pdt", -7],
  ["cet", 1],
  ["mez", 1],
  ["cest", 2],
  ["mesz", 2],
]);

/** Two digits stand for a year of 1969 … 2068, as POSIX has it. */
const fullYear = (text: string): number => (text.length > 2 ? Number(text) : Number(text) + (Number(text) < 69 ? 2000 : 1900));

type Groups = Readonly<Record<string, string | undefined>>;

/** Milliseconds since 1970-01-01 UTC, or undefined where there is no such day or hour. */
function instant(year: number, month: number, day: number, time: Groups = {}): number | undefined {
  const { hour: hours, minute: minutes = "0", second: seconds = "0", fraction = "0", zone = "", part } = time;
  const half = part === undefined ? time["half"] : /[下후]/.test(part) ? "p" : "a";
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= last)) return undefined;
  let hour = Number(hours ?? 0);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined;
    hour = (hour % 12) + (half.toLowerCase() === "p" ? 12 : 0);
  }
  if (hour > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const offset = /([-+])(\d{2}):?(\d{2})?$/.exec(zone);
  const named = 60 * (ZONES.get(zone.toLowerCase()) ?? 0);
  const shift = offset === null ? named : Number(`${offset[1]}1`) * (60 * Number(offset[2]) + Number(offset[3] ?? 0));
  const date = new Date(0);
  // `Date.UTC` takes years below 100 for those of the 20th century.
  date.setUTCFullYear(year, month - 1, day);
  return (
    date.getTime() +
    ((hour * 60 + Number(minutes) - shift) * 60 + Number(seconds)) * 1000 +
    Math.floor(Number(`0.${fraction}`) * 1000)
  );
}

/** The number of a month that is given as one or by its name; 0 for what is none. */
const monthOf = (text: string): number => (/^\d/.test(text) ? Number(text) : (MONTHS.get(text.toLowerCase()) ?? 0));

/** The first of a month that is written without a day. */
function monthAlone(text: string): number | undefined {
  for (const form of MONTH_ALONE) {
    const { y = "", m, q } = form.exec(text)?.groups ?? {};
    if (y !== "") return instant(Number(y), m === undefined ? 3 * Number(q) - 2 : monthOf(m), 1);
  }
  return weekDay(text);
}

/** The day of a week of ISO 8601, its Monday where none is named. */
function weekDay(text: string): number | undefined {
  const { y = "", w = "", d = "1" } = WEEK.exec(text)?.groups ?? {};
  // The week of the 4th of January is the first.
  const fourth = instant(Number(y), 1, 4);
  if (y === "" || fourth === undefined || Number(w) < 1 || Number(w) > 53) return undefined;
  const weekday = (new Date(fourth).getUTCDay() + 6) % 7;
  return fourth + (7 * (Number(w) - 1) + Number(d) - 1 - weekday) * 86_400_000;
}

/** Tells whether a text is a month, a quarter or a week, and no day of it. */
export const isMonthAlone = (text: string): boolean => monthAlone(plainDigits(text)) !== undefined;

/** Tells whether digits alone are a month of the last or this century, year first: 202401. */
export const isCompactMonth = (text: string): boolean => /^(?:19|20)\d{4}$/.test(text) && isMonthAlone(text);

/** Tells whether the month stands first in a date of two parts. */
export const beginsWithMonth = (text: string): boolean => /^\p{L}/u.test(text);

/** A time or a duration, from the beginning of 2000 on. */
function readClock(text: string): number | undefined {
  const { h = "", m = "", s = "0", half } = CLOCK.exec(text)?.groups ?? {};
  const hour = half === undefined ? Number(h) : (Number(h) % 12) + (half.toLowerCase() === "p" ? 12 : 0);
  if (h === "" || (half !== undefined && (Number(h) < 1 || Number(h) > 12))) return undefined;
  return Date.UTC(2000, 0, 1) + Math.round(((hour * 60 + Number(m)) * 60 + Number(s.replace(",", "."))) * 1000);
}

/** The first day of what two parts mean; days without a year lie in 2000, which has all of them. Undefined for what is none. */
export function readShort(written: string, form: ShortForm): number | undefined {
  const text = plainDigits(written);
  if (form === "time") return readClock(text);
  if (form === "year") {
    const { y = "", z } = YEARS.map((pattern) => pattern.exec(text)?.groups).find((groups) => groups !== undefined) ?? {};
    const next = String(Number(y) + 1);
    return y === "" || (z !== undefined && z !== next.slice(-z.length)) ? undefined : instant(fullYear(y), 1, 1);
  }
  const { m = "", n = "" } = PAIRS.map((pattern) => pattern.exec(text)?.groups).find((groups) => groups !== undefined) ?? {};
  const month = monthOf(m);
  if (month === 0) return undefined;
  if (form === "day") return instant(2000, month, Number(n));
  return n.length === 2 ? instant(fullYear(n), month, 1) : undefined;
}

/** A date whose order is seen: the year in four digits first, or a month by its name. */
function certainDate(text: string): number | undefined {
  for (const form of CERTAIN) {
    const found = form.exec(text);
    if (found === null) continue;
    const groups: Groups = found.groups ?? {};
    return instant(fullYear(groups["y"] ?? ""), monthOf(groups["m"] ?? ""), Number(groups["d"]), groups);
  }
  return monthAlone(text);
}

/** Tells whether digits alone are a day of the last or this century, year first: 20240131. */
export const isCompactDate = (text: string): boolean => COMPACT.test(text) && certainDate(text) !== undefined;

/**
 * Reads a date in an order that is known, or one whose order is seen; one of two parts in a form that is known. Milliseconds since 1970-01-01 UTC;
 * undefined for what is none.
 */
export function readDate(written: string, order: DateOrder, short?: ShortForm): number | undefined {
  const text = plainDigits(written);
  const parted = short === undefined ? undefined : readShort(text, short);
  if (parted !== undefined) return parted;
  const numbers = NUMBERS.exec(text);
  if (numbers === null) return certainDate(text);
  const [, a = "", , b = "", c = ""] = numbers;
  const time: Groups = numbers.groups ?? {};
  if (order === "dmy") return instant(fullYear(c), Number(b), Number(a), time);
  if (order === "mdy") return instant(fullYear(c), Number(a), Number(b), time);
  return a.length === 2 && c.length === 2 ? instant(fullYear(a), Number(b), Number(c), time) : undefined;
}

/** The orders that a text is a date in; undefined where its order is seen; empty for what is not a date. */
export function possibleOrders(written: string): readonly DateOrder[] | undefined {
  const text = plainDigits(written);
  if (!NUMBERS.test(text)) return certainDate(text) === undefined ? [] : undefined;
  return ORDERS.filter((order) => readDate(text, order) !== undefined);
}
