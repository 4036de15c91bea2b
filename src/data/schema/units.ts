/**
 * @module Units and multipliers behind numbers, as people write them: `70 kg`, `12 cm`, `1.2k`, `3.5 M`.
 */

/** Powers of ten that a sign or a word stands for. Some signs are units as well, and multiply only right behind the digits: `300 K` is a temperature. */
const POWERS: ReadonlyMap<string, number> = new Map([
  ["k", 3],
  ["K", 3],
  ["M", 6],
  ["B", 9],
  ["T", 12],
  ["mn", 6],
  ["bn", 9],
  ["tn", 12],
  ["thousand", 3],
  ["million", 6],
  ["billion", 9],
  ["trillion", 12],
  ["tsd", 3],
  ["mio", 6],
  ["mrd", 9],
  ["mln", 6],
  ["mld", 9],
  ["千", 3],
  ["万", 4],
  ["萬", 4],
  ["亿", 8],
  ["億", 8],
]);
/** Multipliers that are units too where a blank stands before them: kelvin, bytes, tesla. */
const UNITS_APART = new Set(["K", "B", "T"]);

/** The signs and words of multipliers, as a pattern. */
export const MULTIPLIERS = [...POWERS.keys()].sort((a, b) => b.length - a.length).join("|");

/** A unit, never right behind a point, as in `12.jpg`: letters, degrees and marks of minutes, then perhaps powers, what it is per, and a second word. Hexadecimal numbers have none. */
const UNIT =
  /^(?!0x)(.*?\d(?:[.,](?=\s))?)(\s*)(\/?[\p{L}°′″'"µΩ‰][\p{L}°²³^/·]{0,14}(?:(?<=m)[23])?(?: [\p{L}²³]{1,10})?)\.?$/iu;

/** A number's digits, and the unit or multiplier behind them. */
export interface Behind {
  readonly digits: string;
  /** The power of ten that a multiplier stands for. */
  readonly power?: number;
  readonly unit?: string;
}

/** Words of several letters are one unit in the plural and in capitals, but `mW` and `MW` are two. */
export function sameUnit(a: string, b: string): boolean {
  if (a === b) return true;
  const [first, second] = [a, b].map((unit) => unit.replace(/(?<=\p{L}{2})s$/u, "")) as [string, string];
  if (first === second) return true;
  const isMilli = /^m/i.test(first) && first[0] !== second[0];
  return first.length > 1 && !isMilli && first.toLowerCase() === second.toLowerCase();
}

/** Takes a unit or multiplier off a number, or nothing where there is none. */
export function unitBehind(text: string): Behind {
  const ranked = /^(\d+)(?:st|nd|rd|th)$/i.exec(text);
  if (ranked !== null) return { digits: ranked[1] as string };
  const found = UNIT.exec(text);
  if (found === null) return { digits: text };
  const [, digits = "", blank, written = ""] = found;
  const isApart = blank !== "" && UNITS_APART.has(written);
  const power = isApart
    ? undefined
    : (POWERS.get(written) ?? (written.length > 1 ? POWERS.get(written.toLowerCase().replace(/s$/, "")) : undefined));
  return power === undefined ? { digits, unit: written } : { digits, power };
}
