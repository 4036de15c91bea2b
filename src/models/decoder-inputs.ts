/**
 * @module Inputs that decoders without an encoder (GPT-2, Llama) take besides their tokens, and the states that they compute logits for.
 */
import type { Dim, Tensor } from "../graph/index.js";
import type { AttentionCache } from "./attention-cache.js";

/** Inputs of a decoder besides its tokens. */
export interface DecoderInputs {
  /** True at tokens that are not padding, those of the past included: [N, S]. */
  readonly mask?: Tensor;
  /** The position of each token in its text: [T] or [N, T]; left out, 0, 1, 2, …. */
  readonly positions?: Tensor;
  readonly cache?: AttentionCache;
  /** Vectors in place of the embeddings of the tokens: [N, T, D]. */
  readonly inputsEmbeds?: Tensor;
  /** The one position of each text to compute logits for, int32 or int64 [N]: logits [N, 1, V] in place of all. */
  readonly at?: Tensor;
}

/** States of all positions, [N, T, D], or of the given ones, [N, 1, D]. */
export function selectedStates(states: Tensor, { at }: DecoderInputs): Tensor {
  if (at === undefined) return states;
  const [n, , width] = states.shape as [Dim, Dim, Dim];
  return states.gatherElements(at.reshape([n, 1, 1]).expand([n, 1, width]), 1);
}
