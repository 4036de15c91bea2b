/**
 * @module The values of a JSON file: the items of a list, or one a line.
 */
import { DataError } from "../../util/errors.js";
import { isRecord, own } from "../../util/record.js";

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

/** Names under which a file of JSON holds its rows, beside facts about them. */
const ROWS = ["data", "rows", "records", "items", "examples", "annotations", "results", "instances", "documents", "train"];

const isListOf = (value: unknown, is: (item: unknown) => boolean): value is readonly unknown[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => item === null || is(item));
const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null;
const areCounts = (keys: readonly string[]): boolean => keys.length > 0 && keys.every((key) => /^\d+$/.test(key));

/** A row of each place of some columns. */
const transposed = (columns: readonly string[], count: number, at: (column: number, row: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, row) => Object.fromEntries(columns.map((name, column) => [name, at(column, row) ?? null])));

/**
 * The rows of one object: a list under a usual name (`data`, …), or a table as pandas writes it: `columns` and `data`, lists or numbered cells by column, rows
 * by number. Undefined for an object that is a row itself.
 */
export function rowsInObject(value: unknown): readonly unknown[] | undefined {
  if (!isRecord(value) || ["text", "tokens"].some((name) => Object.hasOwn(value, name))) return undefined;
  const { columns, data } = value;
  const names = isListOf(columns, (name) => typeof name === "string") ? (columns as readonly string[]) : undefined;
  if (names !== undefined && isListOf(data, Array.isArray))
    return transposed(names, data.length, (column, row) => (data[row] as readonly unknown[])[column]);
  const held = ROWS.filter((name) => isListOf(own(value, name), isRecord) || isListOf(own(value, name), Array.isArray));
  if (held.length === 1) return own(value, held[0] as string) as readonly unknown[];
  const [keys, all] = [Object.keys(value), Object.values(value)];
  const lists = all.filter((list): list is readonly unknown[] => isListOf(list, isScalar));
  const count = lists[0]?.length ?? 0;
  if (count > 1 && lists.length === all.length && lists.every((list) => list.length === count))
    return transposed(keys, count, (column, row) => lists[column]?.[row]);
  const cells = all.filter((cell): cell is Record<string, unknown> => isRecord(cell));
  if (cells.length === 0 || cells.length < all.length) return undefined;
  if (areCounts(keys)) return cells;
  const places = Object.keys(cells[0] as object);
  if (places.length < 2 || !areCounts(places) || cells.some((cell) => Object.keys(cell).length !== places.length))
    return undefined;
  return transposed(keys, places.length, (column, row) => own(cells[column] as Record<string, unknown>, places[row] as string));
}

/** The rows of a file that is one object; undefined for other content. */
function rowsIn(content: string): readonly unknown[] | undefined {
  if (!/^\s*\{/.test(content) || isDeep(content)) return undefined;
  try {
    return rowsInObject(JSON.parse(content));
  } catch {
    // An object a line.
    return undefined;
  }
}

/** Errors: DataError, with the place, for text that is not JSON or nests too deep. */
export function* jsonRows(content: string, where: string): Generator<JsonRow> {
  const rows = rowsIn(content);
  if (rows !== undefined) {
    for (const [i, value] of rows.entries()) if (value !== null) yield { value, place: `item ${i + 1}` };
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
