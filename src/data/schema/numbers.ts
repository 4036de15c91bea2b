/**
 * @module Numbers as people write them: decimal points and commas, groups of thousands, currency and percent signs, units and multipliers.
 */
import { MULTIPLIERS, sameUnit, unitBehind } from "./units.js";

/** The sign before decimals. */
export type Decimal = "." | ",";

/** A number as one convention reads it, and what was written around it. */
export interface WrittenNumber {
  readonly value: number;
  /** Whether digits stand in groups. */
  readonly grouped: boolean;
}

/** A text without what is written around a number. */
export interface Core {
  readonly digits: string;
  readonly negative: boolean;
  readonly currency?: string;
  readonly percent: boolean;
  /** The unit behind it, or the power of ten that a multiplier stands for. */
  readonly unit?: string;
  readonly power?: number;
}

const CODES =
  "USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|BRL|MXN|ZAR|KRW|SGD|HKD|TWD|TRY|THB|US\\$|R\\$|A\\$|C\\$|HK\\$|NT\\$|kr\\.?|zł|Kč|Ft|Fr\\.?|руб\\.?|元|円|원|Rs\\.?";
const CURRENCY = `(?:${CODES}|\\p{Sc})`;
const BEFORE = new RegExp(`^([-+−]?)\\s*(${CURRENCY})\\s*(.*)$`, "u");
const BEHIND = new RegExp(`^(.*?\\d[.,]?(?:\\s*(?:${MULTIPLIERS}))?)\\s*(${CURRENCY})$`, "u");

/** The code points of other scripts' zeros, in whose order their digits stand. */
const ZEROS = Array.from("٠۰०০੦૦୦௦౦೦൦๐໐", (zero) => zero.charCodeAt(0));

/** A text with its digits, and the signs among them, as they are in ASCII: those of other scripts, and such as are as wide as ideographs. */
export function plainDigits(text: string): string {
  if (!/\P{ASCII}/u.test(text)) return text;
  return text
    .replaceAll(/(?<=\d)(?=[¼-¾⅐-⅞])/gu, " ")
    .normalize("NFKC")
    .replaceAll("\u2044", "/")
    .replaceAll(/\p{Nd}/gu, (digit) => {
      const code = digit.codePointAt(0) as number;
      const zero = ZEROS.find((first) => code >= first && code < first + 10);
      return zero === undefined ? digit : String(code - zero);
    })
    .replaceAll("٫", ".")
    .replaceAll("٬", ",");
}

const RAISED = /\d[\u00b2\u00b3\u00b9\u2070-\u209f]/;

/** Blanks and apostrophes, which separate groups of digits under any decimal sign. */
const NEUTRAL = " \\u00a0\\u2009\\u202f'’";

const grouped = (separators: string, decimal: string): RegExp =>
  new RegExp(`^[1-9]\\d{0,2}(?:([${separators}])(?:\\d{2,3}\\1)*\\d{3})(?:${decimal}\\d*)?$`, "u");
