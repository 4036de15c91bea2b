/**
 * @module Detection of a text file's encoding: by its byte order mark, by being valid UTF-8, or by the frequencies of its bytes.
 */
import { ConfigError } from "../../util/errors.js";
import { own } from "../../util/record.js";

const SHOWN: Readonly<Record<string, string>> = {
  "utf-8": "UTF-8",
  "utf-16le": "UTF-16LE",
  "utf-16be": "UTF-16BE",
  "utf-32le": "UTF-32LE",
  "utf-32be": "UTF-32BE",
  gbk: "GBK",
  gb18030: "GB18030",
  big5: "Big5",
  shift_jis: "Shift_JIS",
  "euc-jp": "EUC-JP",
  "euc-kr": "EUC-KR",
  "koi8-r": "KOI8-R",
};

/** An encoding as people write it: `Windows-1252`. */
export const encodingName = (encoding: string): string =>
  own(SHOWN, encoding) ?? encoding.replace(/^windows/, "Windows").replace(/^iso/, "ISO");

/** Names of UTF-32, which `TextDecoder` doesn't know; without an order of bytes the one of nearly all machines. */
const UTF_32: Readonly<Record<string, string>> = {
  "utf-32": "utf-32le",
  utf32: "utf-32le",
  "ucs-4": "utf-32le",
  "utf-32le": "utf-32le",
  "utf-32-le": "utf-32le",
  "utf-32be": "utf-32be",
  "utf-32-be": "utf-32be",
};

/** The name of an encoding as `streamDecoder` knows it. ConfigError, beginning with `where`, for one that it doesn't know. */
export function checkEncoding(name: string, where: string): string {
  const wide = own(UTF_32, name.trim().toLowerCase());
  if (wide !== undefined) return wide;
  try {
    return new TextDecoder(name.trim()).encoding;
  } catch (cause) {
    throw new ConfigError(
      `${where}: expected an encoding such as utf-8, windows-1252, gb18030, shift_jis or utf-16le, got "${name}"`,
      { cause },
    );
  }
}

/** Windows-1252's signs from 0x80 on, which some versions of Node (20, 22, 23) leave as the control characters of Latin-1. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

/** Decodes UTF-32 piece by piece. */
function utf32Decoder(littleEndian: boolean): (bytes: Uint8Array, last: boolean) => string {
  let rest = new Uint8Array(0);
  let begun = false;
  return (bytes, last) => {
    const all = new Uint8Array(rest.length + bytes.length);
    all.set(rest);
    all.set(bytes, rest.length);
    const view = new DataView(all.buffer);
    const whole = all.length - (all.length % 4);
    const pieces: string[] = [];
    for (let at = 0; at < whole; at += 4) {
      const code = view.getUint32(at, littleEndian);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw new TypeError("not UTF-32");
      if (begun || code !== 0xfeff) pieces.push(String.fromCodePoint(code));
      begun = true;
    }
    rest = all.slice(whole);
    if (last && rest.length > 0) throw new TypeError("not UTF-32");
    return pieces.join("");
  };
}

/** Decodes bytes piece by piece; `last` ends them. TypeError if they are not of the encoding. A mark at the beginning is left out. */
export function streamDecoder(encoding: string): (bytes: Uint8Array, last: boolean) => string {
  if (encoding.startsWith("utf-32")) return utf32Decoder(encoding === "utf-32le");
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (bytes: Uint8Array, last: boolean): string => decoder.decode(bytes, { stream: !last });
  if (encoding !== "windows-1252") return decode;
  return (bytes, last) =>
    decode(bytes, last).replaceAll(/[\u0080-\u009f]/g, (sign) => WINDOWS_1252[sign.charCodeAt(0) - 0x80] as string);
}

/** Tells whether bytes are UTF-8 to their end. */
export const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    streamDecoder("utf-8")(bytes, true);
    return true;
  } catch {
    return false;
  }
};

/** The encoding given by a byte order mark, or undefined. */
export function markedEncoding(head: Uint8Array): string | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return "utf-8";
  // UTF-16 has no character of zeros in a text, so what begins like both is the wider one.
  if (head[0] === 0xff && head[1] === 0xfe) return head[2] === 0 && head[3] === 0 ? "utf-32le" : "utf-16le";
  if (head[0] === 0 && head[1] === 0 && head[2] === 0xfe && head[3] === 0xff) return "utf-32be";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  return unmarkedUtf32(head) ?? unmarkedUtf16(head);
}

