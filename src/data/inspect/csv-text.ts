/**
 * @module Rows as the text of a CSV file that spreadsheets and engines read back: UTF-8, every value in quotes, nothing where one is missing.
 */
import type { Column } from "../column.js";
import { isText, rowSize } from "../column.js";
import type { Dataset } from "../dataset.js";
import { valueText } from "../labels.js";
import { elementAt } from "../../graph/index.js";

/** A value in quotes. */
export const quoteField = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** Signs that make a cell a formula in a spreadsheet (OWASP, "CSV Injection"). */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * A value that no spreadsheet runs: one that begins as a formula gets an apostrophe before it, as spreadsheets mark text. A number, which may begin with a
 * minus, stays as it is.
 */
export const neutralized = (text: string): string =>
  FORMULA.test(text) && (text.trim() === "" || !Number.isFinite(Number(text))) ? `'${text}` : text;

/** The value before `neutralized`. */
export const restored = (text: string): string => (/^'[=+\-@\t\r]/.test(text) ? text.slice(1) : text);

/** One row's value: a text, a number as it is written, a list of numbers as JSON; null if it is missing. */
export function fieldText(column: Column, i: number): string | null {
  const size = isText(column) ? 1 : rowSize(column);
  if (isText(column) || size === 1) return valueText(column, i);
  if (column.missing?.[i] === 1) return null;
  return JSON.stringify(Array.from({ length: size }, (_, k) => elementAt(column, i * size + k)));
}

/** The lines of a CSV: a header, and a line for each row. */
export function* csvLines(rows: Dataset, header = true): Generator<string> {
  if (header) yield `${rows.names.map(quoteField).join(",")}\n`;
  const columns = rows.entries().map(([, column]) => column);
  for (let i = 0; i < rows.length; i++) {
    const fields = columns.map((column) => {
      const value = fieldText(column, i);
      return value === null ? "" : quoteField(value);
    });
    yield `${fields.join(",")}\n`;
  }
}