const PATTERNS: Readonly<Record<Decimal, { readonly plain: RegExp; readonly grouped: RegExp }>> = {
  ".": { plain: /^(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/, grouped: grouped(`,${NEUTRAL}`, "\\.") },
  ",": { plain: /^(?:\d+,?\d*|,\d+)(?:[eE][-+]?\d+)?$/, grouped: grouped(`.${NEUTRAL}`, ",") },
};

/** Takes off sign, currency, percent sign and unit; parentheses mean below zero, as accountants write it. */
export function coreOf(text: string): Core {
  // A small digit is a power, or points to a footnote: 10² is not 102.
  if (RAISED.test(text)) return { digits: text, negative: false, percent: false };
  let rest = plainDigits(text).trim();
  // Spreadsheets take a number behind an apostrophe, or out of a formula, for a text.
  rest = rest.replace(/^'(?=[-+.(]?\d)/, "").replace(/^="(.*)"$/, "$1");
  let negative = false;
  // Amounts without smaller coins: 50,– and Rs 50/-.
  rest = rest.replace(/(?<=\d)(?:\/-|[.,][-–—]{1,2})(?=\s*\D{0,4}$)/, "");
  const unwrap = (): void => {
    if (/^\(.*\)$/.test(rest)) [rest, negative] = [rest.slice(1, -1).trim(), true];
  };
  unwrap();
  let currency: string | undefined;
  const before = BEFORE.exec(rest);
  const behind = before === null ? BEHIND.exec(rest) : null;
  if (before !== null) [rest, currency] = [`${before[1]}${before[3]}`, before[2]];
  if (behind !== null) [rest, currency] = [behind[1] as string, behind[2]];
  if (currency !== undefined) unwrap();
  // Accounts have a dash for a sum of 0.
  if (before !== null && /^[-–—]$/.test(rest)) rest = "0";
  const percent = /\d\s*%$/.test(rest) || /[.,]\s*%$/.test(rest);
  if (percent) rest = rest.replace(/\s*%$/, "");
  // Some accounting systems write the sign of what is below zero behind it.
  if (/\d[-−]$/.test(rest)) rest = `-${rest.slice(0, -1)}`;
  const sign = /^[-+−]\s*(?=[\d.,])/.exec(rest);
  if (sign !== null) {
    rest = rest.slice(sign[0].length);
    if (!sign[0].startsWith("+")) negative = !negative;
  }
  return { ...unitBehind(rest), negative, percent, currency };
}

/** The number that digits are under a convention, or undefined. */
export function readDigits({ digits, negative, power }: Core, decimal: Decimal): WrittenNumber | undefined {
  const { plain, grouped: inGroups } = PATTERNS[decimal];
  const isGrouped = inGroups.test(digits);
  if (!isGrouped && !plain.test(digits)) return undefined;
  const bare = isGrouped ? digits.replaceAll(decimal === "." ? /[^\d.]/g : /[^\d,]/g, "") : digits;
  // The power goes into the text: 3.3 times a million is not 3,300,000 in binary.
  const value = Number(`${bare.replace(",", ".")}${power === undefined ? "" : `e${power}`}`);
  if (Number.isNaN(value)) return undefined;
  return { value: negative ? -value : value, grouped: isGrouped };
}

/** A fraction, maybe behind a whole number, as measures in inches and recipes have it: `1 1/2`, `3-3/8`, `3/4`. */
const FRACTION = /^(?:(\d{1,6})[ -])?(\d{1,4})\/(\d{1,4})$/;

/** The number that a fraction is, and whether a whole number stands before it; undefined for what is none, and for one of 1 or more. */
export function readFraction({ digits, negative }: Core): { readonly value: number; readonly mixed: boolean } | undefined {
  const found = FRACTION.exec(digits);
  if (found === null) return undefined;
  const [whole, above, below] = [Number(found[1] ?? 0), Number(found[2]), Number(found[3])];
  if (above === 0 || above >= below) return undefined;
  const value = whole + above / below;
  return { value: negative ? -value : value, mixed: found[1] !== undefined };
}

/** A number in the usual form of programs, which needs no convention. */
export const PLAIN = /^-?\d+(?:\.\d+)?$/;

export const INFINITE = /^[-+−]?(?:inf|infinity|∞|1\.#inf0*)$/i;

/** Signs that may be written around the numbers of a column. */
export interface NumberFormat {
  readonly decimal: Decimal;
  readonly percent?: boolean | undefined;
  /** The one unit that may stand behind numbers. */
  readonly unit?: string | undefined;
  readonly multipliers?: boolean | undefined;
  readonly fractions?: boolean | undefined;
}

/** Reads a number; percent signs, a unit, multipliers and fractions only where the format has them. Undefined for what is none. */
export function readNumber(text: string, format: NumberFormat): number | undefined {
  if (format.decimal === "." && PLAIN.test(text)) return Number(text);
  const core = coreOf(text);
  if (core.percent && format.percent !== true) return undefined;
  if (core.power !== undefined && format.multipliers !== true) return undefined;
  if (core.unit !== undefined && (format.unit === undefined || !sameUnit(core.unit, format.unit))) return undefined;
  return (readDigits(core, format.decimal) ?? (format.fractions === true ? readFraction(core) : undefined))?.value;
}
