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

/** The items of an object that has the names of labels beside them, as tools for spaCy export it; undefined for other content. */
function annotationsIn(content: string): readonly unknown[] | undefined {
  if (!/^\s*\{\s*"classes"\s*:/.test(content) || isDeep(content)) return undefined;
  try {
    const { annotations } = JSON.parse(content) as { annotations?: unknown };
    return Array.isArray(annotations) ? annotations : undefined;
  } catch {
    // Lines of objects that begin with classes.
    return undefined;
  }
}

/** Errors: DataError, with the place, for text that is no JSON or nests too deep. */
export function* jsonRows(content: string, where: string): Generator<JsonRow> {
  const annotations = annotationsIn(content);
  if (annotations !== undefined) {
    for (const [i, value] of annotations.entries()) if (value !== null) yield { value, place: `item ${i + 1}` };
    return;
  }
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
