/**
 * @module `Llama`: the decoder of today's open checkpoints: root-mean-square norms, rotary positions, gated perceptrons, and fewer heads for keys
 * and values than for queries. Parameter names are those of Hugging Face's `LlamaForCausalLM`, `MistralForCausalLM` and `Qwen2ForCausalLM`.
 */
import type { Tensor } from "../graph/index.js";
import type { Activation, ActivationName, RotaryAngles, RotaryScaling } from "../nn/index.js";
import {
  activationNamed,
  affine,
  Embedding,
  Linear,
  mergeHeads,
  Module,
  normalInit,
  paddingMask,
  positionsOf,
  RMSNorm,
  rotaryAngles,
  rotate,
  splitHeads,
  zerosInit,
} from "../nn/index.js";
import { ConfigError } from "../util/errors.js";
import type { DecoderShape } from "./attention-cache.js";
import { attend } from "./attention-cache.js";
import { type DecoderInputs, selectedStates } from "./decoder-inputs.js";

/** Options of Llama and its kin (Mistral, Qwen2). */
export interface LlamaOptions {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  /** Number of query heads. */
  readonly numHeads: number;
  /** Number of key and value heads; as many as query heads by default. */
  readonly numKeyValueHeads?: number;
  /** hiddenSize / numHeads by default. */
  readonly headSize?: number;
  /** The longest text that it was made for; longer ones run. */
  readonly maxPositions?: number;
  readonly theta?: number;
  readonly scaling?: RotaryScaling;
  readonly activation?: ActivationName | Activation;
  readonly epsilon?: number;
  /** Output logits by the transposed table of token embeddings. */
  readonly tied?: boolean;
  /** Biases of attention: none (Llama), of queries, keys and values (Qwen2), or of its output as well. */
  readonly attentionBias?: "none" | "inputs" | "all";
  readonly perceptronBias?: boolean;
  /** Dropout of the attention weights. */
  readonly attentionDropout?: number;
}

const weightInit = normalInit(0.02);
const linear = (from: number, to: number, bias: boolean): Linear =>
  new Linear(from, to, { bias, weightInit, biasInit: zerosInit });

/** Heads of queries, of keys and values, and their size. ConfigError if they do not fit. */
function headsOf({ hiddenSize, numHeads, numKeyValueHeads = numHeads, headSize }: LlamaOptions): {
  readonly heads: number;
  readonly groups: number;
  readonly size: number;
} {
  const size = headSize ?? hiddenSize / numHeads;
  if (!Number.isInteger(size))
    throw new ConfigError(`llama: hiddenSize: expected a multiple of ${numHeads} heads, got ${hiddenSize}`);
  if (numHeads % numKeyValueHeads !== 0)
    throw new ConfigError(
      `llama: numHeads: expected a multiple of ${numKeyValueHeads} heads of keys and values, got ${numHeads}`,
    );
  return { heads: numHeads, groups: numKeyValueHeads, size };
}

class Attention extends Module {
  readonly qProj: Linear;
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly oProj: Linear;
  readonly #heads: number;
  readonly #groups: number;
  readonly #dropout: number;

  constructor(options: LlamaOptions) {
    super();
    const { hiddenSize, attentionBias = "none", attentionDropout = 0 } = options;
    const { heads, groups, size } = headsOf(options);
    this.qProj = linear(hiddenSize, heads * size, attentionBias !== "none");
    this.kProj = linear(hiddenSize, groups * size, attentionBias !== "none");
    this.vProj = linear(hiddenSize, groups * size, attentionBias !== "none");
    this.oProj = linear(heads * size, hiddenSize, attentionBias === "all");
    this.#heads = heads;
    this.#groups = groups;
    this.#dropout = attentionDropout;
  }

