/**
 * @module Rows that a task can learn from: those with a text and a target. The others are left out, and counted.
 */
import { isText } from "./column.js";
import type { Dataset } from "./dataset.js";
import type { Parts } from "./parts.js";
import { mapParts } from "./parts.js";
import { DataError } from "../util/errors.js";

/** The parts without the rows whose text is empty. */
export function withTexts(parts: Parts, text: string | undefined, notes: string[]): Parts {
  if (text === undefined) return parts;
  const isEmpty = (part: Dataset): Uint8Array =>
    Uint8Array.from(part.texts(text), (v) => (v === null || v.trim() === "" ? 1 : 0));
  return withoutRows(parts, isEmpty, text, notes);
}

/** The parts without the rows whose target is missing. */
export function labelled(parts: Parts, target: string | undefined, notes: string[]): Parts {
  if (target === undefined) return parts;
  const missing = (part: Dataset): Uint8Array | undefined => {
    const column = part.column(target);
    return isText(column) ? Uint8Array.from(column.values, (v) => (v === null ? 1 : 0)) : column.missing;
  };
  return withoutRows(parts, missing, target, notes);
}

/** The parts without the rows that are marked. */
function withoutRows(parts: Parts, mark: (part: Dataset) => Uint8Array | undefined, column: string, notes: string[]): Parts {
  return mapParts(parts, (part, name) => {
    const marked = mark(part);
    if (marked === undefined || !marked.includes(1)) return part;
    const kept = Uint32Array.from({ length: part.length }, (_, i) => i).filter((i) => marked[i] === 0);
    if (kept.length === 0)
      throw new DataError(`column "${column}": expected at least one value, got ${part.length} missing ones`);
    notes.push(
      `${part.length - kept.length} rows of ${name === "train" ? "the data" : name} without a value for "${column}" were left out`,
    );
    return part.select(kept);
  });
}
