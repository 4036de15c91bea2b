/**
 * @module The interface of text models: tokens become vectors, and vectors logits, so that explanations can attribute to each token's vector.
 */
import type { Tensor } from "../graph/index.js";
import type { Embedding, Module } from "../nn/index.js";

/** Further inputs of text models: which tokens are real, bool [N, T], and embeddings [N, T, D] in place of tokens. */
export interface TextModelInputs {
  /** True (or 1) at tokens that are not padding, which comes after the text: [N, T]. */
  readonly mask?: Tensor;
  /** The output of `embed` for the tokens, or something in its place: [N, T, E]. */
  readonly inputsEmbeds?: Tensor;
}

/** A model of texts. Shapes: tokens [N, T] → logits [N, K], or of each token [N, T, K]. */
export interface TextModel extends Module {
  /** One vector for each token, which depends on little else: [N, T, E]. */
  embed(tokens: Tensor): Tensor;
  forward(tokens: Tensor, inputs?: TextModelInputs): Tensor;
  /** The rows that pretrained vectors take the place of. */
  readonly wordEmbedding?: Embedding;
}
