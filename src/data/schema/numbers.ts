/**
 * @module Numbers as people write them: decimal points and commas, groups of thousands, currency and percent signs.
 */

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
}

const CODES =
  "USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|BRL|MXN|ZAR|KRW|SGD|HKD|TWD|TRY|THB|US\\$|R\\$|A\\$|C\\$|HK\\$|NT\\$|kr\\.?|zł|Kč|Ft|Fr\\.?|руб\\.?|元|円|원|Rs\\.?";
const CURRENCY = `(?:${CODES}|\\p{Sc})`;
const BEFORE = new RegExp(`^([-+−]?)\\s*(${CURRENCY})\\s*(.*)$`, "u");
const BEHIND = new RegExp(`^(.*?\\d[.,]?)\\s*(${CURRENCY})$`, "u");

/** Blanks and apostrophes, which separate groups of digits under any decimal sign. */
const NEUTRAL = " \\u00a0\\u2009\\u202f'’";

const grouped = (separators: string, decimal: string): RegExp =>
  new RegExp(`^[1-9]\\d{0,2}(?:([${separators}])(?:\\d{2,3}\\1)*\\d{3})(?:${decimal}\\d*)?$`, "u");
const PATTERNS: Readonly<Record<Decimal, { readonly plain: RegExp; readonly grouped: RegExp }>> = {
  ".": { plain: /^(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/, grouped: grouped(`,${NEUTRAL}`, "\\.") },
  ",": { plain: /^(?:\d+,?\d*|,\d+)(?:[eE][-+]?\d+)?$/, grouped: grouped(`.${NEUTRAL}`, ",") },
};

/** Takes off sign, currency and percent sign; parentheses mean below zero, as accountants write it. */
export function coreOf(text: string): Core {
  let rest = /\P{ASCII}/u.test(text) ? text.normalize("NFKC").trim() : text.trim();
  let negative = false;
  if (/^\(.*\)$/.test(rest)) [rest, negative] = [rest.slice(1, -1).trim(), true];
  let currency: string | undefined;
  const before = BEFORE.exec(rest);
  const behind = before === null ? BEHIND.exec(rest) : null;
  if (before !== null) [rest, currency] = [`${before[1]}${before[3]}`, before[2]];
  if (behind !== null) [rest, currency] = [behind[1] as string, behind[2]];
  const percent = /\d\s*%$/.test(rest) || /[.,]\s*%$/.test(rest);
  if (percent) rest = rest.replace(/\s*%$/, "");
  const sign = /^[-+−]\s*(?=[\d.,])/.exec(rest);
  if (sign !== null) {
    rest = rest.slice(sign[0].length);
    if (!sign[0].startsWith("+")) negative = !negative;
  }
  return { digits: rest, negative, percent, ...(currency === undefined ? {} : { currency }) };
}

/** The number that digits are under a convention, or undefined. */
export function readDigits({ digits, negative }: Core, decimal: Decimal): WrittenNumber | undefined {
  const { plain, grouped: inGroups } = PATTERNS[decimal];
  const isGrouped = inGroups.test(digits);
  if (!isGrouped && !plain.test(digits)) return undefined;
  const bare = isGrouped ? digits.replaceAll(decimal === "." ? /[^\d.]/g : /[^\d,]/g, "") : digits;
  const value = Number(bare.replace(",", "."));
  return { value: negative ? -value : value, grouped: isGrouped };
}

/** A number in the usual form of programs, which needs no convention. */
export const PLAIN = /^-?\d+(?:\.\d+)?$/;

export const INFINITE = /^[-+−]?(?:inf|infinity|∞)$/i;

/** Reads a number; percent signs only where `percent` says so. Undefined for what is none. */
export function readNumber(
  text: string,
  format: { readonly decimal: Decimal; readonly percent?: boolean | undefined },
): number | undefined {
  if (format.decimal === "." && PLAIN.test(text)) return Number(text);
  const core = coreOf(text);
  if (core.percent && format.percent !== true) return undefined;
  return readDigits(core, format.decimal)?.value;
}
