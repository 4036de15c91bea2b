/**
 * @module Encodings side by side as tensors: padded to one length, or to the smallest of a few, so that few graphs are compiled.
 */
import type { Encoding } from "./assemble.js";
import type { TensorData } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";

/** Options of a batch of tokens: the token that fills up, lengths to fill up to, and at which end. */
export interface PadOptions {
  /** The id at positions without a token. */
  readonly padId: number;
  /** Lengths that a batch may have, ascending; the smallest is taken that holds the longest encoding. Left out: that length. */
  readonly lengths?: readonly number[];
  /** The side of the padding; decoders that generate need it at the start. */
  readonly padAt?: "end" | "start";
}

/** Inputs of a text model, by name. */
export type TokenBatch = Readonly<Record<"input_ids" | "attention_mask" | "token_type_ids", TensorData>>;

/** The smallest of `lengths` that holds `length` tokens. ConfigError if none does. */
export function bucketLength(length: number, lengths: readonly number[]): number {
  const found = lengths.find((candidate) => candidate >= length);
  if (found === undefined)
    throw new ConfigError(
      `tokens: expected at most ${lengths.at(-1)} in one text, got ${length}; give maxLength, or use windows`,
    );
  return found;
}

/** int64 tensor [rows, columns] of zeros, and its low words, which whole numbers below 2^31 are written to: no BigInt is made. */
export function tokenTensor(rows: number, columns: number): { tensor: TensorData; words: Int32Array } {
  const data = new BigInt64Array(rows * columns);
  return { tensor: { dtype: "int64", shape: [rows, columns], data }, words: new Int32Array(data.buffer) };
}

/**
 * The tensors that text models take, by the names they have in Hugging Face's files.
 *
 * Shapes: input_ids, attention_mask (1 at tokens, 0 at padding), token_type_ids: int64 [N, T].
 * Errors: ConfigError if an encoding is longer than the largest of `lengths`.
 */
export function padTokens(encodings: readonly Encoding[], options: PadOptions): TokenBatch {
  const { padId, lengths, padAt = "end" } = options;
  const longest = encodings.reduce((length, encoding) => Math.max(length, encoding.ids.length), 1);
  const width = lengths === undefined ? longest : bucketLength(longest, lengths);
  const [ids, mask, types] = [
    tokenTensor(encodings.length, width),
    tokenTensor(encodings.length, width),
    tokenTensor(encodings.length, width),
  ];
  for (const [n, encoding] of encodings.entries()) {
    const length = encoding.ids.length;
    const start = n * width + (padAt === "end" ? 0 : width - length);
    if (padId !== 0) for (let t = n * width; t < (n + 1) * width; t++) ids.words[2 * t] = padId;
    for (let t = 0; t < length; t++) {
      const at = 2 * (start + t);
      ids.words[at] = encoding.ids[t] as number;
      mask.words[at] = 1;
      types.words[at] = encoding.typeIds[t] as number;
    }
  }
  return { input_ids: ids.tensor, attention_mask: mask.tensor, token_type_ids: types.tensor };
}
