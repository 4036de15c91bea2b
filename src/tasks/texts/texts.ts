/**
 * @module The common part of text tasks: a tokenizer that is learned with the model and saved with it, texts as rows of token ids, and batches of
 * about one length.
 */
import { tokenizerFrom } from "#tokenizers";
import type { WorkerCollate } from "../../data/node.js";
import { bucketBounds, Dataset, raggedCollate, raggedColumn } from "../../data/index.js";
import type { RaggedOptions } from "../../data/index.js";
import { joinerOf } from "../../data/text/labelled-text.js";
import type { Dim } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import type { Encoding, Tokenizer, TokenizerJson } from "../../text/index.js";
import { parseTokenizerJson, vocabularyOf } from "../../text/tokenizer-json.js";
import { trainByteLevelBpe, trainCharacters, trainWordPiece, trainWords } from "../../text/index.js";
import { ConfigError } from "../../util/errors.js";
import type { Buckets, ColumnTypes, TaskContext, TaskInfo, TaskOptions, Inherited } from "../task.js";
import { takesNoMask } from "../graph-use.js";
import { asWindows, textCount, windowedCount } from "../shared/windows.js";

export interface TextInfo extends TaskInfo {
  /** The text of its `tokenizer.json`. */
  readonly tokenizer: string;
  /** Rows that an embedding needs. */
  readonly vocabularySize: number;
  /** The id behind a text's end. */
  readonly padId: number;
  /** The most tokens that the model is given at once, those of the template included. */
  readonly maxLength: number;
  /** Tokens that windows of a longer text share where it is measured or answered; left out, it is cut. */
  readonly stride?: number;
}

const made = new Map<string, Promise<Tokenizer>>();

/** The tokenizer of a model, made once. `where` names its file in messages. */
export function tokenizerOf({ tokenizer }: Pick<TextInfo, "tokenizer">, where?: string): Promise<Tokenizer> {
  const found = made.get(tokenizer) ?? tokenizerFrom(tokenizer, where === undefined ? {} : { where });
  made.set(tokenizer, found);
  return found;
}

/** The tokens of a model by their ids. */
export function tokenNames({ tokenizer }: Pick<TextInfo, "tokenizer">): ReadonlyMap<number, string> {
  return new Map([...vocabularyOf(parseTokenizerJson(tokenizer, "tokenizer.json"))].map(([token, id]) => [id, token]));
}

/** A token that could not be seen, as one of blanks alone, between quotes. */
const shown = (name: string): string => (name.trim() === "" ? JSON.stringify(name) : name);

/** Names of all tokens of the vocabulary, in the order of their ids. */
export function tokenLabels(info: TextInfo): string[] {
  const names = tokenNames(info);
  return Array.from({ length: info.vocabularySize }, (_, id) => shown(names.get(id) ?? String(id)));
}

/**
 * Lists the text of each token as a person reads it; what stands for part of a character, or for nothing, as the vocabulary names it. Tokens that are
 * those of `text`, at its beginning, are parts of it, also where the vocabulary does not know them.
 */
export async function tokenPieces(info: TextInfo, ids: readonly number[], text = ""): Promise<string[]> {
  const [tokenizer, names] = [await tokenizerOf(info), tokenNames(info)];
  const { ids: own, offsets } = await tokenizer.encode(text, { maxLength: info.maxLength, specialTokens: false });
  const begins = own.length <= ids.length && own.every((id, t) => id === ids[t]);
  const pieces = await Promise.all(
    ids.map(async (id, t) =>
      begins && t < own.length ? text.slice(offsets[2 * t], offsets[2 * t + 1]) : await tokenizer.decode([id]),
    ),
  );
  return pieces.map((piece, t) =>
    piece === "" || piece.includes("\uFFFD") ? (names.get(ids[t] as number) ?? String(ids[t])) : piece,
  );
}

/** The kinds of vocabulary. */
export const TOKENIZERS = {
  words: (texts: readonly string[], vocabularySize: number) => trainWords(texts, { vocabularySize }),
  characters: (texts: readonly string[], vocabularySize: number, more: readonly string[] = []) =>
    trainCharacters(texts, { vocabularySize, specialTokens: ["[PAD]", "[UNK]", ...more] }),
  wordpiece: (texts: readonly string[], vocabularySize: number) => trainWordPiece(texts, { vocabularySize }),
  bpe: (texts: readonly string[], vocabularySize: number, more: readonly string[] = []) =>
    trainByteLevelBpe(texts, { vocabularySize, specialTokens: ["[PAD]", ...more] }),
} as const;

