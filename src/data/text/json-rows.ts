/**
 * @module The values of a JSON file: the items of a list, or one a line.
 */
import { DataError } from "../../util/errors.js";

/** A value, and its place in the file as messages name it. */
export interface JsonRow {
  readonly value: unknown;
  readonly place: string;
}

/** Lists and objects inside one another, at most: what walks a value calls itself as deep. */
const DEEPEST = 200;

/** Tells whether the brackets of a text nest deeper than people write. */
function isDeep(text: string): boolean {
  let [depth, isText] = [0, false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (isText) {
      if (c === "\\") i++;
      else if (c === '"') isText = false;
    } else if (c === '"') isText = true;
    else if (c === "[" || c === "{") {
      if (++depth > DEEPEST) return true;
    } else if (c === "]" || c === "}") depth--;
  }
  return false;
}

function parsed(text: string, where: string): unknown {
  if (isDeep(text))
    throw new DataError(`${where}: expected JSON that nests at most ${DEEPEST} deep, got a deeper one; flatten it`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${where}: expected JSON, got text that does not parse`, { cause });
  }
}

/** Errors: DataError, with the place, for text that is no JSON or nests too deep. */
export function* jsonRows(content: string, where: string): Generator<JsonRow> {
  if (/^\s*\[/.test(content) && !isListALine(content)) {
    const list = parsed(content, where) as unknown[];
    for (const [i, value] of list.entries()) yield { value, place: `item ${i + 1}` };
    return;
  }
  for (const [i, line] of content.split(/\r?\n/).entries())
    if (line.trim() !== "") yield { value: parsed(line, `${where}, line ${i + 1}`), place: `line ${i + 1}` };
}

/** Tells whether each line is a list of its own, as `["a text", {…}]`: the first is whole, and another comes. */
function isListALine(content: string): boolean {
  const [first = "", second = ""] = content.split(/\r?\n/, 2);
  if (!second.trim().startsWith("[")) return false;
  try {
    return Array.isArray(JSON.parse(first));
  } catch {
    return false;
  }
}
