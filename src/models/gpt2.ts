/**
 * @module `Gpt2`: a decoder that continues text. Parameter names and shapes are those of Hugging Face's `GPT2LMHeadModel`.
 */
import type { Dim, Initializer, Tensor } from "../graph/index.js";
import type { Activation, ActivationName } from "../nn/index.js";
import {
  activationNamed,
  affine,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  mergeHeads,
  Module,
  normalInit,
  paddingMask,
  splitHeads,
  zerosInit,
} from "../nn/index.js";
import { split } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import type { DecoderShape } from "./attention-cache.js";
import { attend } from "./attention-cache.js";
import { type DecoderInputs, selectedStates } from "./decoder-inputs.js";
import { learnedPositions } from "./learned-positions.js";

/** Options of GPT-2. */
export interface Gpt2Options {
  readonly vocabSize: number;
  /** The longest text. */
  readonly maxPositions: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Width of the hidden layer of each block's perceptron; 4 times the model's by default. */
  readonly intermediateSize?: number;
  readonly activation?: ActivationName | Activation;
  /** After the embeddings, after attention, and after the perceptron. */
  readonly dropout?: number;
  /** Dropout of the attention weights. */
  readonly attentionDropout?: number;
  readonly epsilon?: number;
  /** Output logits by the transposed table of token embeddings. */
  readonly tied?: boolean;
}

const initial = normalInit(0.02);
/** The layers that write into the residual stream begin smaller the more of them there are. Radford et al. 2019, section 2.3. */
const residualInit = (layers: number): Initializer => normalInit(0.02 / Math.sqrt(2 * layers));

/** A linear layer whose weight is stored [in, out], as GPT-2's checkpoints have it. */
const storedLinear = (from: number, to: number, weightInit: Initializer): Linear =>
  new Linear(from, to, { stored: "inOut", weightInit, biasInit: zerosInit });

/** [N, T, 3·D] → queries, keys and values, each [N, h, T, d]. */
function splitQueriesKeysValues(all: Tensor, heads: number): [Tensor, Tensor, Tensor] {
  const [n, t, width] = all.shape as [Dim, Dim, number];
  // A single token's heads lie in their order.
  if (t === 1)
    return split(all, [width / 3, width / 3, width / 3], -1).map((x) => splitHeads(x, heads)) as [Tensor, Tensor, Tensor];
  // One transpose for all three, and pieces that lie in one place each.
  const parts = all.reshape([n, t, 3, heads, width / 3 / heads]).transpose([2, 0, 3, 1, 4]);
  return split(parts, [1, 1, 1]).map((part) => part.squeeze(0)) as [Tensor, Tensor, Tensor];
}

class Attention extends Module {
  readonly cAttn: Linear;
  readonly cProj: Linear;
  readonly residDropout: Dropout;
  readonly #heads: number;
  readonly #dropout: number;

  constructor({ hiddenSize, numHeads, numLayers, dropout = 0.1, attentionDropout = 0.1 }: Gpt2Options) {
    super();
    this.cAttn = storedLinear(hiddenSize, 3 * hiddenSize, initial);
    this.cProj = storedLinear(hiddenSize, hiddenSize, residualInit(numLayers));
    this.residDropout = new Dropout(dropout);
    this.#heads = numHeads;
    this.#dropout = attentionDropout;
  }

