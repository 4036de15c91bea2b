/**
 * @module Text for people: how wide it stands in a terminal, cut and padded by that width, tables, and short numbers.
 */
import { printableLine } from "./terminal.js";

// Combining marks, variation selectors, joiners: they take no column of their own.
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
// East Asian Wide and Fullwidth (Unicode UAX #11) as the ranges that terminals agree on, and pictures.
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{17000}-\u{18AFF}\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}\p{Emoji_Presentation}]$/u;
// eslint-disable-next-line no-control-regex -- the escape character is what is looked for
const ESCAPE = /\u001B\[[0-9;]*[A-Za-z]/g;
const ASCII = /^[\u0020-\u007E]*$/;

const widthOf = (character: string): number => (ZERO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1);

/** Columns that a text takes in a terminal: 2 for Chinese characters and pictures, 0 for combining marks and colour codes. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text.replace(ESCAPE, "")) width += widthOf(character);
  return width;
}

/** The text cut to at most `columns`, with `…` where something was cut. Takes plain text, without colour codes. */
export function truncateToWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let width = 0;
  let kept = "";
  for (const character of text) {
    width += widthOf(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : "";
}

/** Padded with spaces to `columns`, on the right side of a label or the left side of a number. */
export function padToWidth(text: string, columns: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, columns - displayWidth(text)));
  return align === "left" ? text + space : space + text;
}

/** Rows as aligned columns under a header and a rule; columns that hold numbers only are set flush right. */
export function formatTable(titles: readonly string[], cells: readonly (readonly string[])[]): string {
  const header = titles.map(printableLine);
  const rows = cells.map((row) => row.map(printableLine));
  const columns = header.map((title, j) => {
    const cells = rows.map((row) => row[j] ?? "");
    const numeric = cells.length > 0 && cells.every((cell) => /^[-–+−×\d.,%\s]*(?:[kMG]i?B?|ms|s)?$/.test(cell));
    return { width: Math.max(...[title, ...cells].map(displayWidth)), align: numeric ? ("right" as const) : ("left" as const) };
  });
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, j) => padToWidth(cells[j] ?? "", column.width, column.align))
      .join("  ")
      .trimEnd();
  return [line(header), columns.map((column) => "─".repeat(column.width)).join("  "), ...rows.map(line)].join("\n");
}

/** Names with commas between them; of more than ten the first nine, and how many there are. */
export const formatNames = (names: readonly string[]): string =>
  names.length <= 10 ? names.join(", ") : `${names.slice(0, 9).join(", ")}, … (${names.length})`;

/** `1234567` → `1,234,567`; the same in every locale. */
export const formatInteger = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");

/** A number with about four significant digits and no noise: `0.4213`, `12.35`, `1,234`, `3.2e-5`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(2).replace("e+", "e");
  if (Number.isInteger(value) || size >= 1000) return formatInteger(value);
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 4);
}

/** `1234567` → `1.23 M`, in steps of a thousand. */
export function formatCount(value: number): string {
  const units = ["", " k", " M", " G", " T", " P"];
  let unit = 0;
  let scaled = value;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? formatInteger(scaled) : scaled.toPrecision(3)}${units[unit]}`;
}

/** Seconds as a clock: `0:07`, `12:05`, `3:04:09`; `–:––` where not known. */
export function formatClock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–:––";
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const two = (n: number): string => String(n).padStart(2, "0");
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A word quoted for a POSIX shell where that is needed. */
export const shellQuote = (word: string): string =>
  /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** A number with so many significant digits, without zeros at its end. */
export const formatSignificant = (value: number, digits = 3): string => String(Number(value.toPrecision(digits)));

/** So many of a thing, by its name: `1 picture`, `3 pictures`. */
export const counted = (count: number, name: string): string => `${count} ${name}${count === 1 ? "" : "s"}`;
