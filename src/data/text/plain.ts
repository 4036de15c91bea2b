/**
 * @module Plain text for language models: one piece of text per part, cut where the fractions say, in order. Nothing is
 * shuffled: what a model is measured on follows what it has learned from.
 */
import { Dataset } from "../dataset.js";
import { DataError } from "../../util/errors.js";

/** A whole text as the one row of a data set. */
export const textRow = (text: string): Dataset => new Dataset({ text: { dtype: "string", values: [text] } });

/**
 * A text cut at fractions of its characters (code points), which are ascending and below 1.
 *
 * Errors: DataError if the text is empty, or too short for a part to have a character.
 */
export function cutText(text: string, fractions: readonly number[], where: string): string[] {
  if (text.trim() === "") throw new DataError(`${where}: expected a text, got an empty one`);
  let points = 0;
  for (const _ of text) points++;
  const places = [0, ...fractions.map((fraction) => Math.floor(fraction * points)), points];
  const units: number[] = [];
  let [point, unit] = [0, 0];
  for (const character of text) {
    while (places[units.length] === point) units.push(unit);
    point++;
    unit += character.length;
  }
  while (units.length < places.length) units.push(unit);
  const parts = units.slice(1).map((end, i) => text.slice(units[i], end));
  if (parts.includes(""))
    throw new DataError(`${where}: expected a text of more characters, got ${points}; it is cut into ${parts.length} parts`);
  return parts;
}
