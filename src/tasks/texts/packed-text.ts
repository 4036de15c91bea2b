/**
 * @module Running text for language models: all tokens one after another in one array, cut into rows for measuring, and windows at random positions for
 * training.
 */
import { joinArrays } from "../../util/join-arrays.js";
import type { WorkerCollate } from "../../data/node.js";
import type { Batch, BatchRequest } from "../../data/index.js";
import { Dataset } from "../../data/index.js";
import type { TensorData } from "../../graph/index.js";
import type { Encoding, Tokenizer } from "../../text/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { Random } from "../../util/random.js";

/** A token that nothing is predicted for. */
export const IGNORED = -100;

/** Text is given to a tokenizer in pieces of about this many characters, cut where a line ends and the next begins with no space. */
const PIECE = 1 << 20;

function* pieces(text: string): Generator<string> {
  const end = /\n(?=\S)/g;
  for (let start = 0; start < text.length;) {
    end.lastIndex = start + PIECE;
    const stop = end.exec(text)?.index ?? text.length - 1;
    yield text.slice(start, stop + 1);
    start = stop + 1;
  }
}

/** Code points of a piece that begin before each token's end, counted from the token before. */
function charactersOf(text: string, { ids, offsets }: Encoding): Int32Array {
  const counts = new Int32Array(ids.length);
  let unit = 0;
  for (let t = 0; t < ids.length; t++) {
    const end = t === ids.length - 1 ? text.length : (offsets[2 * t + 1] as number);
    for (; unit < end; unit += (text.codePointAt(unit) as number) > 0xffff ? 2 : 1) (counts[t] as number)++;
  }
  return counts;
}

/** Tokens of a running text, and how many characters of the text each stands for. */
interface Packed {
  readonly ids: Int32Array;
  readonly characters: Int32Array;
}

const joined = (parts: readonly Int32Array[]): Int32Array => joinArrays(parts, (length) => new Int32Array(length));

/** All texts as one sequence; where the tokenizer has a token that ends texts, it stands between them. */
async function pack(texts: readonly string[], tokenizer: Tokenizer): Promise<Packed> {
  const [ids, characters]: Int32Array[][] = [[], []];
  for (const [n, text] of texts.entries()) {
    const { eos } = tokenizer.special;
    if (n > 0 && eos !== undefined) {
      ids?.push(Int32Array.of(eos));
      characters?.push(Int32Array.of(0));
    }
    for (const piece of pieces(text)) {
      const encoding = await tokenizer.encode(piece, { specialTokens: false });
      ids?.push(encoding.ids);
      characters?.push(charactersOf(piece, encoding));
    }
  }
  return { ids: joined(ids ?? []), characters: joined(characters ?? []) };
}

/**
 * Rows of running text, without overlap: `tokens` int32 [N, width + 1], where the last is the first of the next row, `count` [N] of them that are
 * the text's own beside it, and `characters` [N], those of the text that the predicted tokens stand for.
 *
 * `predicted` says which tokens of a row are predicted: each but the first from those before it, or any.
 * Errors: DataError for a text of fewer than two tokens.
 */
export async function packedRows(
  texts: readonly string[],
  tokenizer: Tokenizer,
  width: number,
  predicted: "next" | "any",
): Promise<Dataset> {
  const { ids, characters } = await pack(texts, tokenizer);
  if (ids.length < 2) throw new DataError(`text: expected at least two tokens, got ${ids.length}`);
  const ahead = predicted === "next" ? 1 : 0;
  const rows = Math.ceil((ids.length - ahead) / width);
  const tokens = new Int32Array(rows * (width + 1));
  const [count, letters] = [new Int32Array(rows), new Int32Array(rows)];
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    tokens.set(ids.subarray(start, start + width + 1), row * (width + 1));
    count[row] = Math.min(width, ids.length - ahead - start);
    letters[row] = characters.subarray(start + ahead, start + ahead + width).reduce((sum, n) => sum + n, 0);
  }
  return new Dataset({
    tokens: { dtype: "int32", shape: [rows, width + 1], data: tokens },
    count: { dtype: "int32", shape: [rows], data: count },
    characters: { dtype: "int32", shape: [rows], data: letters },
  });
}

/** Settings by which windows become a model's input. Plain data, so that it can be sent to a loader's thread. */
export interface WindowOptions {
  /** At random positions, instead of the rows as they are. */
  readonly random: boolean;
  readonly padId: number;
  /** Left out, each token is predicted from those before it. */
  readonly masked?: MaskOptions;
}

/** Devlin et al. 2019, section 3.1: of the tokens 15 % are predicted; of these 80 % are hidden, and 10 % are another token. */
export interface MaskOptions {
  readonly maskId: number;
  readonly vocabularySize: number;
  /** Tokens that begin and end each window. */
  readonly around: readonly number[];
}

const CHOSEN = 0.15;
const HIDDEN = 0.8;
const OTHER = 0.9;

