/**
 * @module Learned positions, as GPT-2 and BERT have them: a table with a vector for each position.
 */
import type { Tensor } from "../graph/index.js";
import type { Embedding } from "../nn/index.js";
import { arange } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";

/** The vectors of the positions of a text: [T, D], or [N, T, D] where positions are given. ShapeError for a text longer than the table. */
export function learnedPositions(table: Embedding, tokens: Tensor, positions: Tensor | undefined): Tensor {
  if (positions !== undefined) return table.forward(positions);
  const length = tokens.shape[1] ?? 1;
  const most = table.weight.dims[0] as number;
  if (typeof length !== "number") return table.forward(arange(length));
  if (length > most)
    throw new ShapeError(`positions: expected at most ${most} tokens, got ${length}; cut the text, or use windows`);
  return length === most ? table.weight : table.weight.slice(0, 0, length);
}
