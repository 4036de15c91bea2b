/**
 * @module Named entities in columns, as CoNLL's shared tasks have them: one token a line, its tag in a column, an empty line after each sentence.
 * BIO, BIOES, BMES and BILOU are told apart by their letters; the columns of tokens and tags by what stands in them. CoNLL-U Plus names its columns, of
 * which one may hold tags; CoNLL-U has them among its last column's (`ner=B-PER`).
 */
import { blocks } from "./lines.js";
import type { ReadTexts, Sentence, TaggingOptions } from "./tagged-sentences.js";
import { isTag, textsOfSentences } from "./tagged-sentences.js";
import { DataError } from "../../util/errors.js";
import { parseTag } from "../../util/tags.js";

/** A line's columns, and its number. */
interface Row {
  readonly fields: readonly string[];
  readonly line: number;
}

/** The place of tokens and tags among the columns; tags are counted from the end where lines differ in length. */
interface Layout {
  readonly token: number;
  readonly tag: number;
}

/** Characters in which a file says how it is made. */
const HEAD = 1 << 16;
/** Lines of one block in which the empty lines between sentences are missing. */
const ENOUGH = 50;
/** Tokens that end sentences, and those behind them that belong to the same. */
const END = /^[.!?。！？]+$|^\.{2,}$|^…+$/;
const CLOSING = /^["'”’»)\]）』」]+$/;
/** Lines that columns are found by. */
const SAMPLE = 5000;

/** Columns parted by tabs where there are any, or else by blanks; blanks at the end are nobody's. */
const fieldsOf = (text: string): string[] => {
  const line = text.replace(/[ \t]+$/, "");
  return line.includes("\t")
    ? line.split("\t").map((field) => field.replace(/^ +| +$/g, ""))
    : line.replace(/^ +/, "").split(/ +/);
};

/** A line that says something of what follows: `# sent_id = 3`. A token `#` has a tag behind it. */
const isComment = (fields: readonly string[]): boolean =>
  (fields[0] ?? "").startsWith("#") && (!isTag(fields.at(-1) ?? "") || fields.includes("="));

/** The tag among what CoNLL-U's last column says of a token, as Stanza writes it. */
const AMONG_OTHERS = /(?:^|[\t|])ner=(O|[BIESLU]-[^|\s]+)/im;
const COLUMNS = /^# ?global\.columns ?= ?(.*\S)/m;

/** Tells whether the beginning of a file in CoNLL-U, or in the form of it that names its columns, has tags of entities. */
export const hasTags = (head: string): boolean =>
  AMONG_OTHERS.test(head) || (COLUMNS.test(head) && !/^# ?global\.columns.*UP:PRED/m.test(head));

/** A token of CoNLL-U as its form, what its other columns say, and its tag; undefined for words of several tokens (`8-9`) and empty ones (`8.1`). */
function tokenOfTree(fields: readonly string[], form: number): readonly string[] | undefined {
  if (/^\d+[-.]\d+$/.test(fields[0] ?? "")) return undefined;
  const tag = AMONG_OTHERS.exec(fields.at(-1) ?? "")?.[1];
  const others = fields.flatMap((field, at) => (at === form ? [] : [field === "_" ? "O" : field]));
  return [fields[form] ?? "", ...others, ...(tag === undefined ? [] : [tag])];
}

/** Tells whether the beginning of a file, whatever it is called, has tokens with tags in lines, and empty lines between sentences. */
export function looksTagged(head: string): boolean {
  // The last line may be cut.
  const all = [...blocks(head.slice(0, head.lastIndexOf("\n") + 1))];
  const rows = all
    .flatMap((block) => block.map(({ text }) => ({ fields: fieldsOf(text), text })))
    .filter(({ text, fields }) => !text.startsWith("-DOCSTART-") && !isComment(fields));
  const width = rows.length === 0 ? 0 : Math.min(...rows.map(({ fields }) => fields.length));
  // A file without empty lines needs more to be one of tags.
  if (width < 2 || (all.length < 2 && rows.length < ENOUGH)) return false;
  // The last column, or another where lines have one number of them.
  const columns = rows.every(({ fields }) => fields.length === width)
    ? Array.from({ length: width }, (_, column) => column)
    : [-1];
  return columns.some((column) => {
    const tags = rows.map(({ fields }) => fields.at(column) as string);
    return tags.every((tag) => parseTag(tag) !== undefined) && tags.some((tag) => tag[1] === "-");
  });
}

/** Tells whether a column counts the tokens of each sentence, from 0 or 1. */
function isIndex(sentences: readonly (readonly Row[])[], column: number): boolean {
  const first = sentences[0]?.[0]?.fields[column];
  if (first !== "0" && first !== "1") return false;
  return (
    sentences.some((rows) => rows.length > 1) &&
    sentences.every((rows) => rows.every(({ fields }, i) => fields[column] === String(i + Number(first))))
  );
}

/** Tells whether some tags are those of entities around others: of the same labels, and nearly never without a tag where the others have one. */
function surrounds(outer: readonly string[], inner: readonly string[]): boolean {
  const isOutside = (tag: string): boolean => /^o$/i.test(tag);
  const labels = new Set(outer.map((tag) => tag.slice(2)));
  const inside = inner.flatMap((tag, i) => (isOutside(tag) ? [] : [{ tag, around: outer[i] as string }]));
  const known = inside.filter(({ tag, around }) => labels.has(tag.slice(2)) && !isOutside(around));
  return known.length >= inside.length * 0.8 && inside.length < outer.filter((tag) => !isOutside(tag)).length;
}

/**
 * Finds the columns. Tags are in the last one that holds nothing else and not `O` alone, but for nested entities, which stand behind those around them;
 * tokens are in the first of the others that does not count them. Where none holds tags alone, tags are in the last one.
 */
function layoutOf(sentences: readonly (readonly Row[])[]): Layout {
  const sample: Row[] = [];
  for (const rows of sentences) {
    if (sample.length >= SAMPLE) break;
    sample.push(...rows);
  }
  const width = Math.min(...sample.map(({ fields }) => fields.length));
  const isSame = sample.every(({ fields }) => fields.length === width);
  const columns = Array.from({ length: width }, (_, column) => column);
  const valuesOf = (column: number): string[] => sample.map(({ fields }) => fields[column] as string);
  const holdsTags = (column: number): boolean => {
    const values = valuesOf(column);
    return values.every(isTag) && values.some((tag) => !/^o$/i.test(tag));
  };
  const last = columns.findLast(holdsTags) ?? width - 1;
  const tag = isSame
    ? (columns.find((column) => column < last && holdsTags(column) && surrounds(valuesOf(column), valuesOf(last))) ?? last)
    : -1;
  const token = columns.find((column) => column !== tag && !(width > 2 && isIndex(sentences, column))) ?? 0;
  return { token, tag };
}

/** The sentences of a block whose tokens are counted anew in each; undefined where they are not. */
function partedByCount(rows: readonly Row[]): Row[][] | undefined {
  const first = rows[0]?.fields ?? [];
  const column = first.findIndex((from, at) =>
    rows.every(({ fields }, i) => {
      const [value, before] = [fields[at] ?? "", Number(rows[i - 1]?.fields[at])];
      return /^\d+$/.test(value) && (value === from || Number(value) === before + 1);
    }),
  );
  if (column < 0) return undefined;
  const sentences: Row[][] = [];
  for (const row of rows)
    if (row.fields[column] === first[column]) sentences.push([row]);
    else sentences.at(-1)?.push(row);
  return sentences.length > 1 ? sentences : undefined;
}

/** The sentences of a block by the signs that end them, but never within an entity. DataError where there is none. */
function partedBySigns(rows: readonly Row[], { token, tag }: Layout, where: string): Row[][] {
  const sentences: Row[][] = [[]];
  let ended = false;
  for (const row of rows) {
    const form = row.fields[token] ?? "";
    const begins: boolean = ended && !CLOSING.test(form) && !/^[IEM][-_]/i.test(row.fields.at(tag) ?? "");
    if (begins) sentences.push([]);
    sentences.at(-1)?.push(row);
    ended = END.test(form) || (ended && !begins && CLOSING.test(form));
  }
  if (sentences.length < 2)
    throw new DataError(`${where}: expected an empty line behind each sentence, found none in ${rows.length} lines; put them in`);
  return sentences;
}

/** Says which columns are read, where these are not the first and the last; of those behind the tags, nested ones are not read. */
function layoutNotes({ token, tag }: Layout, width: number, where: string): string[] {
  if (token === 0 && (tag === width - 1 || tag < 0)) return [];
  return [`${where}: tokens are read from column ${token + 1}, tags from column ${tag < 0 ? width : tag + 1}`];
}

/**
 * Reads CoNLL columns: the first is the token, the last its tag, unless others hold such.
 *
 * Errors: DataError, with the line, for a line without two columns and for a tag that breaks the scheme (unless `repair`), and
 * for a file without a sentence.
 */
export function parseConll(content: string, where: string, options: TaggingOptions = {}): ReadTexts {
  const sentences: Row[][] = [];
  const head = content.slice(0, HEAD);
  const form = COLUMNS.exec(head)?.[1]?.split(/\s+/).indexOf("FORM") ?? (AMONG_OTHERS.test(head) ? 1 : -1);
  for (const block of blocks(content)) {
    const rows = block
      .filter(({ text }) => !text.startsWith("-DOCSTART-"))
      .map(({ number, text }): Row & { text: string } => ({ fields: fieldsOf(text), line: number, text }))
      .filter(({ fields }) => !isComment(fields))
      .flatMap((row) => {
        const fields = form < 0 ? row.fields : tokenOfTree(row.fields, form);
        return fields === undefined ? [] : [{ ...row, fields }];
      });
    const short = rows.find(({ fields }) => fields.length < 2 || fields[0] === "" || fields.at(-1) === "");
    if (short !== undefined)
      throw new DataError(`${where}, line ${short.line}: expected a token and a tag, got "${short.text.slice(0, 40)}"`);
    if (rows.length > 0) sentences.push(rows);
  }
  if (sentences.length === 0) throw new DataError(`${where}: expected at least one sentence, got an empty file`);
  const whole = sentences.length === 1 && (sentences[0] as Row[]).length >= ENOUGH ? sentences[0] : undefined;
  const counted = whole && partedByCount(whole);
  const layout = layoutOf(counted ?? sentences);
  const { token, tag } = layout;
  const { texts, notes } = textsOfSentences(
    (counted ?? (whole === undefined ? sentences : partedBySigns(whole, layout, where))).map((rows): Sentence => ({
      tokens: rows.map(({ fields }) => fields[token] as string),
      tags: rows.map(({ fields }) => fields.at(tag) as string),
      placeOf: (at) => `line ${rows[at]?.line ?? 0}`,
    })),
    where,
    options,
  );
  const by = counted === undefined ? "behind tokens such as . and ?" : "where tokens are counted anew";
  const said = whole === undefined ? [] : [`${where}: no empty lines between sentences, so they end ${by}`];
  return { texts, notes: [...said, ...layoutNotes(layout, sentences[0]?.[0]?.fields.length ?? 0, where), ...notes] };
}