/** Token `t` of the text that rows of `width` lie in; with 1 for `ahead`, the one after it. */
const tokenAt = (tokens: ArrayLike<number>, width: number, t: number, ahead = 0): number =>
  tokens[Math.floor(t / width) * (width + 1) + (t % width) + ahead] as number;

/** The words of an int64 tensor that are written to: no BigInt is made. */
function int64(shape: readonly [number, number]): { readonly tensor: TensorData; readonly words: Int32Array } {
  const data = new BigInt64Array(shape[0] * shape[1]);
  return { tensor: { dtype: "int64", shape, data }, words: new Int32Array(data.buffer) };
}

/** Distance of the largest number of chosen tokens from the mean, in standard deviations: a batch exceeds it once in a thousand million. */
const SPREADS = 6;

/** The most tokens of so many that are chosen in a batch; what there are more are not predicted. */
export const mostChosen = (tokens: number): number =>
  Math.min(tokens, Math.ceil(CHOSEN * tokens + SPREADS * Math.sqrt(CHOSEN * (1 - CHOSEN) * tokens)));

/**
 * The chosen tokens alone: `positions` int32 [M] among all tokens of the batch, and `labels` [M]; behind the last, positions 0 and labels that are
 * `IGNORED`.
 */
function chosenAlone(labels: Int32Array): Batch {
  const shape = [mostChosen(labels.length)];
  const [positions, targets] = [new Int32Array(shape[0] as number), new Int32Array(shape[0] as number).fill(IGNORED)];
  let count = 0;
  for (const [at, label] of labels.entries()) {
    if (label === IGNORED || count === positions.length) continue;
    positions[count] = at;
    targets[count++] = label;
  }
  return { positions: { dtype: "int32", shape, data: positions }, labels: { dtype: "int32", shape, data: targets } };
}

/**
 * A batch of windows: `input_ids` and `attention_mask` int64 [n, T], `labels` int32 [n, T], which are `IGNORED` where nothing is predicted; of random
 * windows with hidden tokens only those, as `positions` and `labels`. What is random is keyed by (seed, epoch, row).
 */
export function windowBatch(dataset: Dataset, { indices, seed, epoch }: BatchRequest, options: WindowOptions): Batch {
  const { random: isRandom, padId, masked } = options;
  const column = dataset.tensor("tokens");
  const [tokens, counts] = [column.data as Int32Array, dataset.tensor("count").data as Int32Array];
  const width = (column.shape[1] as number) - 1;
  // Rows of a text are full but for the last.
  const all = (counts.length - 1) * width + (counts.at(-1) as number);
  const [first, last] = masked?.around ?? [];
  const before = first === undefined ? 0 : 1;
  const length = width + (masked?.around.length ?? 0);
  const [ids, mask] = [int64([indices.length, length]), int64([indices.length, length])];
  const labels = new Int32Array(indices.length * length).fill(IGNORED);
  for (const [n, row] of indices.entries()) {
    const random = new Random(seed, "window", epoch, row);
    const start = isRandom ? Math.max(0, Math.min(row * width + random.integer(width), all - width)) : row * width;
    const count = isRandom ? Math.min(width, all) : (counts[row] as number);
    const put = (place: number, id: number): void => {
      ids.words[2 * (n * length + place)] = id;
      mask.words[2 * (n * length + place)] = 1;
    };
    for (let t = 0; t < length; t++) ids.words[2 * (n * length + t)] = padId;
    if (first !== undefined) put(0, first);
    for (let t = 0; t < count; t++) {
      const id = tokenAt(tokens, width, start + t);
      const at = n * length + before + t;
      if (masked === undefined) {
        put(t, id);
        labels[at] = tokenAt(tokens, width, start + t, 1);
      } else {
        const chosen = random.uniform() < CHOSEN;
        if (chosen) labels[at] = id;
        put(before + t, chosen ? hidden(id, masked, random) : id);
      }
    }
    if (last !== undefined) put(before + count, last);
  }
  const shape = [indices.length, length];
  const targets: Batch =
    isRandom && masked !== undefined ? chosenAlone(labels) : { labels: { dtype: "int32", shape, data: labels } };
  return { input_ids: ids.tensor, attention_mask: mask.tensor, ...targets };
}

function hidden(id: number, { maskId, vocabularySize }: MaskOptions, random: Random): number {
  const draw = random.uniform();
  if (draw < HIDDEN) return maskId;
  return draw < OTHER ? random.integer(vocabularySize) : id;
}

/** `windowBatch` for a loader's thread. */
export const windowCollate = (options: WindowOptions): WorkerCollate => ({
  module: import.meta.url,
  name: "windowBatch",
  options,
});

/** ConfigError unless a training text fills a window. */
export function expectWindow(rows: Dataset, width: number): void {
  const tokens = (rows.tensor("count").data as Int32Array).reduce((sum, n) => sum + n, 0);
  if (tokens < width)
    throw new ConfigError(
      `--max-length: expected at most ${tokens + 1}, the tokens of the training text, got ${width}; give a longer text or a smaller --max-length`,
    );
}
