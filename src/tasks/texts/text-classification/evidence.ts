/**
 * @module Marked spans of texts as tokens: which tokens lie outside a text's evidence.
 */
import * as z from "zod";
import type { Dataset, TensorColumn } from "../../../data/index.js";
import { characterOffsets, placeAt, raggedColumn } from "../../../data/index.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import type { TextInfo } from "../texts.js";
import { tokenizerOf } from "../texts.js";

const spansSchema = z.array(z.tuple([z.number().int(), z.number().int()]).rest(z.unknown()));

type Span = readonly [start: number, end: number];

/** The spans of one cell, in UTF-16 units of its text. */
function spansOf(cell: string | null, text: string, where: string): Span[] {
  if (cell === null || cell.trim() === "") return [];
  let json: unknown;
  try {
    json = JSON.parse(cell);
  } catch {
    throw new DataError(`${where}: expected spans as [[START, END], …], got ${JSON.stringify(cell.slice(0, 40))}`);
  }
  const spans = spansSchema.safeParse(json);
  if (!spans.success)
    throw new DataError(`${where}: expected spans as [[START, END], …], got ${JSON.stringify(cell.slice(0, 40))}`);
  const units = characterOffsets(text);
  return spans.data.map(([from, to]) => {
    const [start, end] = [units[from], units[to]];
    if (start === undefined || end === undefined || end <= start)
      throw new DataError(`${where}: expected spans within the ${units.length - 1} characters of the text, got ${from} to ${to}`);
    return [start, end];
  });
}

/**
 * For each token of each text 1 where it lies outside the marked spans, 0 inside, in a text without spans, and of tokens that stand for no characters.
 *
 * Offsets count characters as in Python, as those of `token-classification` do.
 * Errors: DataError, with the row, for spans outside the text and for cells that hold none; ConfigError for texts of several columns.
 */
export async function outsideSpans(
  rows: Dataset,
  textColumn: string,
  evidence: string,
  info: Pick<TextInfo, "tokenizer" | "maxLength">,
): Promise<{ readonly column: TensorColumn; readonly note: string }> {
  if (evidence === textColumn)
    throw new ConfigError(
      `--evidence ${evidence}: expected a column of spans, got the column of texts; name that with --text-column`,
    );
  const cells = rows.column(evidence);
  const texts = rows.texts(textColumn);
  const values = rows.texts(evidence);
  const spans = texts.map((text, i) => spansOf(values[i] ?? null, text ?? "", `column "${evidence}", ${placeAt(cells, i)}`));
  const marked = spans.filter((each) => each.length > 0).length;
  if (marked === 0) throw new DataError(`column "${evidence}": expected spans in at least one training text, got none`);
  const tokenizer = await tokenizerOf(info);
  const encodings = await tokenizer.encodeBatch(
    texts.map((text) => text ?? ""),
    { maxLength: info.maxLength },
  );
  const outside = encodings.map(({ offsets }, i) => {
    const own = spans[i] ?? [];
    const isOutside = (start: number, end: number): boolean =>
      own.length > 0 && end > start && !own.some(([from, to]) => start < to && end > from);
    return Int32Array.from({ length: Math.max(1, offsets.length / 2) }, (_, t) =>
      Number(isOutside(offsets[2 * t] ?? 0, offsets[2 * t + 1] ?? 0)),
    );
  });
  const rest = marked === texts.length ? "" : "; those without spans have no evidence penalty";
  return { column: raggedColumn(outside), note: `evidence: spans in ${marked} of ${texts.length} texts${rest}` };
}
