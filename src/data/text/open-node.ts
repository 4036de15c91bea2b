/**
 * @module Texts from files: columns of tags, propositions, spans in JSON lines, plain text, and the text files of known data sets.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isText } from "../column.js";
import { decodeHead, markedEncoding } from "../csv/encoding.js";
import { concatenate, Dataset } from "../dataset.js";
import { isGzip, readFileBytes, unwrapGzip } from "../files-node.js";
import type { ColumnRoles } from "../guess.js";
import type { Parts, PartName } from "../parts.js";
import { partNamed } from "../parts.js";
import { DataError } from "../../util/errors.js";
import type { LoadedData } from "../load-node.js";
import type { FileTree } from "../images/file-tree-node.js";
import { checkLabels } from "../labels.js";
import type { TableOptions } from "../readers/table-file-node.js";
import type { ReadTable } from "../readers/table-node.js";
import { firstLine } from "../readers/complaints-node.js";
import { holdsTokenLists, hubMetadata } from "../readers/parquet-hub-node.js";
import { readHead, tableFormat } from "../readers/table-file-node.js";
import { readTable } from "../readers/table-node.js";
import type { DataTask, KnownDataset, KnownFile, TextsLayout } from "../registry.js";
import type { FindOptions } from "../registry-node.js";
import { findKnownFile } from "../registry-node.js";
import { isZip, unzip } from "../zip-node.js";
import { hasTags, looksTagged, parseConll } from "./conll.js";
import { jsonRows } from "./json-rows.js";
import { looksLabelled, parseLabelledLines } from "./fasttext.js";
import { labelledTexts } from "./labelled-text.js";
import { decodeText, decodeUtf8 } from "./lines.js";
import { cutText, textRow } from "./plain.js";
import { parsePropositions } from "./propositions.js";
import { looksLikeRasa, parseRasa } from "./rasa.js";
import type { SpanLinesOptions } from "./span-lines.js";
import { hasSpans, parseSpanLines, parseSpanRows } from "./span-lines.js";
import { readStandoff } from "./standoff-node.js";
import { tagNames } from "./tag-names-node.js";
import type { ReadTexts, TaggingOptions } from "./tagged-sentences.js";
import { hasTokens, parseTokenRows, parseTokenTable, sentencesIn, tokenColumns } from "./token-rows.js";
import { defined, own } from "../../util/record.js";

export interface TextOptions
  extends Pick<TaggingOptions, "repair">, Pick<TableOptions, "encoding" | "delimiter" | "skipBadRows">, SpanLinesOptions {
  /** Shares of a running text that are cut off its end. */
  readonly testFraction?: number;
  readonly validationFraction?: number;
  /** The kind of table that is asked for; left out, tables of tokens are texts with tags. */
  readonly tableOf?: "rows" | "texts";
}

/** A text data set as it was read. */
export interface TextSource extends Pick<LoadedData, "name" | "roles" | "task" | "badRows" | "notes"> {
  readonly parts: Parts;
}

type Format = "rasa" | "conll" | "propositions" | "spans" | "span-table" | "tokens" | "token-table" | "labelled-lines" | "plain";

const EXTENSIONS: Readonly<Record<string, Format>> = {
  conll: "conll",
  bio: "conll",
  iob: "conll",
  iob2: "conll",
  bioes: "conll",
  bmes: "conll",
  conllu: "propositions",
  conllup: "conll",
  txt: "plain",
};

interface Purpose {
  readonly roles: ColumnRoles;
  readonly task: DataTask;
}

const ROLES: Readonly<Record<Format, Purpose>> = {
  // Of intents alone it is that of labelled lines.
  rasa: { roles: { text: "text", target: "spans" }, task: "token-classification" },
  conll: { roles: { text: "text", target: "spans" }, task: "token-classification" },
  spans: { roles: { text: "text", target: "spans" }, task: "token-classification" },
  "span-table": { roles: { text: "text", target: "spans" }, task: "token-classification" },
  tokens: { roles: { text: "text", target: "spans" }, task: "token-classification" },
  "token-table": { roles: { text: "text", target: "spans" }, task: "token-classification" },
  propositions: { roles: { text: "text", target: "propositions" }, task: "semantic-role-labeling" },
  "labelled-lines": { roles: { text: "text", target: "label" }, task: "text-classification" },
  plain: { roles: { text: "text" }, task: "language-modeling" },
};

