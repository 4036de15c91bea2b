/**
 * @module BERT: an encoder that reads a text in both directions. Parameter names and shapes are those of Hugging Face's `BertModel`; the heads are in
 * `bert-heads.ts`.
 */
import type { Tensor } from "../graph/index.js";
import type { Activation, ActivationName } from "../nn/index.js";
import {
  activationNamed,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  mergeHeads,
  Module,
  normalInit,
  paddingMask,
  scaledDotProductAttention,
  splitHeads,
  zerosInit,
} from "../nn/index.js";
import { ConfigError } from "../util/errors.js";
import { learnedPositions } from "./learned-positions.js";

/** Options of BERT. */
export interface BertOptions {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  /** The longest text, in tokens. */
  readonly maxPositions?: number;
  /** Kinds of segment: sentence A and sentence B. */
  readonly typeVocabSize?: number;
  readonly activation?: ActivationName | Activation;
  /** After the embeddings, after attention, and after the perceptron. */
  readonly dropout?: number;
  /** Dropout of the attention weights. */
  readonly attentionDropout?: number;
  readonly epsilon?: number;
}

/** Further inputs of BERT: which tokens are real, bool [N, T], types and positions of tokens, int64 [N, T]. */
export interface BertInputs {
  /** True at tokens that are not padding: [N, T]. */
  readonly mask?: Tensor;
  /** The segment of each token: [N, T]; left out, 0. */
  readonly tokenTypes?: Tensor;
  /** The position of each token in its text: [T] or [N, T]; left out, 0, 1, 2, …. */
  readonly positions?: Tensor;
  /** Vectors in place of the word embeddings of the tokens: [N, T, D]. */
  readonly inputsEmbeds?: Tensor;
}

const weightInit = normalInit(0.02);
/** A linear layer as BERT's begin. */
export const bertLinear = (from: number, to: number): Linear => new Linear(from, to, { weightInit, biasInit: zerosInit });
/** A norm with BERT's epsilon. */
export const bertLayerNorm = ({ hiddenSize, epsilon = 1e-12 }: BertOptions): LayerNorm => new LayerNorm(hiddenSize, { epsilon });

class Embeddings extends Module {
  static override readonly pathNames = { layerNorm: "LayerNorm" };
  readonly wordEmbeddings: Embedding;
  readonly positionEmbeddings: Embedding;
  readonly tokenTypeEmbeddings: Embedding;
  readonly layerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(options: BertOptions) {
    super();
    const { vocabSize, hiddenSize, maxPositions = 512, typeVocabSize = 2, dropout = 0.1 } = options;
    this.wordEmbeddings = new Embedding(vocabSize, hiddenSize, { weightInit });
    this.positionEmbeddings = new Embedding(maxPositions, hiddenSize, { weightInit });
    this.tokenTypeEmbeddings = new Embedding(typeVocabSize, hiddenSize, { weightInit });
    this.layerNorm = bertLayerNorm(options);
    this.dropout = new Dropout(dropout);
  }

  override forward(tokens: Tensor, inputs: BertInputs = {}): Tensor {
    const { tokenTypes, positions, inputsEmbeds = this.wordEmbeddings.forward(tokens) } = inputs;
    const types =
      tokenTypes === undefined ? this.tokenTypeEmbeddings.weight.slice(0, 0, 1) : this.tokenTypeEmbeddings.forward(tokenTypes);
    const x = inputsEmbeds.add(types).add(learnedPositions(this.positionEmbeddings, tokens, positions)); // [N, T, D]
    return x.pipe(this.layerNorm, this.dropout);
  }
}

/** Queries, keys and values of a layer, and their attention. */
class SelfAttention extends Module {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly #heads: number;
  readonly #dropout: number;

