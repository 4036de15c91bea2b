/**
 * @module Class labels as numbers: which classes a column holds, and each row's class as its index.
 */
import type { Column, TensorColumn } from "./dataset.js";
import { isMissing, isText, rowSize } from "./dataset.js";
import { elementAt } from "../graph/index.js";
import { DataError } from "../util/errors.js";

/** One row's label as text: a class name, or the number or boolean as it is written. */
export function labelText(column: Column, i: number): string | null {
  if (isMissing(column, i)) return null;
  if (isText(column)) return column.values[i] ?? null;
  const value = elementAt(column, i);
  if (column.dtype === "bool") return value === 0 ? "false" : "true";
  return column.classes?.[value] ?? String(value);
}

/** The classes of a column, those it names or those it holds: numbers in their order, texts in code point order. */
export function classesOf(column: Column, where: string): string[] {
  if (isText(column)) return [...new Set(column.values.filter((value) => value !== null))].sort();
  if (column.classes !== undefined) return [...column.classes];
  if (rowSize(column) !== 1) throw new DataError(`${where}: expected one label per row, got ${rowSize(column)} numbers`);
  const values = new Set<number>();
  for (let i = 0; i < column.data.length; i++) if (!isMissing(column, i)) values.add(elementAt(column, i));
  const sorted = [...values].sort((a, b) => a - b);
  return column.dtype === "bool" ? sorted.map((value) => (value === 0 ? "false" : "true")) : sorted.map(String);
}

/** Each row's class index, as int32 [N]. DataError, with the row, if a label is missing or not among the classes. */
export function encodeLabels(column: Column, classes: readonly string[], where: string): TensorColumn {
  const index = new Map(classes.map((name, i) => [name, i]));
  const length = isText(column) ? column.values.length : (column.shape[0] as number);
  const data = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const label = labelText(column, i);
    const found = label === null ? undefined : index.get(label);
    if (found === undefined) {
      const known = classes.length <= 10 ? classes.join(", ") : `${classes.slice(0, 9).join(", ")}, … (${classes.length})`;
      throw new DataError(`${where}, row ${i}: expected one of ${known}, got ${label === null ? "no label" : `"${label}"`}`);
    }
    data[i] = found;
  }
  return { dtype: "int32", shape: [length], data, classes };
}

/** Labels that are indices already, checked against their range. DataError, with the row, if one is outside. */
export function checkLabels(column: TensorColumn, classes: readonly string[], where: string): TensorColumn {
  const data = new Int32Array(column.data.length);
  for (let i = 0; i < data.length; i++) {
    const label = elementAt(column, i);
    if (!Number.isInteger(label) || label < 0 || label >= classes.length)
      throw new DataError(`${where}, row ${i}: expected a label in 0 … ${classes.length - 1}, got ${label}`);
    data[i] = label;
  }
  return { dtype: "int32", shape: [data.length], data, classes };
}
