/**
 * @module Columns without a name that say nothing of their rows: empty ones, which a delimiter at the ends of lines makes, and numbers of rows.
 */
import type { Column } from "./column.js";
import { isMissing, isText, lengthOf } from "./column.js";
import type { Dataset } from "./dataset.js";
import type { Parts } from "./parts.js";
import { mapParts } from "./parts.js";

/** Fewer rows are numbered by chance. */
const ENOUGH = 5;

const isEmpty = (column: Column): boolean => {
  for (let i = 0; i < lengthOf(column); i++) if (!isMissing(column, i)) return false;
  return true;
};

/** Tells whether a column counts its rows, from 0 or 1. */
function countsRows(column: Column): boolean {
  if (isText(column) || column.shape.length > 1 || lengthOf(column) < ENOUGH) return false;
  const first = Number(column.data[0]);
  if (first !== 0 && first !== 1) return false;
  for (let i = 0; i < lengthOf(column); i++) if (isMissing(column, i) || Number(column.data[i]) !== first + i) return false;
  return true;
}

/** The parts of a table with a header, without such columns, which are said in `notes`. */
export function withoutStrayColumns(parts: Parts, notes: string[]): Parts {
  const unnamed = parts.train.names.filter((name, at) => name === `column${at}` || (at === 0 && name === "row_name"));
  const all = [parts.train, parts.validation, parts.test].filter((part): part is Dataset => part !== undefined);
  const empty = unnamed.filter((name) => all.every((part) => !part.has(name) || isEmpty(part.column(name))));
  const counting = unnamed.filter((name) => countsRows(parts.train.column(name)));
  const strays = [...empty, ...counting];
  if (strays.length === 0 || strays.length === parts.train.names.length) return parts;
  if (empty.length > 0)
    notes.push(`${empty.length === 1 ? "a column" : `${empty.length} columns`} without a name and without values left out`);
  if (counting.length > 0) notes.push("a column without a name that counts the rows left out");
  return mapParts(parts, (part) => part.drop(...strays.filter((name) => part.has(name))));
}