/** The first value of a file of JSON: of a list its first item, or the first line's; undefined where it does not parse. */
async function firstValue(path: string, extension: string): Promise<unknown> {
  try {
    if (extension !== "json") {
      const head = await readHead(path);
      const isWide = !isGzip(head) && (markedEncoding(head) ?? "utf-8") !== "utf-8";
      const first = isWide ? (decodeHead(head).split("\n")[0] ?? "") : await firstLine(path, isGzip(head));
      const line: unknown = JSON.parse(first.replace(/^\uFEFF/, ""));
      return Array.isArray(line) && typeof line[0] === "object" ? line[0] : line;
    }
    const { text } = await readText(path);
    for (const { value } of jsonRows(text, path)) return value;
  } catch {
    // A broken line is the table reader's to complain of.
  }
  return undefined;
}

const headText = (bytes: Uint8Array): string => (isGzip(bytes) ? "" : decodeHead(bytes));

/** Endings of names that leave open what is in the file. */
const OPEN_ENDINGS = ["txt", "tsv", "csv", "train", "valid", "dev", "test", "testa", "testb"];

/** Endings of names of Rasa's files. */
const RASA = ["yml", "yaml", "md", "json"];

/** Tells whether a file is one of Rasa's examples, by its name and how it begins. */
export async function isRasa(path: string): Promise<boolean> {
  const extension = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return RASA.includes(extension) && looksLikeRasa(headText(await readHead(path)), extension);
}

