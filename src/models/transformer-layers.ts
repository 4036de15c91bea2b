/**
 * @module The layers of the Transformer: attention, perceptron, what goes around both, in the encoder and in the decoder. Parameter names are those of
 * Hugging Face's `MarianMTModel`.
 */
import type { Tensor } from "../graph/index.js";
import type { Activation, ActivationName } from "../nn/index.js";
import {
  activationNamed,
  Dropout,
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
import type { AttentionCache, CacheSide, KeyValues } from "./attention-cache.js";
import { attend } from "./attention-cache.js";

/** Options of a transformer with encoder and decoder. */
export interface TransformerOptions {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly encoderHeads: number;
  readonly decoderHeads: number;
  readonly encoderIntermediateSize: number;
  readonly decoderIntermediateSize: number;
  /** The longest text, in tokens. */
  readonly maxPositions?: number;
  readonly activation?: ActivationName | Activation;
  /** After the embeddings, and after each part of a layer. */
  readonly dropout?: number;
  /** Dropout of the attention weights. */
  readonly attentionDropout?: number;
  /** Inside the perceptrons. */
  readonly activationDropout?: number;
  /** Embeddings times √D, as in the paper. */
  readonly scaleEmbedding?: boolean;
  /** Normalizes what goes into a part in place of what comes out, and once more at the end. */
  readonly normFirst?: boolean;
  /** The token that fills short texts. */
  readonly padToken?: number;
  /** The token that a target begins with. */
  readonly startToken?: number;
  readonly endToken?: number;
}

/** Inputs of a translator beside the source: target tokens [N, T], and which tokens are real. */
export interface TransformerInputs {
  /** The target so far: [N, T]. */
  readonly target: Tensor;
  /** True at tokens of the source that are not padding: [N, S]. */
  readonly sourceMask?: Tensor;
  /** True at tokens of the target that are not padding: [N, T]. */
  readonly targetMask?: Tensor;
  /** In place of the vectors of the source's tokens: [N, S, D]. */
  readonly sourceVectors?: Tensor | undefined;
}

/** Inputs of the decoder besides its tokens. */
export interface TargetInputs {
  /** Keys and values of the source for each layer, from `sourceKeyValues`. */
  readonly source: readonly KeyValues[];
  readonly sourceMask?: Tensor;
  readonly mask?: Tensor;
  readonly positions?: Tensor;
  readonly cache?: AttentionCache;
  /** In place of the vectors of the tokens: [N, T, D]. */
  readonly vectors?: Tensor | undefined;
}

/** Initializer of matrices. */
export const weightInit = normalInit(0.02);
const linear = (from: number, to: number): Linear => new Linear(from, to, { weightInit, biasInit: zerosInit });

class Attention extends Module {
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly qProj: Linear;
  readonly outProj: Linear;
  readonly #heads: number;
  readonly #dropout: number;

  constructor(width: number, heads: number, dropout: number) {
    super();
    if (width % heads !== 0)
      throw new ConfigError(`transformer: hiddenSize: expected a multiple of ${heads} heads, got ${width}`);
    this.kProj = linear(width, width);
    this.vProj = linear(width, width);
    this.qProj = linear(width, width);
    this.outProj = linear(width, width);
    this.#heads = heads;
    this.#dropout = dropout;
  }

  /** Computes the keys and values of the attended states: [N, S, D] → [N, h, S, d] each. */
  keyValues(x: Tensor): KeyValues {
    return { key: splitHeads(this.kProj.forward(x), this.#heads), value: splitHeads(this.vProj.forward(x), this.#heads) };
  }

  override forward(
    x: Tensor,
    seen: KeyValues,
    { mask, causal = false, cache }: { mask?: Tensor; causal?: boolean; cache?: AttentionCache } = {},
  ): Tensor {
    const q = splitHeads(this.qProj.forward(x), this.#heads); // [N, h, T, d]
    const options = { causal, dropout: this.#dropout, mask: mask && paddingMask(mask) };
    const y = causal
      ? attend(cache, q, seen.key, seen.value, options)
      : scaledDotProductAttention(q, seen.key, seen.value, options);
    return this.outProj.forward(mergeHeads(y)); // [N, T, D]
  }
}

/** fc2(act(fc1(x))), of layers that a side's own layer holds: their paths are its. */
class Perceptron {
  readonly #activation: Activation;
  readonly #dropout: Dropout;

  constructor({ activation = "relu", activationDropout = 0 }: TransformerOptions) {
    this.#activation = activationNamed(activation);
    this.#dropout = new Dropout(activationDropout);
  }

  of(x: Tensor, { fc1, fc2 }: { readonly fc1: Linear; readonly fc2: Linear }): Tensor {
    return x.pipe(fc1, this.#activation, this.#dropout, fc2);
  }
}

/** The residual connection around each part of a layer: dropout, the sum with the input, and a norm before or after. */
class Residual {
  readonly #normFirst: boolean;
  readonly #dropout: Dropout;

  constructor({ normFirst = false, dropout = 0.1 }: TransformerOptions) {
    this.#normFirst = normFirst;
    this.#dropout = new Dropout(dropout);
  }

  around(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    if (this.#normFirst) return x.add(x.pipe(norm, part, this.#dropout));
    return norm.forward(x.add(x.pipe(part, this.#dropout)));
  }
}

/** Inputs of a layer besides its states; the source is the decoder's. */
export interface LayerInputs extends Omit<TargetInputs, "source" | "positions"> {
  readonly source?: KeyValues | undefined;
}

/** A layer: in the encoder tokens look at each other, in the decoder at those before them and then at the source. */
export class TransformerLayer extends Module {
  readonly selfAttn: Attention;
  readonly selfAttnLayerNorm: LayerNorm;
  readonly encoderAttn: Attention | null;
  readonly encoderAttnLayerNorm: LayerNorm | null;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly finalLayerNorm: LayerNorm;
  readonly #residual: Residual;
  readonly #perceptron: Perceptron;

  constructor(options: TransformerOptions, side: CacheSide) {
    super();
    const { hiddenSize, attentionDropout = 0 } = options;
    const isDecoder = side === "decoder";
    const heads = isDecoder ? options.decoderHeads : options.encoderHeads;
    const innerSize = isDecoder ? options.decoderIntermediateSize : options.encoderIntermediateSize;
    this.selfAttn = new Attention(hiddenSize, heads, attentionDropout);
    this.selfAttnLayerNorm = new LayerNorm(hiddenSize);
    this.encoderAttn = isDecoder ? new Attention(hiddenSize, heads, attentionDropout) : null;
    this.encoderAttnLayerNorm = isDecoder ? new LayerNorm(hiddenSize) : null;
    this.fc1 = linear(hiddenSize, innerSize);
    this.fc2 = linear(innerSize, hiddenSize);
    this.finalLayerNorm = new LayerNorm(hiddenSize);
    this.#residual = new Residual(options);
    this.#perceptron = new Perceptron(options);
  }

  /** Keys and values of the encoder's states, for a layer of the decoder. Errors: ConfigError for one of the encoder. */
  sourceKeyValues(states: Tensor): KeyValues {
    if (this.encoderAttn === null) throw new ConfigError("transformer: expected a layer of the decoder, got one of the encoder");
    return this.encoderAttn.keyValues(states);
  }

  override forward(x: Tensor, { mask, source, sourceMask, cache }: LayerInputs = {}): Tensor {
    const { selfAttn, encoderAttn, encoderAttnLayerNorm } = this;
    const causal = encoderAttn !== null;
    let h = this.#residual.around(x, this.selfAttnLayerNorm, (t) =>
      selfAttn.forward(t, selfAttn.keyValues(t), { mask, causal, cache }),
    );
    if (encoderAttn !== null && encoderAttnLayerNorm !== null && source !== undefined)
      h = this.#residual.around(h, encoderAttnLayerNorm, (t) => encoderAttn.forward(t, source, { mask: sourceMask }));
    return this.#residual.around(h, this.finalLayerNorm, (t) => this.#perceptron.of(t, this)); // [N, T, D]
  }
}