  override forward(x: Tensor, angles: RotaryAngles, { mask, cache }: DecoderInputs = {}): Tensor {
    const q = rotate(splitHeads(this.qProj.forward(x), this.#heads), angles); // [N, h, T, d]
    const k = rotate(splitHeads(this.kProj.forward(x), this.#groups), angles); // [N, g, T, d]
    const v = splitHeads(this.vProj.forward(x), this.#groups);
    const y = attend(cache, q, k, v, { causal: true, dropout: this.#dropout, mask: mask && paddingMask(mask) });
    return this.oProj.forward(mergeHeads(y)); // [N, T, D]
  }
}

/** down(act(gate(x)) · up(x)): SwiGLU with silu. Shazeer 2020, arXiv:2002.05202, equation 6. */
class Perceptron extends Module {
  readonly gateProj: Linear;
  readonly upProj: Linear;
  readonly downProj: Linear;
  readonly #activation: Activation;

  constructor({ hiddenSize, intermediateSize, perceptronBias = false, activation = "silu" }: LlamaOptions) {
    super();
    this.gateProj = linear(hiddenSize, intermediateSize, perceptronBias);
    this.upProj = linear(hiddenSize, intermediateSize, perceptronBias);
    this.downProj = linear(intermediateSize, hiddenSize, perceptronBias);
    this.#activation = activationNamed(activation);
  }

  override forward(x: Tensor): Tensor {
    return this.downProj.forward(x.pipe(this.gateProj, this.#activation).mul(this.upProj.forward(x)));
  }
}

class Layer extends Module {
  readonly selfAttn: Attention;
  readonly mlp: Perceptron;
  readonly inputLayernorm: RMSNorm;
  readonly postAttentionLayernorm: RMSNorm;

  constructor(options: LlamaOptions) {
    super();
    const { hiddenSize, epsilon = 1e-6 } = options;
    this.selfAttn = new Attention(options);
    this.mlp = new Perceptron(options);
    this.inputLayernorm = new RMSNorm(hiddenSize, { epsilon });
    this.postAttentionLayernorm = new RMSNorm(hiddenSize, { epsilon });
  }

  override forward(x: Tensor, angles: RotaryAngles, inputs: DecoderInputs = {}): Tensor {
    const h = x.add(this.selfAttn.forward(this.inputLayernorm.forward(x), angles, inputs));
    return h.add(h.pipe(this.postAttentionLayernorm, this.mlp)); // [N, T, D]
  }
}

/**
 * Llama without its output layer. Hugging Face's `LlamaModel`.
 *
 * Shapes: tokens [N, T] → [N, T, D].
 */
export class LlamaModel extends Module {
  readonly config: LlamaOptions;
  readonly embedTokens: Embedding;
  readonly layers: readonly Layer[];
  readonly norm: RMSNorm;

  constructor(options: LlamaOptions) {
    super();
    const { vocabSize, hiddenSize, numLayers, epsilon = 1e-6 } = options;
    this.config = options;
    this.embedTokens = new Embedding(vocabSize, hiddenSize, { weightInit });
    this.layers = Array.from({ length: numLayers }, () => new Layer(options));
    this.norm = new RMSNorm(hiddenSize, { epsilon });
  }

  override forward(tokens: Tensor, inputs: DecoderInputs = {}): Tensor {
    const { theta, scaling } = this.config;
    const angles = rotaryAngles(inputs.positions ?? positionsOf(tokens, 1), {
      headSize: headsOf(this.config).size,
      theta,
      scaling,
    });
    let h = inputs.inputsEmbeds ?? this.embedTokens.forward(tokens); // [N, T, D]
    for (const layer of this.layers) h = layer.forward(h, angles, inputs);
    return this.norm.forward(h);
  }
}

/**
 * A Llama-style decoder.
 *
 * Shapes: tokens [N, T] → logits [N, T, V] of the next token.
 * Errors: ConfigError if heads do not divide the width, or groups the heads.
 * Source: Touvron et al. 2023, arXiv:2302.13971, section 2.2; grouped keys and values: Touvron et al. 2023, arXiv:2307.09288.
 * Differs from the source: no sliding window (a Mistral checkpoint that needs one is refused).
 * Checked against: Hugging Face's `LlamaForCausalLM`, `MistralForCausalLM` and `Qwen2ForCausalLM`, outputs and gradients, 1e-4,
 * test/models/language-models.test.ts.
 */
export class Llama extends Module {
  readonly config: LlamaOptions;
  readonly model: LlamaModel;
  readonly lmHead: Linear | null;

  constructor(options: LlamaOptions) {
    super();
    const { hiddenSize, vocabSize, tied = false } = options;
    this.config = options;
    this.model = new LlamaModel(options);
    this.lmHead = tied ? null : linear(hiddenSize, vocabSize, false);
  }

  /** Sizes of its cache of keys and values. */
  get decoderShape(): DecoderShape {
    const { groups, size } = headsOf(this.config);
    return { layers: this.config.numLayers, groups, headSize: size };
  }

  override forward(tokens: Tensor, inputs: DecoderInputs = {}): Tensor {
    const h = selectedStates(this.model.forward(tokens, inputs), inputs); // [N, T, D]
    return affine(h, this.lmHead?.weight ?? this.model.embedTokens.weight, null); // [N, T, V]
  }
}
