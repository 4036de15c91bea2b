/**
 * @module Marks of missing values: what stands in a cell that has no value.
 */

/** Marks that mean "no value" in any column that is not running text, as pandas, R, spreadsheets and databases write them. */
const ANYWHERE = new Set([
  "",
  "NA",
  "N/A",
  "n/a",
  "#N/A",
  "#N/D",
  "#NV",
  "NaN",
  "nan",
  "-nan",
  "NULL",
  "Null",
  "null",
  "<NA>",
  "\\N",
  "NaT",
  "(null)",
]);
/** Errors of spreadsheets in any language, such as #DIV/0!, #WERT! and #¿NOMBRE?, and what C printed for no number on Windows. */
const FAULT = /^(?:#[¡¿]?[\p{Lu}\d/]{2,12}[!?]|-?1\.#(?:IND|QNAN|SNAN)0*)$/u;

/** Marks besides, in a column of categories: UCI's data sets have them. */
const CATEGORY_MARKS = new Set(["?", "??"]);

/** Words and signs besides, which can mean nothing else in a column of numbers or dates. */
const NUMBER_MARKS = new Set(
  "? ?? 0000-00-00 00/00/0000 00.00.0000 - -- --- – — . .. ... … * ** / none nil missing unknown undefined blank empty n.a. n.a na n.d. nd k.a. - . 缺失 无 未知 暂无 不详 なし 不明 없음".split(
    " ",
  ),
).add("0000-00-00 00:00:00");

/** The kind of column that decides what missing values look like: running text, categories, numbers and dates. */
export type MarkPlace = "text" | "category" | "number";

/** Tells whether a trimmed text means "no value". Where the user names the marks, only those and nothing at all do. */
export function isMark(text: string, place: MarkPlace, given?: readonly string[]): boolean {
  if (text === "") return true;
  if (given !== undefined) return given.includes(text);
  if (ANYWHERE.has(text) || (text.includes("#") && FAULT.test(text))) return true;
  if (place === "category") return CATEGORY_MARKS.has(text);
  return place === "number" && NUMBER_MARKS.has(text.toLowerCase());
}
