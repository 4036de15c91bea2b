/**
 * @module Class labels as numbers: which classes a column holds, and each row's class as its index.
 */
import type { Column, TensorColumn } from "./column.js";
import { exampleAt, isMissing, isText, placeAt, rowSize } from "./column.js";
import type { TensorData } from "../graph/index.js";
import { elementAt } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { formatNames } from "../util/text.js";

/** Milliseconds since 1970-01-01 UTC as a day, and a time where it is not midnight. */
const dayText = (time: number): string => new Date(time).toISOString().replace(/T00:00:00\.000Z$|\.000Z$/, "");

/** A value of a column without texts and named classes, as a label. */
function plainLabel({ dtype, unit }: TensorColumn, value: number): string {
  if (dtype === "bool") return value === 0 ? "false" : "true";
  return unit === "date" && Number.isFinite(value) ? dayText(value) : String(value);
}

/** One row's label as text: a class name, the day of a date, or the number or boolean as it is written. */
export function labelText(column: Column, i: number): string | null {
  if (isMissing(column, i)) return null;
  if (isText(column)) return column.values[i] ?? null;
  const value = elementAt(column, i);
  return column.classes === undefined ? plainLabel(column, value) : (column.classes[value] ?? String(value));
}

/** One row's value as a person would write it: a date as a date, a number without the noise of its last digits; null if missing. */
export function valueText(column: Column, i: number): string | null {
  const label = labelText(column, i);
  if (label === null || isText(column) || column.dtype === "bool" || column.classes !== undefined) return label;
  const value = elementAt(column, i);
  if (!Number.isFinite(value)) return null;
  if (column.unit === "date") return label;
  return String(Number(value.toPrecision(7)));
}

/**
 * The classes of a column, those it names or those it holds: numbers in their order, texts in code point order. DataError for columns of several values
 * a row.
 */
export function classesOf(column: Column, where: string): string[] {
  if (isText(column)) return [...new Set(column.values.filter((value) => value !== null))].sort();
  if (column.classes !== undefined) return [...column.classes];
  if (rowSize(column) !== 1) throw new DataError(`${where}: expected one label per row, got ${rowSize(column)} numbers`);
  const values = new Set<number>();
  for (let i = 0; i < column.data.length; i++) if (!isMissing(column, i)) values.add(elementAt(column, i));
  return [...values].sort((a, b) => a - b).map((value) => plainLabel(column, value));
}

/** Each row's class index, as int32 [N]. DataError, with the example, if a label is missing or not among the classes. */
export function encodeLabels(column: Column, classes: readonly string[], where: string): TensorColumn {
  // Runs of before words for yes and no were kept have classes called false and true.
  const isPlain = !isText(column) && column.dtype === "bool" && classes.join() === "false,true";
  const index = new Map((isPlain ? (column.classes ?? classes) : classes).map((name, i) => [name, i]));
  const length = isText(column) ? column.values.length : (column.shape[0] as number);
  const data = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const label = labelText(column, i);
    const found = label === null ? undefined : index.get(label);
    if (found === undefined) {
      const known = formatNames(classes);
      throw new DataError(
        `${where}, ${placeAt(column, i)}: expected one of ${known}, got ${label === null ? "no label" : `"${label}"`}`,
      );
    }
    data[i] = found;
  }
  return { dtype: "int32", shape: [length], data, classes };
}

/** Refuses a label that is not a class index and not the ignored one. DataError, with the example. Any shape with the examples along axis 0. */
export function checkLabelRange(labels: TensorData, classes: number, where: string, ignored?: number): void {
  for (let i = 0; i < labels.data.length; i++) {
    const label = elementAt(labels, i);
    if ((!Number.isInteger(label) || label < 0 || label >= classes) && label !== ignored)
      throw new DataError(`${where}, ${exampleAt(i)}: expected a label in 0 … ${classes - 1}, got ${label}`);
  }
}

/** Labels that are indices already, checked against their range. DataError, with the example, if one is outside. */
export function checkLabels(column: TensorColumn, classes: readonly string[], where: string): TensorColumn {
  checkLabelRange(column, classes.length, where);
  return { dtype: "int32", shape: [column.data.length], data: Int32Array.from(column.data, Number), classes };
}

/**
 * Refuses a class that no example has between classes that have some: in numbered labels it is the trace of one wrong label far
 * above the others. Numbers may begin at 1.
 * Labels have shape [N].
 */
export function refuseGaps(classes: readonly string[], labels: readonly TensorData[], where: string): void {
  const used = new Set(labels.flatMap((part) => Array.from(part.data, Number)));
  const first = Math.min(...used);
  const empty = classes.filter((_, k) => k > first && !used.has(k));
  if (empty.length === 0) return;
  const named = empty.length > 5 ? `${empty.slice(0, 5).join(", ")}, … (${empty.length} classes)` : empty.join(", ");
  throw new DataError(
    `${where}: expected examples of every class from ${classes[first]} to ${classes.at(-1)}, got none of ${named}; is a label out of range?`,
  );
}

/**
 * Several labels in one cell: a JSON list (`["a", "b"]`, as JSON lines have it), or names with a separator between them. An empty
 * cell has none.
 */
export function labelSets(column: Column, separator = ";"): string[][] {
  const length = isText(column) ? column.values.length : (column.shape[0] as number);
  return Array.from({ length }, (_, i) => {
    const cell = labelText(column, i)?.trim() ?? "";
    if (!cell.startsWith("[")) {
      const names = cell.split(separator).map((name) => name.trim());
      return names.filter((name) => name !== "");
    }
    try {
      const list: unknown = JSON.parse(cell);
      return Array.isArray(list) ? list.map(String) : [cell];
    } catch {
      // A label that begins with a bracket.
      return [cell];
    }
  });
}

/**
 * Encodes the classes of each row as float32 [N, K] of 0 and 1: targets of a binary cross-entropy. DataError, with the row as
 * `at` names it, if a label is not among the classes.
 */
export function encodeLabelSets(
  sets: readonly (readonly string[])[],
  classes: readonly string[],
  where: string,
  at: (i: number) => string = exampleAt,
): TensorColumn {
  const index = new Map(classes.map((name, i) => [name, i]));
  const data = new Float32Array(sets.length * classes.length);
  for (const [i, labels] of sets.entries())
    for (const label of labels) {
      const found = index.get(label);
      if (found === undefined)
        throw new DataError(`${where}, ${at(i)}: expected labels among ${classes.slice(0, 10).join(", ")}, got "${label}"`);
      data[i * classes.length + found] = 1;
    }
  return { dtype: "float32", shape: [sets.length, classes.length], data, classes };
}