/** The text of the beginning of a file as its mark says, otherwise as UTF-8; what is cut or damaged is made good. */
export function decodeHead(bytes: Uint8Array): string {
  const encoding = markedEncoding(bytes) ?? "utf-8";
  if (encoding.startsWith("utf-32")) return streamDecoder(encoding)(bytes, false);
  return new TextDecoder(encoding).decode(bytes).replace(/^\uFEFF/, "");
}

/** UTF-32 without a mark: of four bytes a character the two highest are zero, but for rare signs, and the lowest is not. */
function unmarkedUtf32(head: Uint8Array): string | undefined {
  const zeros = [0, 0, 0, 0];
  for (const [i, byte] of head.entries()) if (byte === 0) zeros[i % 4] = (zeros[i % 4] as number) + 1;
  const all = Math.floor(head.length / 4);
  const [a, b, c, d] = zeros as [number, number, number, number];
  const isMost = (count: number): boolean => count >= 0.9 * all;
  if (all < 4) return undefined;
  if (d >= all && isMost(c) && a === 0) return "utf-32le";
  return a >= all && isMost(b) && d === 0 ? "utf-32be" : undefined;
}

/** UTF-16 without a mark: digits, commas and line ends have a zero byte each, on the same side, the line ends too. */
function unmarkedUtf16(head: Uint8Array): string | undefined {
  const zeros = [0, 0];
  for (const [i, byte] of head.entries()) if (byte === 0) zeros[i % 2] = (zeros[i % 2] as number) + 1;
  const [even, odd] = zeros as [number, number];
  const enough = head.length / 20;
  // Zeros within lines of one byte a character are none of an encoding.
  const isLine = (byte: number, i: number): boolean => byte === 10 && head[i - 1] !== 0 && head[i + 1] !== 0;
  if (head.some(isLine) && !head.some((byte, i) => byte === 10 && !isLine(byte, i))) return undefined;
  if (odd > enough && even * 10 < odd) return "utf-16le";
  if (even > enough && odd * 10 < even) return "utf-16be";
  return undefined;
}

/** Measures how far a file's bytes above 127 read as the frequent characters of an encoding with two bytes a character. */
interface DoubleByte {
  readonly encoding: string;
  /** Whether two bytes begin a character of four, as GB 18030 has them. */
  readonly isLonger?: (lead: number, next: number) => boolean;
  /** 1 for a frequent character, 0 for a rare one; undefined for none. */
  readonly weigh: (lead: number, trail: number) => number | undefined;
}

const isLatin = (byte: number): boolean => between(byte | 0x20, 0x61, 0x7a);

const between = (byte: number, low: number, high: number): boolean => byte >= low && byte <= high;

/** A table of 94 × 94, as GB 2312, KS X 1001 and JIS X 0208 have it: leads of frequent characters, and of rare ones. */
const rowsAndCells =
  (isFrequent: (lead: number) => boolean) =>
  (lead: number, trail: number): number | undefined =>
    between(lead, 0xa1, 0xfe) && between(trail, 0xa1, 0xfe) ? Number(isFrequent(lead)) : undefined;

const DOUBLE_BYTES: readonly DoubleByte[] = [
  {
    // Level 1 of GB 2312, and its signs; GBK's and GB 18030's other characters are rare.
    encoding: "gb18030",
    weigh: (lead, trail) =>
      between(lead, 0x81, 0xfe) && between(trail, 0x40, 0xfe)
        ? Number(trail >= 0xa1 && (between(lead, 0xb0, 0xd7) || between(lead, 0xa1, 0xa3)))
        : undefined,
    isLonger: (lead, next) => between(lead, 0x81, 0xfe) && between(next, 0x30, 0x39),
  },
  {
    encoding: "big5",
    weigh: (lead, trail) =>
      between(lead, 0xa1, 0xf9) && (between(trail, 0x40, 0x7e) || between(trail, 0xa1, 0xfe))
        ? Number(between(lead, 0xa4, 0xc6) || lead <= 0xa3)
        : undefined,
  },
  {
    encoding: "shift_jis",
    weigh: (lead, trail) =>
      (between(lead, 0x81, 0x9f) || between(lead, 0xe0, 0xea)) && between(trail, 0x40, 0xfc)
        ? Number(between(lead, 0x81, 0x83) || between(lead, 0x88, 0x97))
        : undefined,
  },
  { encoding: "euc-kr", weigh: rowsAndCells((lead) => between(lead, 0xb0, 0xc8) || lead <= 0xa3) },
  { encoding: "euc-jp", weigh: rowsAndCells((lead) => between(lead, 0xb0, 0xcf) || between(lead, 0xa1, 0xa5)) },
];

