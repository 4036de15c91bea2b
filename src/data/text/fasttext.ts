/**
 * @module Lines of texts with labels in them, as fastText reads them: `__label__sports the text`, with one label or several.
 */
import { Dataset } from "../dataset.js";
import { DataError } from "../../util/errors.js";

const LABEL = /(?<=^|\s)__label__(\S+)(?=\s|$)/gu;

/** A line without its labels. */
export const withoutLabels = (line: string): string => line.replaceAll(LABEL, "").trim();

/** Tells whether all lines of a beginning of a file have labels; the last may be cut. */
export function looksLabelled(head: string, whole = false): boolean {
  const lines = (whole ? head : head.slice(0, head.lastIndexOf("\n") + 1 || head.length))
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  return lines.length > 0 && lines.every((line) => line.search(LABEL) >= 0);
}

/**
 * Texts and their labels as columns `text` and `label`; where lines have several, labels are JSON lists.
 *
 * Errors: DataError, with the line, for one without a label or without a text, which `skipBadRows` counts instead.
 */
export function parseLabelledLines(
  content: string,
  where: string,
  { skipBadRows = false }: { readonly skipBadRows?: boolean },
): { readonly data: Dataset; readonly badRows: number } {
  const texts: string[] = [];
  const labels: string[][] = [];
  let badRows = 0;
  for (const [i, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const found = [...line.matchAll(LABEL)].map(([, label]) => label as string);
    const text = withoutLabels(line);
    if (found.length > 0 && text !== "") {
      texts.push(text);
      labels.push(found);
    } else if (skipBadRows) badRows++;
    else
      throw new DataError(
        `${where}, line ${i + 1}: expected __label__NAME and a text, got "${line.slice(0, 40)}"; fix the line, or leave out such lines (skipBadRows, --skip-bad-rows)`,
      );
  }
  const areSeveral = labels.some((names) => names.length > 1);
  const values = labels.map((names) => (areSeveral ? JSON.stringify(names) : (names[0] as string)));
  return { data: new Dataset({ text: { dtype: "string", values: texts }, label: { dtype: "string", values } }), badRows };
}
