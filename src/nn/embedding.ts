/**
 * @module `Embedding`: a table of vectors, read by number.
 */
import type { Initializer, Tensor } from "../graph/index.js";
import { isInteger, Parameter } from "../graph/index.js";
import { gather, where } from "../ops/index.js";
import { ConfigError, DTypeError } from "../util/errors.js";
import { expectSizes, layerName } from "./check.js";
import { normalInit } from "./init.js";
import { Module } from "./module.js";

/** Options of an embedding; the row `paddingIndex` stays zero. */
export interface EmbeddingOptions {
  /** A token whose vector is 0 and is not trained. */
  readonly paddingIndex?: number;
  readonly weightInit?: Initializer;
}

/**
 * The vectors of tokens.
 *
 * Shapes: tokens [..] → y [.., D]; weight [V, D]. Types: tokens int64, int32 or uint8, in 0…V − 1.
 * Gradient: with respect to weight; none for tokens.
 * Errors: DTypeError if the tokens are no integers.
 * Differs from PyTorch: the vector at `paddingIndex` is 0 whatever the weight holds there.
 */
export class Embedding extends Module {
  readonly paddingIndex: number | undefined;
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    expectSizes("Embedding", { numEmbeddings, embeddingDim });
    const { paddingIndex, weightInit = normalInit() } = options;
    if (paddingIndex !== undefined && !(Number.isInteger(paddingIndex) && paddingIndex >= 0 && paddingIndex < numEmbeddings))
      throw new ConfigError(`Embedding: paddingIndex: expected an integer in 0…${numEmbeddings - 1}, got ${paddingIndex}`);
    this.paddingIndex = paddingIndex;
    this.weight = new Parameter([numEmbeddings, embeddingDim], { initializer: weightInit });
  }

  override forward(tokens: Tensor): Tensor {
    if (!isInteger(tokens.dtype)) throw new DTypeError(`${layerName(this)}: expected integer tokens, got ${tokens.dtype}`);
    const indices = tokens.cast("int32"); // WebGPU has kernels for these, hardly any for int64
    const vectors = gather(this.weight, indices);
    return this.paddingIndex === undefined ? vectors : where(indices.equal(this.paddingIndex).unsqueeze(-1), 0, vectors);
  }
}
