/**
 * @module Columns of a table that a model must not learn from: running numbers, and those that give the target away.
 */
import type { Column } from "./column.js";
import { isText } from "./column.js";
import { labelText } from "./labels.js";
import { measureScale, numberAt } from "./tabular-features.js";

/** Tells whether a column numbers the rows: it says nothing about them, but can be memorized. */
export function looksLikeId(name: string, column: Column): boolean {
  if (isText(column) || column.shape.length > 1 || !/^(id|.*[_ ]id|index|row|rownum|unnamed.*|passengerid|column0+)$/i.test(name))
    return false;
  return (
    column.data.length > 2 && new Set<number | bigint>(column.data).size === column.data.length && column.data.every(isWhole)
  );
}
const isWhole = (value: number | bigint): boolean => typeof value === "bigint" || Number.isInteger(value);

/**
 * A warning if a column gives the target away: each of its values (few, each seen several times) occurs with one class only,
 * or it runs with the quantity at |r| ≥ 0.999.
 */
export function leakage(
  name: string,
  column: Column,
  target: string,
  targetColumn: Column,
  length: number,
  task: "classification" | "regression",
): string | undefined {
  const advice = "leave it out (exclude) unless it is known when predicting";
  if (task === "regression") {
    if (isText(column) || column.shape.length > 1) return undefined;
    const x = Float64Array.from({ length }, (_, i) => numberAt(column, i, name));
    const y = Float64Array.from({ length }, (_, i) => (Number.isNaN(x[i]) ? Number.NaN : numberAt(targetColumn, i, target)));
    const [mx, my] = [measureScale(x), measureScale(y)];
    const both = length - mx.missing;
    if (both < 10 || mx.sd === 0 || my.sd === 0) return undefined;
    let covariance = 0;
    for (let i = 0; i < length; i++)
      if (!Number.isNaN(x[i])) covariance += ((x[i] as number) - mx.mean) * ((y[i] as number) - my.mean);
    const r = covariance / both / (mx.sd * my.sd);
    return Math.abs(r) >= 0.999
      ? `column "${name}" may give "${target}" away (correlation ${r.toFixed(4)}): ${advice}`
      : undefined;
  }
  const classOf = new Map<string, string>();
  const classes = new Set<string>();
  let rows = 0;
  for (let i = 0; i < length; i++) {
    const [value, label] = [labelText(column, i), labelText(targetColumn, i)];
    if (value === null || label === null) continue;
    rows++;
    if ((classOf.get(value) ?? label) !== label) return undefined;
    classOf.set(value, label);
    classes.add(label);
  }
  // Values that are nearly all different determine anything; a column that is almost always missing shows nothing.
  if (classes.size < 2 || classOf.size > Math.max(2, rows / 5) || rows < length / 2) return undefined;
  return `column "${name}" may give "${target}" away (each of its ${classOf.size} values goes with one class): ${advice}`;
}