/** The format of a text file by its name; JSON is looked into for spans and tags, tables for a token in each row, unless a table is asked for. */
async function formatOf(path: string, { tableOf, ...options }: TextOptions): Promise<Format | undefined> {
  const extension = /\.(\w+?)(\.gz)?$/i.exec(basename(path))?.[1]?.toLowerCase() ?? "";
  const known = own(EXTENSIONS, extension);
  if (tableOf !== "rows" && (await isRasa(path))) return "rasa";
  if (known === "propositions") return hasTags(headText(await readHead(path))) ? "conll" : known;
  if (known !== undefined && known !== "plain") return known;
  if (tableOf !== "rows" && OPEN_ENDINGS.includes(extension)) {
    const bytes = await readHead(path);
    const head = headText(bytes);
    if (looksLabelled(head)) return "labelled-lines";
    if (tableOf === undefined && looksTagged(head)) return "conll";
  }
  if (known !== undefined) return tableOf === undefined ? known : undefined;
  if (["jsonl", "ndjson", "json"].includes(extension)) {
    const first = await firstValue(path, extension);
    return hasSpans(first) ? "spans" : tableOf === undefined && hasTokens(first) ? "tokens" : undefined;
  }
  if (tableOf === undefined && extension === "parquet") return (await holdsTokenLists(path)) ? "tokens" : undefined;
  if (tableOf !== undefined || !["csv", "tsv"].includes(extension)) return undefined;
  const head = (await firstLine(path, isGzip(await readHead(path)))).replace(/^\uFEFF/, "");
  const names = head.split(/[,;\t]/).map((name) => name.replaceAll(/^\s*"|"\s*$/g, ""));
  if (tokenColumns(names) !== undefined) return "token-table";
  const holds = (pattern: RegExp): boolean => names.some((name) => pattern.test(name.trim()));
  if (holds(/^text$/i) && /\[[[{(]/.test(headText(await readHead(path)))) {
    const { data } = await readTable(path, { ...options, asText: true });
    if (data.length > 0 && hasSpans(spanRow(data.row(0)))) return "span-table";
  }
  if (!holds(/^(tokens|words)$/i) && !(holds(/^(sentence|text)$/i) && holds(/^(tags?|ner|ner_tags|labels?)$/i))) return undefined;
  const { data } = await readTable(path, { ...options, asText: true });
  return data.length > 0 && hasTokens(data.row(0)) ? "tokens" : undefined;
}

/** A row of a table whose spans are a list in a cell, of JSON or as Python prints one. */
function spanRow(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const entries = Object.entries(row).map(([name, value]): [string, unknown] => {
    const field = name.trim().toLowerCase();
    if (typeof value !== "string" || !/^\s*\[.*\]\s*$/s.test(value) || field === "text") return [field, value];
    for (const list of [value, value.replaceAll("(", "[").replaceAll(")", "]").replaceAll("'", '"')])
      try {
        return [field, JSON.parse(list)];
      } catch {
        // As Python prints it, or no list.
      }
    return [field, value];
  });
  return Object.fromEntries(entries);
}

async function readText(path: string, encoding?: string): Promise<{ readonly text: string; readonly notes: readonly string[] }> {
  const { text, note } = decodeText(await unwrapGzip(await readFileBytes(path), path), path, encoding);
  return { text, notes: note === undefined ? [] : [note] };
}

function parse(
  content: string,
  format: Extract<Format, "conll" | "propositions" | "spans">,
  where: string,
  options: TextOptions,
): ReadTexts {
  if (format === "conll") return parseConll(content, where, options);
  return format === "propositions" ? parsePropositions(content, where) : parseSpanLines(content, where, options);
}

/** Examples of Rasa as texts with entities; with their intents, where texts with labels are asked for, or no entity is marked. */
async function readRasa(path: string, options: TextOptions): Promise<TextRows> {
  const { text, notes } = await readText(path, options.encoding);
  const read = parseRasa(text, path, options);
  const all = [...notes, ...read.notes];
  const isOfIntents = options.tableOf === "texts" || read.utterances.every(({ spans = [] }) => spans.length === 0);
  if (!isOfIntents) return { data: labelledTexts(read.utterances), badRows: 0, notes: all };
  const known = read.utterances.filter(({ intent }) => intent !== undefined);
  if (known.length < read.utterances.length)
    all.push(`${path}: ${read.utterances.length - known.length} examples without an intent were left out`);
  if (known.length === 0) throw new DataError(`${path}: expected examples with an intent, found none`);
  const data = new Dataset({
    text: { dtype: "string", values: known.map((one) => one.text) },
    label: { dtype: "string", values: known.map(({ intent = "" }) => intent) },
  });
  return { data, badRows: 0, notes: all, purpose: ROLES["labelled-lines"] };
}

/** The labelled texts of a file. */
async function readTagged(
  path: string,
  format: Exclude<Format, "plain" | "labelled-lines" | "rasa">,
  options: TextOptions,
): Promise<ReadTexts> {
  const decoded = async (): Promise<Awaited<ReturnType<typeof readText>>> => readText(path, options.encoding);
  if (format !== "tokens" && format !== "token-table" && format !== "span-table") {
    const { text, notes } = await decoded();
    const read = parse(text, format, path, options);
    return { ...read, notes: [...notes, ...read.notes] };
  }
  const isParquet = tableFormat(path) === "parquet";
  const namesOf = await tagNames(path, isParquet ? await hubMetadata(path) : undefined);
  const isJson = /\.(jsonl|ndjson|json)(\.gz)?$/i.test(path);
  if (format === "tokens" && isJson)
    return parseTokenRows(sentencesIn(jsonRows((await decoded()).text, path)), path, namesOf, options);
  const { encoding, delimiter, skipBadRows } = options;
  const table = await readTable(path, {
    asText: true,
    // No word is a missing value: `null` and `NA` are words.
    missing: [],
    encoding,
    delimiter,
    skipBadRows,
  });
  const rows = Array.from({ length: table.data.length }, (_, i) => ({ value: table.data.row(i), place: `row ${i + 1}` }));
  if (format === "span-table") {
    const spans = rows.map(({ value, place }) => ({ value: spanRow(value), place }));
    const read = parseSpanRows(spans, path, options);
    return { ...read, notes: [...table.notes, ...read.notes] };
  }
  const read =
    format === "token-table" ? parseTokenTable(table.data, path, options) : parseTokenRows(rows, path, namesOf, options);
  return { ...read, notes: [...table.notes, ...read.notes] };
}

/** A running text in parts: the first to learn from, then one to choose and one to measure by. */
function cutParts(text: string, where: string, options: TextOptions): { parts: Required<Parts>; notes: string[] } {
  const { testFraction = 0.1, validationFraction = 0.1 } = options;
  const shares = [1 - testFraction - validationFraction, validationFraction, testFraction];
  const given = shares.filter((share) => share > 0);
  const ends = given.slice(0, -1).map((_, i) => given.slice(0, i + 1).reduce((a, b) => a + b, 0));
  const pieces = cutText(text, ends, where).map(textRow);
  const [train, validation, test] = shares.map((share) => (share > 0 ? (pieces.shift() as Dataset) : textRow("").take(0))) as [
    Dataset,
    Dataset,
    Dataset,
  ];
  const percent = shares.map((share) => Math.round(100 * share));
  const notes = [`the text was cut in order: ${percent[0]} % for training, ${percent[1]} % validation, ${percent[2]} % test`];
  return { parts: { train, validation, test }, notes: given.length === 1 ? [] : notes };
}

/** Rows of texts, and how many lines were left out. */
interface TextRows {
  readonly data: Dataset;
  readonly badRows: number;
  readonly notes: readonly string[];
  /** Where it is not that of the format. */
  readonly purpose?: Purpose;
}

/** The texts of a file as rows. */
async function readTextRows(path: string, format: Format, options: TextOptions): Promise<TextRows> {
  if (format === "rasa") return readRasa(path, options);
  if (format === "plain" || format === "labelled-lines") {
    const { text, notes } = await readText(path, options.encoding);
    return format === "plain"
      ? { data: textRow(text), badRows: 0, notes }
      : { ...parseLabelledLines(text, path, options), notes };
  }
  const { texts, notes } = await readTagged(path, format, options);
  return { data: labelledTexts(texts), badRows: 0, notes };
}

/** A file of texts, or undefined where it is something else. */
export async function openTextFile(path: string, options: TextOptions): Promise<TextSource | undefined> {
  const format = await formatOf(path, options);
  if (format === undefined) return undefined;
  const name = basename(path);
  if (format === "plain") {
    const { text, notes } = await readText(path, options.encoding);
    const cut = cutParts(text, path, options);
    return { name, parts: cut.parts, ...ROLES.plain, badRows: 0, notes: [...notes, ...cut.notes] };
  }
  const { data, purpose = ROLES[format], ...read } = await readTextRows(path, format, options);
  return { name, parts: { train: data }, ...purpose, ...read };
}

/** A folder with a text file for each part (`train.conll`, `dev.conll`, `test.conll`), or undefined where it holds something else. */
export async function openTextFolder(
  folder: string,
  files: readonly string[],
  options: TextOptions,
): Promise<TextSource | undefined> {
  const found = new Map<string, string>();
  for (const file of files) {
    // train.conll, en_ewt-ud-train.conllu
    const part = file
      .split(/[-_.]/)
      .map(partNamed)
      .find((name) => name !== undefined);
    const path = join(folder, file);
    if (part !== undefined && !found.has(part) && (await formatOf(path, options)) !== undefined) found.set(part, path);
  }
  const first = found.get("train");
  if (first === undefined) return openRasa(folder, files, options);
  const format = (await formatOf(first, options)) as Format;
  const notes: string[] = [];
  let badRows = 0;
  let purpose = ROLES[format];
  const read = async (path: string | undefined): Promise<Dataset | undefined> => {
    if (path === undefined) return undefined;
    // Every part has what the first one has.
    const rows = await readTextRows(path, format, purpose === ROLES[format] ? options : { ...options, tableOf: "texts" });
    notes.push(...rows.notes);
    badRows += rows.badRows;
    purpose = rows.purpose ?? purpose;
    return rows.data;
  };
  const train = (await read(first)) as Dataset;
  const [validation, test] = [await read(found.get("validation")), await read(found.get("test"))];
  const parts: Parts = { train, ...(validation && { validation }), ...(test && { test }) };
  return { name: basename(folder), parts, ...purpose, badRows, notes };
}

/** The examples in all files of a Rasa project's folder, whatever they are called; undefined where there are none. */
async function openRasa(folder: string, files: readonly string[], options: TextOptions): Promise<TextSource | undefined> {
  const paths: string[] = [];
  for (const file of files) if ((await formatOf(join(folder, file), options)) === "rasa") paths.push(join(folder, file));
  if (paths.length === 0) return undefined;
  const read = await Promise.all(paths.map((path) => readRasa(path, options)));
  // Files of intents alone go with those that mark entities, as texts without any.
  const purpose = read.every((rows) => rows.purpose !== undefined) ? ROLES["labelled-lines"] : ROLES.rasa;
  const parts = read.map(({ data, purpose: own }) =>
    purpose === ROLES.rasa && own !== undefined
      ? labelledTexts(data.texts("text").map((text) => ({ text: text ?? "", spans: [] })))
      : data,
  );
  const train = concatenate(parts);
  return { name: basename(folder), parts: { train }, ...purpose, badRows: 0, notes: read.flatMap(({ notes }) => notes) };
}

/** The texts of a folder or an archive with annotations beside them, or undefined where it holds something else. */
export async function openStandoff(tree: FileTree, name: string, options: TextOptions): Promise<TextSource | undefined> {
  const read = options.tableOf === undefined ? await readStandoff(tree, options) : undefined;
  if (read === undefined) return undefined;
  const notes = [...read.notes, ...[...read.parts.values()].flatMap((part) => part.notes)];
  const part = (of: PartName): Dataset | undefined => {
    const found = read.parts.get(of);
    return found && labelledTexts(found.texts);
  };
  const [train, validation, test] = [part("train"), part("validation"), part("test")];
  if (train === undefined) throw new DataError(`${tree.where}: expected texts with annotations to train on, found empty ones`);
  return { name, parts: { train, ...defined({ validation, test }) }, ...ROLES.spans, badRows: 0, notes };
}

/** A table in a file, or in a zip file. */
async function readKnownTable(content: Uint8Array, path: string, options: TableOptions): Promise<ReadTable> {
  if (!isZip(content)) return readTable(path, options);
  // DuckDB reads files: the table stands in one while it is read.
  const folder = await mkdtemp(join(tmpdir(), "descent-table-"));
  try {
    const file = join(folder, "table.csv");
    await writeFile(file, await unzip(content, path));
    return await readTable(file, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Columns by their names, and labels with the names of what their numbers stand for. */
function namedColumns(data: Dataset, { columns, target = "label", classes }: TextsLayout, where: string): Dataset {
  const named =
    columns === undefined ? data : data.rename(Object.fromEntries(data.names.map((name, i) => [name, columns[i] ?? name])));
  const label = named.column(target);
  return classes === undefined || isText(label) ? named : named.with({ [target]: checkLabels(label, classes, where) });
}

/** The texts of a known data set. */
export async function knownTexts(
  known: KnownDataset,
  layout: TextsLayout,
  options: FindOptions & TextOptions & TableOptions,
): Promise<TextSource> {
  const notes: string[] = [];
  let badRows = 0;
  const read = async (file: KnownFile): Promise<Dataset> => {
    const { path, content } = await findKnownFile(known, file, options);
    if (layout.format === "table") {
      // A table whose name says nothing (.txt) has tabs.
      const header = layout.columns === undefined ? {} : { header: false, format: tableFormat(path) ?? ("tsv" as const) };
      const table = await readKnownTable(content, path, { ...options, ...header });
      badRows += table.badRows;
      return namedColumns(table.data, layout, path);
    }
    const text = decodeUtf8(isZip(content) ? await unzip(content, path) : content, path);
    if (layout.format === "plain") return textRow(text);
    // Some published sets hold a few broken tags: what is said of them is how many.
    const { texts, notes: said } = parse(text, layout.format, file.name, { ...options, repair: true });
    notes.push(...said);
    return labelledTexts(texts);
  };
  const { name, task } = known;
  const format = layout.format === "table" ? undefined : layout.format;
  const roles = format === undefined ? { text: layout.text ?? "text", target: layout.target ?? "label" } : ROLES[format].roles;
  if (layout.lastTenth === true) {
    const whole = (await read(layout.train)).texts("text")[0] as string;
    const [train, held] = cutText(whole, [0.9], name).map(textRow) as [Dataset, Dataset];
    notes.push("the last tenth of the text is held out, as is usual for this set: validation and test are the same");
    return { name, parts: { train, validation: held, test: held }, roles, task, badRows, notes };
  }
  const parts: Parts = {
    train: await read(layout.train),
    ...(layout.validation === undefined ? {} : { validation: await read(layout.validation) }),
    ...(layout.test === undefined ? {} : { test: await read(layout.test) }),
  };
  return { name, parts, roles, task, badRows, notes };
}