export type TokenizerKind = keyof typeof TOKENIZERS;

/** Chooses a vocabulary for the texts' language: characters where words are short rows of them, as in Chinese and Japanese; subwords elsewhere. */
export const usualTokenizer = (texts: readonly string[]): TokenizerKind =>
  joinerOf(texts.slice(0, 1000).flatMap((text) => text.slice(0, 200).split(/\s+/))) === "" ? "characters" : "wordpiece";

const END = "[EOS]";

/** The template that puts a token behind each text. */
function endedBy(json: TokenizerJson, token: string): TokenizerJson {
  const id = vocabularyOf(json).get(token) as number;
  const part = (text: string, typeId: number) => ({ Sequence: { id: text, type_id: typeId } });
  const end = { SpecialToken: { id: token, type_id: 0 } };
  const template = {
    type: "TemplateProcessing",
    single: [part("A", 0), end],
    pair: [part("A", 0), end, part("B", 0), end],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
  const before = json.post_processor;
  return { ...json, post_processor: before ? { type: "Sequence", processors: [before, template] } : template };
}

export interface LearnOptions {
  readonly kind?: TokenizerKind;
  readonly vocabularySize?: number;
  /** A token ends each text; WordPiece has one anyway. */
  readonly ends?: boolean;
}

/** A tokenizer of the given texts, and what a model must know of it. Errors: as the trainers of `descentjs/text`. */
export async function learnTokenizer(texts: readonly string[], options: LearnOptions = {}): Promise<Tokenizer> {
  const { kind = usualTokenizer(texts), vocabularySize = 16_000, ends = false } = options;
  if (!ends || kind === "wordpiece" || kind === "words") return tokenizerFrom(await TOKENIZERS[kind](texts, vocabularySize));
  return tokenizerFrom(endedBy(await TOKENIZERS[kind](texts, vocabularySize, [END]), END));
}

/** The tokenizer that was asked for: learned from the given texts, or a file's. ConfigError for a kind that there is not. */
export async function textTokenizer(
  texts: readonly string[],
  { tokenizer, vocabularySize }: Pick<TaskOptions, "tokenizer" | "vocabularySize">,
  usual: LearnOptions = {},
): Promise<Tokenizer> {
  if (tokenizer?.startsWith("{") === true) return tokenizerFrom(tokenizer);
  const kinds = Object.keys(TOKENIZERS) as TokenizerKind[];
  const kind = kinds.find((name) => name === tokenizer) ?? usual.kind;
  if (tokenizer !== undefined && kind !== tokenizer)
    throw new ConfigError(`--tokenizer: expected ${kinds.join(", ")}, or a tokenizer.json, got ${tokenizer}`);
  return learnTokenizer(texts, { ...usual, kind, vocabularySize: vocabularySize ?? usual.vocabularySize });
}

/** Returns a tokenizer's entries in a task's info. */
export function tokenizerInfo(
  tokenizer: Tokenizer,
  maxLength: number,
): Pick<TextInfo, "tokenizer" | "vocabularySize" | "padId" | "maxLength"> {
  if (!Number.isInteger(maxLength) || maxLength < 3)
    throw new ConfigError(`--max-length: expected at least 3 tokens, got ${maxLength}`);
  return { tokenizer: tokenizer.toJson(), vocabularySize: tokenizer.size, padId: tokenizer.special.pad ?? 0, maxLength };
}

/**
 * The length that texts are cut to: what is asked for, or the usual one, as far as the model that training starts from takes it. ConfigError for more.
 */
export function lengthFor(
  { maxLength, maxPositions = Infinity }: Pick<TaskOptions, "maxLength"> & Pick<Inherited, "maxPositions">,
  usual: number,
): number {
  if (maxLength !== undefined && maxLength > maxPositions)
    throw new ConfigError(`--max-length: expected at most the ${maxPositions} tokens that the model takes, got ${maxLength}`);
  return maxLength ?? Math.min(usual, maxPositions);
}

/** Encodings as rows: `input_ids` [N, T] of different lengths, and `length` [N]. An empty one is a row of one padding token. */
export function encodedRows(encodings: readonly Pick<Encoding, "ids">[], { padId }: Pick<TextInfo, "padId">): Dataset {
  const ids = encodings.map((encoding) => (encoding.ids.length > 0 ? encoding.ids : Int32Array.of(padId)));
  const data = Int32Array.from(ids, (row) => row.length);
  return new Dataset({ input_ids: raggedColumn(ids), length: { dtype: "int32", shape: [data.length], data } });
}

/**
 * Texts as rows. One that is longer than the model takes is several rows that overlap (`windows.ts`), or, without a stride, cut (`cut` [N]: by how many
 * tokens).
 */
export async function encodeTexts(
  texts: readonly string[],
  info: Pick<TextInfo, "tokenizer" | "padId" | "maxLength" | "stride">,
): Promise<Dataset> {
  const { maxLength, stride } = info;
  const tokenizer = await tokenizerOf(info);
  const whole = await tokenizer.encodeBatch(texts, { maxLength });
  const pieces = await Promise.all(
    whole.map((encoding, i) =>
      stride !== undefined && encoding.cut > 0
        ? tokenizer.encodeWindows(texts[i] as string, { maxLength, stride })
        : Promise.resolve([encoding]),
    ),
  );
  const cut = Int32Array.from(pieces.flat(), (encoding) => (stride === undefined ? encoding.cut : 0));
  return asWindows(
    encodedRows(pieces.flat(), info).with({ cut }),
    pieces.map((windows) => windows.length),
  );
}

/** Says how many texts are cut, or read in windows, if any. */
export function lengthNotes(parts: readonly Dataset[], { maxLength }: Pick<TextInfo, "maxLength">, remedy: string): string[] {
  const sum = (of: (rows: Dataset) => number): number => parts.reduce((total, rows) => total + of(rows), 0);
  const isCut = (rows: Dataset): number => toNumbers(rows.tensor("cut")).filter((tokens) => tokens > 0).length;
  const [texts, cut, windowed] = [sum(textCount), sum(isCut), sum(windowedCount)];
  const longer = (count: number): string =>
    `${count} of ${texts} texts ${count === 1 ? "is" : "are"} longer than the ${maxLength} tokens that the model takes, and`;
  return [
    ...(cut > 0 ? [`${longer(cut)} cut; ${remedy}`] : []),
    ...(windowed > 0 ? [`${longer(windowed)} read in windows, ${sum((rows) => rows.length)} in all`] : []),
  ];
}

const TRAINING_BUCKETS = 4;
const STEP = 8;

/** Widths, none beyond what the model takes. */
const within = (widths: readonly number[], { maxLength = Infinity }: { readonly maxLength?: number }): number[] => [
  ...new Set(widths.map((width) => Math.min(width, maxLength))),
];

/** A few widths that about as many rows need each, for training: one graph is compiled for each. */
export function textBuckets(info: TaskInfo & { readonly maxLength?: number }, rows: Dataset): Buckets {
  const lengths = Array.from(rows.tensor("length").data, Number);
  return { lengths, bounds: within(bucketBounds(lengths, TRAINING_BUCKETS, STEP), info) };
}

/** Widths that a batch may have: in training those of the buckets; in use, where any length will do, hardly wider than the longest row. */
export function batchWidths(
  { info, use }: Pick<TaskContext<TaskInfo & { readonly maxLength?: number }>, "info" | "use">,
  rows: Dataset,
): readonly number[] {
  const { lengths, bounds } = textBuckets(info, rows);
  if (use === "train") return bounds;
  if (takesNoMask(info)) return [...new Set(Array.from(lengths))].sort((a, b) => a - b);
  const longest = Array.from(lengths).reduce((a, b) => Math.max(a, b), 1);
  return within(
    Array.from({ length: Math.ceil(longest / STEP) }, (_, i) => (i + 1) * STEP),
    info,
  );
}

/**
 * Makes batches of rows: `input_ids` and `attention_mask`, and columns of the same lengths besides.
 */
export function textCollate(
  context: Pick<TaskContext<TaskInfo & Pick<TextInfo, "padId"> & { readonly maxLength?: number }>, "info" | "use">,
  rows: Dataset,
  more: Pick<RaggedOptions, "keep"> & { readonly columns?: RaggedOptions["columns"] } = {},
): WorkerCollate {
  return raggedCollate({
    length: "length",
    bounds: batchWidths(context, rows),
    columns: { input_ids: { from: "input_ids", dtype: "int64", pad: context.info.padId }, ...more.columns },
    mask: "attention_mask",
    keep: more.keep,
  });
}

/** The columns that every text model reads, named as in Hugging Face's files. */
export const textInputs = ({ length }: Pick<TaskContext<TextInfo>, "length">, batch: Dim): ColumnTypes => {
  const shape = [batch, length ?? 1];
  return { input_ids: { shape, dtype: "int64" }, attention_mask: { shape, dtype: "int64" } };
};
