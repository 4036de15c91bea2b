/**
 * @module Personal data in texts: e-mail addresses, telephone numbers, identity, card and bank account numbers, the latter three only where their checksums
 * are right. Found by their form: names and addresses of people are not.
 */

export const PERSONAL_KINDS = ["email", "phone", "resident-id", "card", "iban", "ssn", "ip"] as const;
export type PersonalKind = (typeof PERSONAL_KINDS)[number];

/** A place in a text. */
export interface PersonalDatum {
  readonly kind: PersonalKind;
  /** UTF-16 units of the text. */
  readonly start: number;
  readonly end: number;
}

/** Luhn's checksum (ISO/IEC 7812-1): every second digit from the right doubled, the sum of digits a multiple of 10. */
export function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Remainders of 11, as the last sign of a resident identity number writes them. */
const RESIDENT_SIGNS = "10X98765432";

/** A Chinese resident identity number of 18 signs (GB 11643-1999): region, day of birth, and the checksum of ISO 7064 MOD 11-2. */
export function isResidentId(text: string): boolean {
  const match = /^[1-8]\d{5}((?:18|19|20)\d\d)(\d\d)(\d\d)\d{3}[\dXx]$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return false;
  let sum = 0;
  for (let i = 0; i < 17; i++) sum += (text.charCodeAt(i) - 48) * (2 ** (17 - i) % 11);
  return RESIDENT_SIGNS[sum % 11] === text[17]?.toUpperCase();
}

/** An international bank account number (ISO 13616): the number that its letters and digits make is 1 modulo 97. */
export function isIban(text: string): boolean {
  const plain = text.replaceAll(/\s/g, "").toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(plain)) return false;
  let remainder = 0;
  for (const sign of plain.slice(4) + plain.slice(0, 4)) {
    const value = parseInt(sign, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

const digitsOf = (text: string): string => text.replaceAll(/\D/g, "");

/** A card number: 13 to 19 digits that begin as a network's, with Luhn's checksum, not all equal. */
function isCard(text: string): boolean {
  const digits = digitsOf(text);
  return digits.length >= 13 && digits.length <= 19 && /^[2-6]/.test(digits) && !/^(\d)\1+$/.test(digits) && isLuhn(digits);
}

/** A telephone number: a mobile one of mainland China, or 7 to 15 digits written as such (ITU-T E.164), not a date or a plain number. */
function isPhone(text: string): boolean {
  const digits = digitsOf(text);
  if (/^(86)?1[3-9]\d{9}$/.test(digits)) return true;
  if (digits.length < 8 || digits.length > 15) return false;
  if (/^\d{4}[-./]\d{1,2}[-./]\d{1,2}$|^\d{1,2}[-./]\d{1,2}[-./]\d{4}$/.test(text.trim())) return false;
  // With a plus, or an area in brackets or before a blank or a dash.
  return text.startsWith("+") || /^\(?0\d{1,4}\)?[ -]?\d/.test(text) || /^\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}$/.test(text);
}

const isSsn = (text: string): boolean => !/^(000|666|9)|-00-|-0000$/.test(text);
/** An IPv6 address (RFC 4291) of three groups and more: `a::b` is rather a name in a program. */
const isIp6 = (text: string): boolean =>
  text.split(":").filter((group) => group !== "").length >= 3 && URL.canParse(`http://[${text}]/`);
const isIp = (text: string): boolean => text.split(".").every((part) => Number(part) <= 255) && !/^(0|127|255)\./.test(text);

interface Pattern {
  readonly kind: PersonalKind;
  readonly pattern: RegExp;
  readonly holds: (text: string) => boolean;
}

/** In the order in which they are looked for: a place that one has taken, no later one takes. */
const PATTERNS: readonly Pattern[] = [
  {
    kind: "email",
    pattern:
      /(?<![\w.%+-])[A-Za-z0-9][\w.%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![\w-])/g,
    holds: () => true,
  },
  { kind: "resident-id", pattern: /(?<![\dA-Za-z])[1-8]\d{16}[\dXx](?![\dA-Za-z])/g, holds: isResidentId },
  {
    kind: "iban",
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])/g,
    holds: isIban,
  },
  { kind: "card", pattern: /(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-])/g, holds: isCard },
  { kind: "ssn", pattern: /(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])/g, holds: isSsn },
  { kind: "ip", pattern: /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/g, holds: isIp },
  { kind: "ip", pattern: /(?<![\w:.])(?:[\dA-Fa-f]{0,4}:){2,7}(?:[\dA-Fa-f]{1,4}|(?<=::))(?!\w)/g, holds: isIp6 },
  { kind: "phone", pattern: /(?<![\w.,/-])(?:\+|\(0?\d|\d)[\d() .-]{6,20}\d(?![\w/])/g, holds: isPhone },
];

/** A text with the full-width digits and letters of East Asian keyboards as usual ones, each at its place. */
const halfWidth = (text: string): string =>
  text.replaceAll(/[\uff01-\uff5e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0xfee0));

/** The personal data in a text, in order. Cost: linear in its length. */
export function personalData(given: string): PersonalDatum[] {
  const text = halfWidth(given);
  // All kinds but e-mail need digits.
  const hasDigits = /\d/.test(text);
  const hasAt = text.includes("@");
  if (!hasDigits && !hasAt) return [];
  const found: PersonalDatum[] = [];
  for (const { kind, pattern, holds } of PATTERNS) {
    if (kind === "email" ? !hasAt : !hasDigits) continue;
    for (const match of text.matchAll(pattern)) {
      const [start, end] = [match.index, match.index + match[0].length];
      if (found.some((other) => start < other.end && end > other.start) || !holds(match[0])) continue;
      found.push({ kind, start, end });
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** A text with its personal data replaced by their kinds: `[email]`. */
export function maskPersonalData(text: string, found: readonly PersonalDatum[] = personalData(text)): string {
  let masked = "";
  let at = 0;
  for (const { kind, start, end } of found) {
    masked += `${text.slice(at, start)}[${kind}]`;
    at = end;
  }
  return masked + text.slice(at);
}

/** Traces of a text that was decoded by the wrong encoding: UTF-8 read as Windows-1252 or GBK, and signs that stand for what could not be read. */
const MOJIBAKE =
  /[ÂÃ][\u0080-\u00bf]|â€[\u0090-\u00bf™œžš˜“”¢¦]|ï¿½|\ufffd|锟斤拷|烫烫烫|[äåæçèé][\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œ][\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œ]/;

export const isMojibake = (text: string): boolean => MOJIBAKE.test(text);
