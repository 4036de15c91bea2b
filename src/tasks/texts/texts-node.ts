/**
 * @module Texts from a command line, and the tokenizer in a run folder.
 */
import { readFile, stat } from "node:fs/promises";
import { text as wholeText } from "node:stream/consumers";
import type { TableOptions } from "../../data/node.js";
import { Dataset, guessRoles, joinedColumns, joinTexts, placeAt, readBoth, tableFormat, tableReading } from "../../data/node.js";
import { decodeUtf8 } from "../../data/text/lines.js";
import { textsBelow } from "../../data/text/class-texts-node.js";
import { looksLabelled, withoutLabels } from "../../data/text/fasttext.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { expectInputs } from "../shared/inputs.js";
import type { Finished, InputOptions, NamedInputs, NodeTask, ReadOptions, Started } from "../task-node.js";
import type { TaskOptions } from "../task.js";
import { loadTokenizer } from "../../text/node.js";
import type { TextInfo } from "./texts.js";
import { TOKENIZERS } from "./texts.js";

/** Texts, each with what it is called in an answer; `rows` are what a table has besides. */
export interface ReadTextInputs extends Omit<NamedInputs, "examples"> {
  readonly texts: readonly string[];
}

const linesOf = (content: string): string[] => content.split(/\r?\n/).filter((line) => line.trim() !== "");

/** A text that is named as a file, and is none, was meant as one. */
const isFileName = (given: string): boolean => /^\S+\.(txt|csv|tsv|jsonl|ndjson|parquet)(\.gz)?$/i.test(given);

/** Options for reading texts. */
interface TextReading extends Omit<InputOptions, "textColumn"> {
  readonly textColumn?: string | undefined;
  /** The schema of tables, as training has learned it. */
  readonly schema?: TableOptions["schema"];
}

/** The texts of a table, in the columns that are asked for, or those of the training, or what looks like one. */
async function readTableTexts(path: string, options: TextReading): Promise<ReadTextInputs> {
  const { skipBadRows = false, textColumn, schema, signal } = options;
  const read = await readBoth(path, {
    skipBadRows,
    signal,
    ...tableReading(options),
    schema,
  });
  const { data, raw, badRows } = read;
  const roles = guessRoles(data, { usualText: textColumn });
  if (roles.text === undefined) throw new DataError(`${path}: expected a column of texts, got ${data.names.join(", ")}`);
  const columns = joinedColumns(data, roles.text);
  const texts = joinTexts(data, columns).map((value, i) => {
    if (value === null || value.trim() === "")
      throw new DataError(
        `${path}: ${placeAt(data.column(columns[0] as string), i)}: expected a text in "${roles.text}", got none`,
      );
    return value;
  });
  return { texts, names: texts, rows: raw, badRows, notes: schema === undefined ? [] : read.notes };
}

async function readInput(given: string, options: TextReading): Promise<ReadTextInputs> {
  if (given === "-") {
    const texts = linesOf(await wholeText(process.stdin));
    return { texts, names: texts, badRows: 0 };
  }
  const found = await stat(given).catch(() => undefined);
  if (found?.isDirectory() === true) {
    const read = await textsBelow(given);
    if (read.texts.length === 0) throw new DataError(`${given}: expected .txt files of a text each, found none`);
    return { ...read, badRows: 0 };
  }
  const isFile = found?.isFile() === true;
  if (found !== undefined && !isFile)
    throw new DataError(`${given}: expected a text or a file that can be read, got neither: it is a pipe or a device`);
  if (!isFile && !isFileName(given)) {
    if (given.trim() === "") throw new DataError("input: expected a text, got an empty one");
    return { texts: [given], names: [given], badRows: 0 };
  }
  if (!isFile) throw new DataError(`${given}: expected a file that can be read, got no such file`);
  if (tableFormat(given) === undefined) {
    const lines = linesOf(decodeUtf8(await readFile(given), given));
    const texts = looksLabelled(lines.join("\n"), true) ? lines.map(withoutLabels) : lines;
    return { texts, names: texts, badRows: 0 };
  }
  return readTableTexts(given, options);
}

/**
 * Texts given on a command line: a text itself, a `.txt` with a text in each line, a table with a column of texts, or `-` for
 * standard input.
 *
 * Errors: DataError for an empty text, a file that cannot be read or is no UTF-8, a table without texts.
 */
export async function readTexts(inputs: readonly string[], options: TextReading = {}): Promise<ReadTextInputs> {
  expectInputs(inputs);
  const read: ReadTextInputs[] = [];
  for (const given of inputs) read.push(await readInput(given, options));
  const texts = read.flatMap((part) => part.texts);
  if (texts.length === 0) throw new DataError("input: expected a text, got none");
  const [only] = read;
  return {
    texts,
    names: read.flatMap((part) => part.names),
    rows: read.length === 1 ? only?.rows : undefined,
    badRows: read.reduce((sum, part) => sum + part.badRows, 0),
    notes: read.flatMap(({ notes = [] }) => notes),
  };
}

/** Reads the inputs of a task that takes texts alone; from a table, the column of that name if there is one. */
export const textInputsFrom =
  (textColumn?: string): NodeTask["readInputs"] =>
  async (model, inputs, options) => {
    const { texts, ...rest } = await readTexts(inputs, { ...options, textColumn });
    const rows = new Dataset({ text: { dtype: "string", values: [...texts] } });
    return { examples: await model.task.encode(rows, model.info), ...rest };
  };

/** The text of the `tokenizer.json` that `--tokenizer` names; nothing where that is not a file or folder. */
async function tokenizerFile({ tokenizer }: Pick<TaskOptions, "tokenizer">): Promise<Pick<TaskOptions, "tokenizer">> {
  if (tokenizer === undefined || Object.hasOwn(TOKENIZERS, tokenizer)) return {};
  const isThere = await stat(tokenizer).then(
    () => true,
    () => false,
  );
  if (!isThere && !tokenizer.endsWith(".json")) return {};
  return { tokenizer: (await loadTokenizer(tokenizer)).toJson() };
}

/** The tokenizer of the model that training starts from, or of the file that was asked for. ConfigError for both. */
export async function readTextOptions(own: TaskOptions, { tokenizer, inherited }: Started): Promise<ReadOptions> {
  if (tokenizer === undefined) return { ...(await tokenizerFile(own)), ...inherited };
  const asked = own.tokenizer !== undefined ? "--tokenizer" : own.vocabularySize !== undefined ? "--vocabulary-size" : undefined;
  if (asked !== undefined) throw new ConfigError(`${asked}: expected none beside --init, whose model has its own tokenizer`);
  return { tokenizer, ...inherited };
}

/** Leaves the tokenizer beside the model, for others that read `tokenizer.json`. */
export const keepTokenizer = ({ writer, prepared }: Finished): Promise<void> =>
  writer.write("tokenizer.json", (prepared.info as TextInfo).tokenizer);