/** Distinct pairs that an encoding makes of the bytes, and the share of them that is frequent; undefined where it can't be it. */
function weighPairs({ weigh, isLonger }: DoubleByte, bytes: Uint8Array): { share: number; leads: readonly number[] } | undefined {
  const pairs = new Map<number, number>();
  let [broken, inWords] = [0, 0];
  for (let i = 0; i < bytes.length; i++) {
    const lead = bytes[i] as number;
    if (lead < 0x80) continue;
    // Names have signs of four bytes, which say nothing of how frequent the others are.
    if (isLonger?.(lead, bytes[i + 1] ?? 0) === true && isLonger(bytes[i + 2] ?? 0, bytes[i + 3] ?? 0)) {
      i += 3;
      continue;
    }
    const weight = weigh(lead, bytes[i + 1] ?? 0);
    if (weight === undefined) broken++;
    else {
      const trail = bytes[++i] as number;
      // A letter of its own within a word of Latin ones: Ána, Málaga.
      if (!pairs.has((lead << 8) | trail) && isLatin(trail) && isLatin(bytes[i + 1] ?? 0)) inWords++;
      pairs.set((lead << 8) | trail, weight);
    }
  }
  if (pairs.size === 0 || broken > pairs.size / 50 || inWords > pairs.size / 2) return undefined;
  const frequent = [...pairs.values()].reduce((sum, weight) => sum + weight, 0);
  return { share: frequent / pairs.size, leads: [...pairs.keys()].map((pair) => pair >> 8) };
}

const share = <T>(items: readonly T[], is: (item: T) => boolean): number => items.filter(is).length / Math.max(1, items.length);

/** A Chinese, Japanese or Korean encoding, or undefined where the bytes look like letters of one byte each. */
function doubleByteEncoding(bytes: Uint8Array): string | undefined {
  const weighed = DOUBLE_BYTES.map((candidate) => ({ ...candidate, found: weighPairs(candidate, bytes) }));
  const leadsOf = (name: string): readonly number[] => weighed.find(({ encoding }) => encoding === name)?.found?.leads ?? [];
  const shareOf = (name: string): number => weighed.find(({ encoding }) => encoding === name)?.found?.share ?? 0;
  // The three tables of 94 × 94 overlap: kana fill two rows of the Japanese one, syllables 25 rows of the Korean one.
  if (shareOf("euc-jp") > 0.8 && share(leadsOf("euc-jp"), (lead) => between(lead, 0xa4, 0xa5)) > 0.25) return "euc-jp";
  const korean = leadsOf("euc-kr").filter((lead) => lead > 0xa3);
  if (korean.length >= 8 && share(korean, (lead) => between(lead, 0xb0, 0xc8)) > 0.97) return "euc-kr";
  const likeliest = best(["gb18030", "big5", "shift_jis"], shareOf);
  return shareOf(likeliest) > 0.7 ? likeliest : undefined;
}

/** The single-byte encodings that are distinguished: alphabets of their own, and Latin ones with more letters. */
const ALPHABETS = {
  "windows-1251": "оеаинтсрвлкмдпу",
  "koi8-r": "оеаинтсрвлкмдпу",
  "windows-1253": "αοιετνσηρπκςάόί",
} as const;
const LATIN = ["windows-1252", "windows-1250"] as const;

/** The text that bytes are in an encoding, or "" where they are not of it. */
function decoded(encoding: string, bytes: Uint8Array): string {
  try {
    return streamDecoder(encoding)(bytes, true);
  } catch {
    return "";
  }
}