  constructor({ hiddenSize, numHeads, attentionDropout = 0.1 }: BertOptions) {
    super();
    this.query = bertLinear(hiddenSize, hiddenSize);
    this.key = bertLinear(hiddenSize, hiddenSize);
    this.value = bertLinear(hiddenSize, hiddenSize);
    this.#heads = numHeads;
    this.#dropout = attentionDropout;
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    const [q, k, v] = [this.query, this.key, this.value].map((layer) => splitHeads(layer.forward(x), this.#heads)) as [
      Tensor,
      Tensor,
      Tensor,
    ]; // [N, h, T, d]
    const options = { dropout: this.#dropout, mask: mask && paddingMask(mask) };
    return mergeHeads(scaledDotProductAttention(q, k, v, options)); // [N, T, D]
  }
}

/** A linear layer, dropout, and the sum with what went around, normalized: post-norm, as in the Transformer. */
class ResidualOutput extends Module {
  static override readonly pathNames = { layerNorm: "LayerNorm" };
  readonly dense: Linear;
  readonly layerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(from: number, options: BertOptions) {
    super();
    this.dense = bertLinear(from, options.hiddenSize);
    this.layerNorm = bertLayerNorm(options);
    this.dropout = new Dropout(options.dropout ?? 0.1);
  }

  override forward(x: Tensor, around: Tensor): Tensor {
    return this.layerNorm.forward(x.pipe(this.dense, this.dropout).add(around));
  }
}

class Attention extends Module {
  readonly self: SelfAttention;
  readonly output: ResidualOutput;

  constructor(options: BertOptions) {
    super();
    this.self = new SelfAttention(options);
    this.output = new ResidualOutput(options.hiddenSize, options);
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    return this.output.forward(this.self.forward(x, mask), x);
  }
}

class Intermediate extends Module {
  readonly dense: Linear;
  readonly #activation: Activation;

  constructor({ hiddenSize, intermediateSize, activation = "gelu" }: BertOptions) {
    super();
    this.dense = bertLinear(hiddenSize, intermediateSize);
    this.#activation = activationNamed(activation);
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.dense, this.#activation);
  }
}

class Layer extends Module {
  readonly attention: Attention;
  readonly intermediate: Intermediate;
  readonly output: ResidualOutput;

  constructor(options: BertOptions) {
    super();
    this.attention = new Attention(options);
    this.intermediate = new Intermediate(options);
    this.output = new ResidualOutput(options.intermediateSize, options);
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    const h = this.attention.forward(x, mask); // [N, T, D]
    return this.output.forward(this.intermediate.forward(h), h);
  }
}

class Encoder extends Module {
  readonly layer: readonly Layer[];

  constructor(options: BertOptions) {
    super();
    this.layer = Array.from({ length: options.numLayers }, () => new Layer(options));
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    return this.layer.reduce((h, layer) => layer.forward(h, mask), x);
  }
}

/** The first token's state through a linear layer and tanh: a vector for the whole text. */
class Pooler extends Module {
  readonly dense: Linear;

  constructor({ hiddenSize }: BertOptions) {
    super();
    this.dense = bertLinear(hiddenSize, hiddenSize);
  }

  override forward(states: Tensor): Tensor {
    return this.dense.forward(states.slice(1, 0, 1).squeeze(1)).tanh(); // [N, D]
  }
}

/**
 * BERT without a head: post-norm blocks over token, position and segment embeddings. Hugging Face's `BertModel`.
 *
 * Shapes: tokens [N, T] → states [N, T, D]; `pool(states)` → [N, D].
 * Errors: ShapeError for more tokens than `maxPositions`; ConfigError if the heads do not divide the width, or for `pool` without one.
 * Source: Devlin et al. 2019, arXiv:1810.04805.
 * Differs from the source: initial weights are normal, not truncated.
 */
export class BertModel extends Module {
  readonly config: BertOptions;
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly pooler: Pooler | null;

  constructor(options: BertOptions, { pooler = true }: { readonly pooler?: boolean } = {}) {
    super();
    const { hiddenSize, numHeads } = options;
    if (hiddenSize % numHeads !== 0)
      throw new ConfigError(`bert: hiddenSize: expected a multiple of ${numHeads} heads, got ${hiddenSize}`);
    this.config = options;
    this.embeddings = new Embeddings(options);
    this.encoder = new Encoder(options);
    this.pooler = pooler ? new Pooler(options) : null;
  }

  override forward(tokens: Tensor, inputs: BertInputs = {}): Tensor {
    return this.encoder.forward(this.embeddings.forward(tokens, inputs), inputs.mask);
  }

  pool(states: Tensor): Tensor {
    if (this.pooler === null) throw new ConfigError("bert: expected a model with a pooler, got one without");
    return this.pooler.forward(states);
  }
}
