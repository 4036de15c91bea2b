/**
 * @module Pretrained vectors of words or characters in text form (word2vec, GloVe, fastText): streamed, so that a file of gigabytes
 * fills the rows of an embedding and takes no more memory than these.
 */
import type { ReadStream } from "node:fs";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import type { TensorData } from "../graph/index.js";
import { isDecimal } from "../util/decimal.js";
import { DataError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { checkRegular } from "../util/regular-file-node.js";
import { Random } from "../util/random.js";

/** Options of word vectors that are read from a file. */
export interface VectorOptions {
  /** Rows of the embedding; one more than the largest id if left out. */
  readonly size?: number;
  /** Seed of the rows without a vector. */
  readonly seed?: number;
  /** Take the vector of a word in lower case where its own is absent. */
  readonly lowercase?: boolean;
  readonly signal?: AbortSignal;
}

/** Word vectors [V, size] in the order of a vocabulary, and how many words the file had. */
export interface LoadedVectors {
  /** float32 [V, D], to be a model's embedding. */
  readonly weight: TensorData;
  /** Rows that have a vector of the file. */
  readonly found: number;
}

/** Wider vectors are none. */
const WIDEST = 65_536;

/** Characters of a line with as many numbers. */
const LONGEST_LINE = 2 ** 21;

/** The file's content, without gzip. */
function bytesOf(path: string, file: ReadStream): AsyncIterable<Uint8Array> {
  if (!path.endsWith(".gz")) return file;
  const content = createGunzip();
  // A pipe does not hand on errors.
  file.on("error", (cause) => content.destroy(cause));
  return file.pipe(content);
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let file: ReadStream | undefined;
  let rest = "";
  try {
    await checkRegular(path);
    file = createReadStream(path);
    for await (const chunk of bytesOf(path, file)) {
      // Only line feeds: words may hold U+2028, which Node's own reader of lines takes for an end.
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() as string;
      if (rest.length > LONGEST_LINE)
        throw new DataError(
          `${path}: expected a word and its numbers in each line, got a line of over ${LONGEST_LINE} characters`,
        );
      yield* lines;
    }
    if (rest !== "") yield rest;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const reason = fileReason(cause);
    throw new DataError(`${path}: expected a file of vectors that can be read, got an error: ${reason}`, { cause });
  } finally {
    file?.destroy();
  }
}

/** The word and numbers of a line: a word may hold spaces, so numbers are counted from the end. */
function splitLine(line: string, dimension: number): [word: string, numbers: string[]] | undefined {
  const fields = line.trimEnd().split(" ");
  if (fields.length <= dimension) return undefined;
  return [fields.slice(0, fields.length - dimension).join(" "), fields.slice(fields.length - dimension)];
}

/**
 * The rows of an embedding from a file of vectors: one word a line with its numbers, with or without a first line of counts.
 *
 * `vocabulary` says which row a word has: `tokenizer.vocabulary`, or a map. A row without a vector is drawn from a normal
 * distribution as wide as the file's numbers. Of a word that occurs twice the first counts.
 *
 * Shapes: [V, D], D as the file has it.
 * Errors: DataError, with the line, if numbers are too few or none; if no word of the vocabulary is there.
 */
export async function loadVectors(
  path: string,
  vocabulary: ReadonlyMap<string, number>,
  options: VectorOptions = {},
): Promise<LoadedVectors> {
  const { seed = 0, lowercase = false, signal } = options;
  const size = options.size ?? [...vocabulary.values()].reduce((most, id) => Math.max(most, id + 1), 0);
  const requested = requestedRows(vocabulary, lowercase);
  let dimension = 0;
  let data = new Float32Array(0);
  const filled = new Uint8Array(size);
  let number = 0;
  for await (const line of linesOf(path)) {
    number++;
    if (number % 4096 === 0) signal?.throwIfAborted();
    const header = number === 1 ? /^\d+ (\d+)\s*$/.exec(line) : null;
    if (header !== null) dimension = Number(header[1]);
    if (header !== null || line.trim() === "") continue;
    if (dimension === 0) dimension = line.trimEnd().split(" ").length - 1;
    if (dimension > WIDEST)
      throw new DataError(`${path}, line ${number}: expected vectors of at most ${WIDEST} numbers, got ${dimension}`);
    if (data.length === 0) data = new Float32Array(size * dimension);
    const fields = splitLine(line, dimension);
    if (fields === undefined || dimension < 1)
      throw new DataError(`${path}, line ${number}: expected a word and ${dimension} numbers, got "${line.slice(0, 40)}"`);
    for (const { row, exact } of requested.get(fields[0]) ?? []) {
      // 1: by the word in lower case, 2: by the word itself, which nothing takes the place of.
      if ((filled[row] as number) >= (exact ? 2 : 1)) continue;
      for (const [d, field] of fields[1].entries()) {
        const value = Number(field);
        // What float32 cannot hold would be infinite in the embedding, and the first loss not a number.
        if (!isDecimal(field) || !Number.isFinite(Math.fround(value)))
          throw new DataError(`${path}, line ${number}: expected a finite number, got "${field.slice(0, 40)}"`);
        data[row * dimension + d] = value;
      }
      filled[row] = exact ? 2 : 1;
    }
  }
  const found = filled.reduce((count, state) => count + (state > 0 ? 1 : 0), 0);
  if (found === 0) throw new DataError(`${path}: expected words of the vocabulary, got none of its ${vocabulary.size}`);
  fillMissing(data, dimension, filled, seed);
  return { weight: { dtype: "float32", shape: [size, dimension], data }, found };
}

/** Reads the width of a file's vectors. DataError if its first line has none. */
export async function widthOfVectors(path: string): Promise<number> {
  for await (const line of linesOf(path)) {
    const width = widthIn(line);
    if (width >= 1) return width;
    break;
  }
  throw new DataError(`${path}, line 1: expected a word and numbers, or two counts, got none`);
}

/** Numbers of a vector by the first line of a file: its second count, or one less than its fields. */
const widthIn = (line: string): number => Number(/^\d+ (\d+)\s*$/.exec(line)?.[1] ?? line.trimEnd().split(" ").length - 1);

/** The rows that a word's vector fills. */
function requestedRows(
  vocabulary: ReadonlyMap<string, number>,
  lowercase: boolean,
): Map<string, { row: number; exact: boolean }[]> {
  const requested = new Map<string, { row: number; exact: boolean }[]>();
  const want = (word: string, row: number, exact: boolean): void => {
    const rows = requested.get(word);
    if (rows === undefined) requested.set(word, [{ row, exact }]);
    else rows.push({ row, exact });
  };
  for (const [word, row] of vocabulary) {
    want(word, row, true);
    if (lowercase && word.toLowerCase() !== word) want(word.toLowerCase(), row, false);
  }
  return requested;
}

/** Rows without a vector, as wide as those with one; each from its own stream, so that it depends on nothing else. */
function fillMissing(data: Float32Array, dimension: number, filled: Uint8Array, seed: number): void {
  let [sum, squares, count] = [0, 0, 0];
  for (const [row, state] of filled.entries()) {
    if (state === 0) continue;
    for (let d = 0; d < dimension; d++) {
      const value = data[row * dimension + d] as number;
      sum += value;
      squares += value * value;
    }
    count += dimension;
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  for (const [row, state] of filled.entries()) {
    if (state > 0) continue;
    const random = new Random(seed, "vectors", row);
    for (let d = 0; d < dimension; d++) data[row * dimension + d] = random.normal(mean, deviation);
  }
}
