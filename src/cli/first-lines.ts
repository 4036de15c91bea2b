/** @module Long tables, of which a terminal gets the beginning. */
import { formatTable } from "../util/text.js";

/** Lines that are printed at most. */
const MOST = 50;

/** A table of the first lines. */
export const firstLines = (headings: readonly string[], lines: readonly (readonly string[])[]): string =>
  formatTable(headings, lines.slice(0, MOST));

/** Says how many lines of so many are not printed, and what gives them; nothing where all are. */
export const linesLeftOut = (count: number, remedy: string): readonly string[] =>
  count > MOST ? [`${count - MOST} more; ${remedy}`] : [];