  override forward(x: Tensor, { mask, cache }: DecoderInputs = {}): Tensor {
    const [q, k, v] = splitQueriesKeysValues(this.cAttn.forward(x), this.#heads); // [N, h, T, d]
    const y = attend(cache, q, k, v, { causal: true, dropout: this.#dropout, mask: mask && paddingMask(mask) }); // [N, h, T, d]
    return mergeHeads(y).pipe(this.cProj, this.residDropout); // [N, T, D]
  }
}

class Perceptron extends Module {
  readonly cFc: Linear;
  readonly cProj: Linear;
  readonly dropout: Dropout;
  readonly #activation: Activation;

  constructor(options: Gpt2Options) {
    super();
    const { hiddenSize, numLayers, intermediateSize = 4 * hiddenSize, dropout = 0.1, activation = "geluTanh" } = options;
    this.cFc = storedLinear(hiddenSize, intermediateSize, initial);
    this.cProj = storedLinear(intermediateSize, hiddenSize, residualInit(numLayers));
    this.dropout = new Dropout(dropout);
    this.#activation = activationNamed(activation);
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.cFc, this.#activation, this.cProj, this.dropout);
  }
}

class Block extends Module {
  static override readonly pathNames = { ln1: "ln_1", ln2: "ln_2" };
  readonly ln1: LayerNorm;
  readonly attn: Attention;
  readonly ln2: LayerNorm;
  readonly mlp: Perceptron;

  constructor(options: Gpt2Options) {
    super();
    const { hiddenSize, epsilon = 1e-5 } = options;
    this.ln1 = new LayerNorm(hiddenSize, { epsilon });
    this.attn = new Attention(options);
    this.ln2 = new LayerNorm(hiddenSize, { epsilon });
    this.mlp = new Perceptron(options);
  }

  override forward(x: Tensor, inputs: DecoderInputs = {}): Tensor {
    const h = x.add(this.attn.forward(this.ln1.forward(x), inputs));
    return h.add(h.pipe(this.ln2, this.mlp)); // [N, T, D]
  }
}

/**
 * GPT-2 without its output layer: the hidden states of each token. Hugging Face's `GPT2Model`.
 *
 * Shapes: tokens [N, T] → [N, T, D].
 */
export class Gpt2Model extends Module {
  readonly config: Gpt2Options;
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: readonly Block[];
  readonly lnF: LayerNorm;

  constructor(options: Gpt2Options) {
    super();
    const { vocabSize, maxPositions, hiddenSize, numLayers, numHeads, dropout = 0.1, epsilon = 1e-5 } = options;
    if (hiddenSize % numHeads !== 0)
      throw new ConfigError(`gpt2: hiddenSize: expected a multiple of ${numHeads} heads, got ${hiddenSize}`);
    this.config = options;
    this.wte = new Embedding(vocabSize, hiddenSize, { weightInit: initial });
    this.wpe = new Embedding(maxPositions, hiddenSize, { weightInit: initial });
    this.drop = new Dropout(dropout);
    this.h = Array.from({ length: numLayers }, () => new Block(options));
    this.lnF = new LayerNorm(hiddenSize, { epsilon });
  }

  override forward(tokens: Tensor, inputs: DecoderInputs = {}): Tensor {
    const { inputsEmbeds = this.wte.forward(tokens) } = inputs;
    const x = inputsEmbeds.add(learnedPositions(this.wpe, tokens, inputs.positions)); // [N, T, D]
    let h = this.drop.forward(x);
    for (const block of this.h) h = block.forward(h, inputs);
    return this.lnF.forward(h);
  }
}

/**
 * GPT-2: pre-norm blocks, learned positions, tanh-gelu, output tied to the token embeddings.
 *
 * Shapes: tokens [N, T] → logits [N, T, V] of the next token.
 * Errors: ShapeError for more tokens than `maxPositions`; ConfigError if the heads do not divide the width.
 * Source: Radford et al., Language models are unsupervised multitask learners, 2019; code of the same year.
 * Checked against: Hugging Face's `GPT2LMHeadModel`, outputs and gradients, 1e-4, test/models/language-models.test.ts.
 */
export class Gpt2 extends Module {
  readonly config: Gpt2Options;
  readonly transformer: Gpt2Model;
  readonly lmHead: Linear | null;

  constructor(options: Gpt2Options) {
    super();
    this.config = options;
    this.transformer = new Gpt2Model(options);
    const { hiddenSize, vocabSize, tied = true } = options;
    this.lmHead = tied ? null : new Linear(hiddenSize, vocabSize, { bias: false, weightInit: initial });
  }

  /** Sizes of its cache of keys and values. */
  get decoderShape(): DecoderShape {
    const { numLayers, numHeads, hiddenSize } = this.config;
    return { layers: numLayers, groups: numHeads, headSize: hiddenSize / numHeads };
  }

  override forward(tokens: Tensor, inputs: DecoderInputs = {}): Tensor {
    const h = selectedStates(this.transformer.forward(tokens, inputs), inputs); // [N, T, D]
    return affine(h, this.lmHead?.weight ?? this.transformer.wte.weight, null); // [N, T, V]
  }
}