/** The share of an alphabet's most frequent letters among the signs above 127. */
function weighAlphabet(encoding: keyof typeof ALPHABETS, bytes: Uint8Array): number {
  const signs = Array.from(decoded(encoding, bytes)).filter((sign) => sign > "\u007f");
  return share(signs, (sign) => ALPHABETS[encoding].includes(sign));
}

/** The share of signs above 127 that stand where they may: letters anywhere, others not within a word. */
function weighLatin(encoding: (typeof LATIN)[number], bytes: Uint8Array): number {
  const text = decoded(encoding, bytes);
  const isLetter = (at: number): boolean => /\p{L}/u.test(text[at] ?? "");
  const places = Array.from(text, (_, at) => at).filter((at) => (text[at] as string) > "\u007f");
  return share(
    places,
    (at) => isLetter(at) || (!(isLetter(at - 1) && isLetter(at + 1)) && !/[\u0080-\u009f\ufffd]/.test(text[at] ?? "")),
  );
}

/** The share of bytes above 127 that have another one beside them, and no Latin letter before or behind all of these: nearly all where a word is of such letters alone. */
function inRuns(bytes: Uint8Array): number {
  let [all, alone] = [0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const start = at;
    while ((bytes[at] ?? 0) > 0x7f) at++;
    const length = at - start;
    all += length;
    if (length > 1 && !isLatin(bytes[start - 1] ?? 0) && !isLatin(bytes[at] ?? 0)) alone += length;
  }
  return alone / Math.max(1, all);
}

const best = <T extends string>(names: readonly T[], weigh: (name: T) => number): T =>
  names.map((name) => [name, weigh(name)] as const).reduce((a, b) => (b[1] > a[1] ? b : a))[0];

/**
 * Guesses the encoding of bytes that are not UTF-8: a table of two bytes a character (GB 18030, Big5, Shift_JIS, EUC-KR, EUC-JP) where nearly all pairs
 * are frequent characters of it, and otherwise the alphabet whose letters stand where letters stand, which is Windows-1252 in case of doubt.
 */
export function guessEncoding(bytes: Uint8Array): string {
  const double = doubleByteEncoding(bytes);
  if (double !== undefined) return double;
  return inRuns(bytes) > 0.85
    ? best(Object.keys(ALPHABETS) as (keyof typeof ALPHABETS)[], (name) => weighAlphabet(name, bytes))
    : best(LATIN, (name) => weighLatin(name, bytes));
}

/** Tells whether bytes look like text of the encoding that was guessed for them; a guess of two bytes a character was made by that alone. */
export function resembles(encoding: string, bytes: Uint8Array): boolean {
  const latin = LATIN.find((name) => name === encoding);
  if (latin !== undefined) return weighLatin(latin, bytes) > 0.9;
  return !Object.hasOwn(ALPHABETS, encoding) || weighAlphabet(encoding as keyof typeof ALPHABETS, bytes) > 0.5;
}

/** Bytes that an encoding is guessed from. */
const SAMPLE = 1 << 16;

/** Collects lines with bytes above 127, and counts those that are UTF-8. */
export class Sample {
  readonly #lines: Uint8Array[] = [];
  #size = 0;
  valid = 0;
  invalid = 0;

  add(chunk: Uint8Array): void {
    // The first and the last line of a chunk may be cut.
    for (let start = chunk.indexOf(10) + 1; this.#size < SAMPLE;) {
      const end = chunk.indexOf(10, start);
      if (end < 0) break;
      const line = chunk.subarray(start, end);
      start = end + 1;
      if (!line.some((byte) => byte > 0x7f)) continue;
      this.#lines.push(line.slice());
      this.#size += line.length;
      if (isUtf8(line)) this.valid++;
      else this.invalid++;
    }
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.#size + this.#lines.length);
    let at = 0;
    for (const line of this.#lines) {
      all.set(line, at);
      all[at + line.length] = 10;
      at += line.length + 1;
    }
    return all;
  }
}

/** A first chunk whose first line is whole, and the last as well where there is but one chunk. */
export function withBreak(chunk: Uint8Array): Uint8Array {
  const framed = new Uint8Array(chunk.length + 2);
  framed[0] = 10;
  framed.set(chunk, 1);
  framed[framed.length - 1] = 10;
  return framed;
}
