/**
 * @module Standoff annotations, as brat keeps them: a text `a.txt`, and beside it `a.ann`, whose lines `T1<tab>PER 0 3<tab>Ann` are its spans in characters.
 */
import { DataError } from "../../util/errors.js";
import type { FileTree } from "../images/file-tree-node.js";
import { textOf } from "../images/file-tree-node.js";
import type { PartName } from "../parts.js";
import { partNamed } from "../parts.js";
import type { JsonRow } from "./json-rows.js";
import type { SpanLinesOptions } from "./span-lines.js";
import { parseSpanRows } from "./span-lines.js";
import type { ReadTexts } from "./tagged-sentences.js";

/** A span's label, its characters, and what it covers; of one in pieces the first and the last count. */
const SPAN = /^T\S*\s+(\S+) (\d+) (?:\d+;\d+ )*(\d+)(?:\t(.*))?$/;

/** The spans of an annotation. DataError, with the line, for one that is none. */
function spansIn(content: string, where: string): readonly Readonly<Record<string, unknown>>[] {
  return content.split(/\r?\n/).flatMap((line, at) => {
    if (!line.startsWith("T")) return [];
    const [, label, start, end, text = ""] = SPAN.exec(line) ?? [];
    if (label === undefined)
      throw new DataError(`${where}, line ${at + 1}: expected T1<tab>LABEL START END<tab>TEXT, got "${line.slice(0, 40)}"`);
    return [{ label, start: Number(start), end: Number(end), ...(line.includes(";") ? {} : { text }) }];
  });
}

/** Reads spans of texts whose lines end as the file has them, or, where they do not fit so, in one character. */
function parse(rows: readonly JsonRow[], where: string, options: SpanLinesOptions): ReadTexts {
  try {
    return parseSpanRows(rows, where, options);
  } catch (error) {
    const short = rows.map(({ value, place }) => {
      const { text, ...rest } = value as { readonly text: string };
      return { value: { ...rest, text: text.replaceAll("\r\n", "\n") }, place };
    });
    if (!rows.some(({ value }) => (value as { text: string }).text.includes("\r\n"))) throw error;
    return parseSpanRows(short, where, options);
  }
}

/**
 * The texts of a folder or an archive with their spans, by the parts that folders in it are called as; undefined where there are no annotations.
 *
 * Errors: DataError, with the file and the line, for a span that is none or covers another text, and for an annotation without its text.
 */
export async function readStandoff(
  tree: FileTree,
  options: SpanLinesOptions,
): Promise<{ readonly parts: ReadonlyMap<PartName, ReadTexts>; readonly notes: readonly string[] } | undefined> {
  const files = tree.names.filter((name) => name.endsWith(".ann"));
  const texts = new Set(tree.names.filter((name) => name.endsWith(".txt")));
  if (!files.some((name) => texts.has(name.replace(/ann$/, "txt")))) return undefined;
  const notes = new Set<string>();
  const rows = new Map<PartName, JsonRow[]>();
  let others = 0;
  const partOf = (name: string): PartName | undefined =>
    name
      .split("/")
      .map(partNamed)
      .find((part) => part !== undefined);
  const hasParts = files.some((name) => partOf(name) === "train");
  for (const name of files) {
    const beside = name.replace(/ann$/, "txt");
    if (!texts.delete(beside)) throw new DataError(`${tree.locate(name)}: expected its text ${beside}, found none`);
    const part = hasParts ? partOf(name) : "train";
    const text = await textOf(tree, beside, (note) => void notes.add(note));
    if (part === undefined || text.trim() === "") continue;
    const annotation = await textOf(tree, name, (note) => void notes.add(note));
    others += annotation.match(/^[RE*]/gm)?.length ?? 0;
    const found = rows.get(part) ?? [];
    rows.set(part, found);
    found.push({ value: { text, spans: spansIn(annotation, tree.locate(name)) }, place: name });
  }
  const parts = new Map([...rows].map(([part, some]) => [part, parse(some, tree.where, options)] as const));
  if (others > 0) notes.add(`${others} relations and events of the annotations are not read`);
  const left = [...texts].filter((name) => !/(^|\/)(readme|licen[cs]e)/i.test(name)).length;
  if (left > 0) notes.add(`${left} texts without an annotation were left out`);
  return { parts, notes: [...notes] };
}
