/**
 * @module The column of a table to predict: classes, or a quantity that is standardized.
 */
import * as z from "zod";
import type { Column, TextColumn } from "./column.js";
import { isMissing, isText, placeAt } from "./column.js";
import { classesOf } from "./labels.js";
import { measureScale, numberAt } from "./tabular-features.js";
import { elementAt } from "../graph/index.js";
import { DataError } from "../util/errors.js";

/** Checks a target that was saved. */
export const targetSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("classes"), name: z.string(), classes: z.array(z.string()).min(2) }),
  z.object({ kind: z.literal("quantity"), name: z.string(), mean: z.number(), sd: z.number().positive() }),
]);
/** Column to predict, as it was learned: its classes, or its mean and deviation. */
export type TabularTarget = z.infer<typeof targetSchema>;

/** A row's target as a number. DataError, with the row, where it is none, or not finite. */
export function quantityAt(column: Column, i: number, name: string): number {
  const infinite = !isText(column) && !isMissing(column, i) ? elementAt(column, i) : 0;
  const value = numberAt(column, i, name);
  if (!Number.isNaN(value)) return value;
  const got = Math.abs(infinite) === Infinity ? (infinite < 0 ? "-inf" : "inf") : "no value";
  throw new DataError(`column "${name}", ${placeAt(column, i)}: expected a finite number, got ${got}`);
}

/** Refuses to predict a quantity that is none. */
function checkQuantity(name: string, column: Column): void {
  const isClasses = isText(column)
    ? mostly(column, (text) => Number.isNaN(Number(text)))
    : column.dtype === "bool" || column.classes !== undefined;
  const isDate = !isText(column) && column.unit === "date";
  if (!isClasses && !isDate) return;
  const got = isDate ? "dates" : classesOf(column, name).slice(0, 5).join(", ");
  const remedy = isDate ? "" : "; tabular-classification predicts classes";
  throw new DataError(`column "${name}": expected numbers to predict, got ${got}${remedy}`);
}

/** Tells whether more than half of a column's texts, without missing ones, satisfy `is`. */
const mostly = ({ values }: TextColumn, is: (text: string) => boolean): boolean => {
  const given = values.filter((value) => value !== null);
  return given.filter(is).length > given.length / 2;
};

/** Learns a target: its classes, or its mean and deviation. DataError where it cannot be predicted. */
export function fitTarget(name: string, column: Column, length: number, task: "classification" | "regression"): TabularTarget {
  if (task === "classification") {
    const classes = classesOf(column, `column "${name}"`);
    if (classes.length < 2)
      throw new DataError(
        `column "${name}": expected at least two classes, got ${classes.length === 0 ? "none" : `"${classes[0]}" alone`}`,
      );
    if (classes.length > Math.max(50, length / 2))
      throw new DataError(
        `column "${name}": expected classes that rows share, got ${classes.length} of ${length} rows; tabular-regression predicts a quantity`,
      );
    return { kind: "classes", name, classes };
  }
  checkQuantity(name, column);
  const { mean, sd } = measureScale(Float64Array.from({ length }, (_, i) => quantityAt(column, i, name)));
  if (sd === 0) throw new DataError(`column "${name}": expected a quantity that varies, got ${mean} in every row`);
  return { kind: "quantity", name, mean, sd };
}
