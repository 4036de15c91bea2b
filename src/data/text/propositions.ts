/**
 * @module Semantic roles in columns: CoNLL-U with frames and arguments behind its ten columns (Universal PropBank, English), or
 * CoNLL-X with `Y` and the frame behind its eight (Universal PropBank, Chinese; CoNLL-2009). Roles stand on head words, or in
 * brackets over spans (`(A0*`, `*)`, CoNLL-2005).
 */
import type { ReadTexts } from "./tagged-sentences.js";
import type { LabelledText, Offsets, Proposition } from "./labelled-text.js";
import { findTokens, joinerOf, joinTokens } from "./labelled-text.js";
import type { Line } from "./lines.js";
import { blocks } from "./lines.js";
import { DataError } from "../../util/errors.js";
import type { LabelSpan } from "../../util/tags.js";

/** The columns of a file: its frames, and the first of its arguments. */
interface Layout {
  readonly frame: number;
  readonly firstArgument: number;
}

const CONLL_U: Layout = { frame: 10, firstArgument: 11 };
const CONLL_X: Layout = { frame: 9, firstArgument: 10 };

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

/** A sentence's comments, by name, and its tokens. Words of several tokens (`8-9`) and empty ones (`8.1`) are no tokens. */
function readBlock(block: readonly Line[]): { comments: Map<string, string>; rows: Row[] } {
  const comments = new Map<string, string>();
  const rows: Row[] = [];
  for (const { number, text } of block) {
    if (text.startsWith("#")) {
      const [, name, value] = /^#\s*([\w ]+?)\s*[=:]\s*(.*)$/.exec(text) ?? [];
      if (name !== undefined && value !== undefined) comments.set(name, value);
      continue;
    }
    const cells = text.split("\t");
    if (!/^\d+[-.]\d+$/.test(cells[0] ?? "")) rows.push({ line: number, cells });
  }
  return { comments, rows };
}

/** In CoNLL-X the ninth column is `Y` at each predicate, and there are as many columns after the frame as there are of these. */
function layoutOf(rows: readonly Row[]): Layout {
  const marks = rows.filter(({ cells }) => cells[8] === "Y").length;
  const isX = rows.every(({ cells }) => (cells[8] === "Y" || cells[8] === "_") && cells.length === CONLL_X.firstArgument + marks);
  return isX ? CONLL_X : CONLL_U;
}

const isSet = (cell: string | undefined): cell is string => cell !== undefined && cell !== "_" && cell !== "";

/** A column of roles: one role a head word, or brackets over spans. */
function argumentsIn(rows: readonly Row[], column: number, where: string): LabelSpan[] {
  const found: LabelSpan[] = [];
  let open: { start: number; label: string } | undefined;
  for (const [i, { cells, line }] of rows.entries()) {
    const cell = cells[column];
    if (!isSet(cell) || cell === "*") continue;
    const bracket = /^(?:\(([^*()]+))?\*(\))?$/.exec(cell);
    if (bracket === null) {
      found.push({ start: i, end: i + 1, label: cell });
      continue;
    }
    if (bracket[1] !== undefined) open = { start: i, label: bracket[1] };
    if (bracket[2] === undefined) continue;
    if (open === undefined) throw new DataError(`${where}, line ${line}: expected a role to be open, got ${cell}`);
    found.push({ start: open.start, end: i + 1, label: open.label });
    open = undefined;
  }
  return found.filter(({ label }) => label !== "V");
}

function propositionsOf(rows: readonly Row[], where: string): Proposition[] {
  const layout = layoutOf(rows);
  const predicates = rows.flatMap(({ cells }, i) => (isSet(cells[layout.frame]) ? [i] : []));
  return predicates.map((predicate, k) => {
    const column = layout.firstArgument + k;
    const { cells, line } = rows[predicate] as Row;
    if (cells.length <= column)
      throw new DataError(
        `${where}, line ${line}: expected a column of roles for each of ${predicates.length} predicates, got ${cells.length - layout.firstArgument}`,
      );
    return { predicate, frame: cells[layout.frame] as string, arguments: argumentsIn(rows, column, where) };
  });
}

/**
 * Reads propositions. Sentences without a predicate are kept, with none: who looks for predicates learns from them as well.
 *
 * Errors: DataError, with the line, if columns and predicates do not fit together, and for a file without a sentence.
 * Differs from the files: sentences marked `propbank = no-up` (frames without arguments) are left out, and said so.
 */
export function parsePropositions(content: string, where: string): ReadTexts {
  const sentences: { words: string[]; written: string | undefined; propositions: Proposition[] }[] = [];
  let left = 0;
  for (const block of blocks(content)) {
    const { comments, rows } = readBlock(block);
    if (rows.length === 0) continue;
    if (comments.get("propbank") === "no-up") {
      left++;
      continue;
    }
    for (const { cells, line } of rows)
      if (cells.length < 8) throw new DataError(`${where}, line ${line}: expected at least 8 columns, got ${cells.length}`);
    const words = rows.map(({ cells }) => cells[1] as string);
    sentences.push({ words, written: comments.get("text"), propositions: propositionsOf(rows, where) });
  }
  if (sentences.length === 0) throw new DataError(`${where}: expected at least one sentence, got an empty file`);
  const joiner = joinerOf(sentences.flatMap(({ words }) => words));
  const texts = sentences.map(({ words, written, propositions }): LabelledText => {
    const offsets: Offsets[] | undefined = written === undefined ? undefined : findTokens(written, words);
    if (written !== undefined && offsets !== undefined) return { text: written, tokens: offsets, propositions };
    const joined = joinTokens(words, joiner);
    return { text: joined.text, tokens: joined.offsets, propositions };
  });
  return { texts, notes: left === 0 ? [] : [`${where}: ${left} sentences without marked arguments (no-up) were left out`] };
}
