/**
 * @module Dates as people write them, each read as UTC whatever the time zone of the machine: with the year first, in the three orders of numbers, with
 * names of months.
 */

/** The order of day, month and year in dates of numbers alone. */
export type DateOrder = "dmy" | "mdy" | "ymd";

export const ORDERS: readonly DateOrder[] = ["dmy", "mdy", "ymd"];

/** Names of the orders in messages. */
export const ORDER_NAMES: Readonly<Record<DateOrder, string>> = {
  dmy: "day first",
  mdy: "month first",
  ymd: "year first",
};

/** Names of months, in the languages of Western Europe, and how they are cut short. */
const MONTHS: ReadonlyMap<string, number> = new Map(
  [
    "january jan janvier janv januar jänner januari enero ene gennaio gen janeiro",
    "february feb février févr februar februari febrero febbraio fevereiro fev",
    "march mar mars märz mrz maart mrt marzo março",
    "april apr avril avr abril abr aprile",
    "may mai mei mayo maggio mag maio",
    "june jun juin juni junio giugno giu junho",
    "july jul juillet juil juli julio luglio lug julho",
    "august aug août aout augustus agosto ago",
    "september sept sep septembre septiembre settembre set setembro",
    "october oct octobre oktober okt octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec décembre déc dezember dez diciembre dic dicembre dezembro",
  ].flatMap((names, month) => names.split(" ").map((name) => [name, month + 1] as const)),
);
const TIME = String.raw`(?:[T,]?\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([ap])?\.?m?\.?\s*(z|utc|gmt|[\-+]\d{2}:?\d{2})?)?`;
const pattern = (date: string): RegExp => new RegExp(`^${date}${TIME}$`, "iu");

const YEAR_FIRST = pattern(String.raw`(\d{4})([\-\/.])(\d{1,2})\2(\d{1,2})`);
const NUMBERS = pattern(String.raw`(\d{1,2})([\-\/.])\s?(\d{1,2})\2\s?(\d{4}|\d{2})`);
const WEEKDAY = String.raw`(?:\p{L}{2,10}\.?,?\s+)?`;
const DAY_NAME = pattern(
  String.raw`${WEEKDAY}(\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\-\s]+(?:de\s+)?(\p{L}{3,10})\.?,?[\-\s]+(?:de\s+)?(\d{4}|\d{2})`,
);
const NAME_DAY = pattern(String.raw`${WEEKDAY}(\p{L}{3,10})\.?[\-\s]+(\d{1,2})(?:st|nd|rd|th)?,?[\-\s]+(\d{4})`);
const COMPACT = /^((?:19|20)\d{2})(\d{2})(\d{2})$/;
const EASTERN = pattern(String.raw`(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]`);

/** Two digits stand for a year of 1969 … 2068, as POSIX has it. */
const fullYear = (text: string): number => (text.length > 2 ? Number(text) : Number(text) + (Number(text) < 69 ? 2000 : 1900));

/** Milliseconds since 1970-01-01 UTC, or undefined where there is no such day or hour. */
function instant(year: number, month: number, day: number, time: readonly (string | undefined)[]): number | undefined {
  const [hours, minutes = "0", seconds = "0", fraction = "0", half, zone] = time;
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= last)) return undefined;
  let hour = Number(hours ?? 0);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined;
    hour = (hour % 12) + (half.toLowerCase() === "p" ? 12 : 0);
  }
  if (hour > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const offset = /^([-+])(\d{2}):?(\d{2})$/.exec(zone ?? "");
  const shift = offset === null ? 0 : Number(`${offset[1]}1`) * (60 * Number(offset[2]) + Number(offset[3]));
  const date = new Date(0);
  // `Date.UTC` takes years below 100 for those of the 20th century.
  date.setUTCFullYear(year, month - 1, day);
  return (
    date.getTime() +
    ((hour * 60 + Number(minutes) - shift) * 60 + Number(seconds)) * 1000 +
    Math.floor(Number(`0.${fraction}`) * 1000)
  );
}

const monthNamed = (name: string): number => MONTHS.get(name.toLowerCase()) ?? 0;

/** A date whose order is seen: the year in four digits first, or a month by its name. */
function certainDate(text: string): number | undefined {
  const first = YEAR_FIRST.exec(text);
  if (first !== null) return instant(Number(first[1]), Number(first[3]), Number(first[4]), first.slice(5));
  const compact = COMPACT.exec(text);
  if (compact !== null) return instant(Number(compact[1]), Number(compact[2]), Number(compact[3]), []);
  const eastern = EASTERN.exec(text);
  if (eastern !== null) return instant(Number(eastern[1]), Number(eastern[2]), Number(eastern[3]), eastern.slice(4));
  const named = DAY_NAME.exec(text);
  if (named !== null)
    return instant(fullYear(named[3] as string), monthNamed(named[2] as string), Number(named[1]), named.slice(4));
  const american = NAME_DAY.exec(text);
  if (american !== null)
    return instant(Number(american[3]), monthNamed(american[1] as string), Number(american[2]), american.slice(4));
  return undefined;
}

/** Tells whether digits alone are a day of the last or this century, year first: 20240131. */
export const isCompactDate = (text: string): boolean => COMPACT.test(text) && certainDate(text) !== undefined;

/** Reads a date in an order that is known, or one whose order is seen. Milliseconds since 1970-01-01 UTC; undefined for what is none. */
export function readDate(text: string, order: DateOrder): number | undefined {
  const numbers = NUMBERS.exec(text);
  if (numbers === null) return certainDate(text);
  const [, a = "", , b = "", c = ""] = numbers;
  const time = numbers.slice(5);
  if (order === "dmy") return instant(fullYear(c), Number(b), Number(a), time);
  if (order === "mdy") return instant(fullYear(c), Number(a), Number(b), time);
  return a.length === 2 && c.length === 2 ? instant(fullYear(a), Number(b), Number(c), time) : undefined;
}

/** The orders that a text is a date in; undefined where its order is seen; empty for what is no date. */
export function possibleOrders(text: string): readonly DateOrder[] | undefined {
  if (!NUMBERS.test(text)) return certainDate(text) === undefined ? [] : undefined;
  return ORDERS.filter((order) => readDate(text, order) !== undefined);
}
