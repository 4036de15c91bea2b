/**
 * @module `Transformer`: the encoder and decoder of "Attention is all you need". Parameter names are those of Hugging Face's `MarianMTModel`, which is
 * the paper's architecture in use: post-norm, sinusoidal positions, one table of embeddings for source, target and output.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, fromNumbers, Parameter } from "../graph/index.js";
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
  scaledDotProductAttention,
  splitHeads,
  zerosInit,
} from "../nn/index.js";
import { arange } from "../ops/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import type { AttentionCache, KeyValues } from "./attention-cache.js";
import { attend } from "./attention-cache.js";

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
  /** Of the attention weights. */
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

export interface TransformerInputs {
  /** The target so far: [N, T]. */
  readonly target: Tensor;
  /** True at tokens of the source that are no padding: [N, S]. */
  readonly sourceMask?: Tensor;
  /** True at tokens of the target that are no padding: [N, T]. */
  readonly targetMask?: Tensor;
}

/** What the decoder is given besides its tokens. */
export interface TargetInputs {
  /** Keys and values of the source for each layer, from `sourceKeyValues`. */
  readonly source: readonly KeyValues[];
  readonly sourceMask?: Tensor;
  readonly mask?: Tensor;
  readonly positions?: Tensor;
  readonly cache?: AttentionCache;
}

const weightInit = normalInit(0.02);
const linear = (from: number, to: number): Linear => new Linear(from, to, { weightInit, biasInit: zerosInit });
const masked = (mask: Tensor | undefined): { mask?: Tensor } => (mask === undefined ? {} : { mask: paddingMask(mask) });

/** sin in the first half, cos in the second, of p / 10000^(2i/D): [length, D]. */
function sinusoids(length: number, width: number): Tensor {
  const table = new Float32Array(length * width);
  const half = Math.ceil(width / 2);
  for (let p = 0; p < length; p++) {
    for (let i = 0; i < width; i++) {
      const pair = i < half ? i : i - half;
      const angle = p / 10_000 ** ((2 * pair) / width);
      table[p * width + i] = i < half ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return constant(fromNumbers("float32", [length, width], table));
}

/** Rows of a table of positions: [T, D], or [N, T, D] where places are given. */
function rowsAt(table: Tensor, length: Dim, positions: Tensor | undefined): Tensor {
  if (positions !== undefined) return table.gather(positions);
  const most = table.shape[0] as number;
  if (typeof length !== "number") return table.gather(arange(length));
  if (length > most)
    throw new ShapeError(`positions: expected at most ${most} tokens, got ${length}; cut the text, or use windows`);
  return table.slice(0, 0, length);
}

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

  /** Of what is attended to: [N, S, D] → [N, h, S, d] each. */
  keyValues(x: Tensor): KeyValues {
    return { key: splitHeads(this.kProj.forward(x), this.#heads), value: splitHeads(this.vProj.forward(x), this.#heads) };
  }

  override forward(
    x: Tensor,
    seen: KeyValues,
    { mask, causal = false, cache }: { mask?: Tensor | undefined; causal?: boolean; cache?: AttentionCache | undefined } = {},
  ): Tensor {
    const q = splitHeads(this.qProj.forward(x), this.#heads); // [N, h, T, d]
    const options = { causal, dropout: this.#dropout, ...masked(mask) };
    const y = causal
      ? attend(cache, q, seen.key, seen.value, options)
      : scaledDotProductAttention(q, seen.key, seen.value, options);
    return this.outProj.forward(mergeHeads(y)); // [N, T, D]
  }
}

/** What layers of both sides do around each part: dropout, the sum with what went around, and a norm before or after. */
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

class EncoderLayer extends Module {
  readonly selfAttn: Attention;
  readonly selfAttnLayerNorm: LayerNorm;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly finalLayerNorm: LayerNorm;
  readonly #residual: Residual;
  readonly #activation: Activation;
  readonly #activationDropout: Dropout;

  constructor(options: TransformerOptions) {
    super();
    const { hiddenSize, encoderHeads, encoderIntermediateSize, attentionDropout = 0, activationDropout = 0 } = options;
    this.selfAttn = new Attention(hiddenSize, encoderHeads, attentionDropout);
    this.selfAttnLayerNorm = new LayerNorm(hiddenSize);
    this.fc1 = linear(hiddenSize, encoderIntermediateSize);
    this.fc2 = linear(encoderIntermediateSize, hiddenSize);
    this.finalLayerNorm = new LayerNorm(hiddenSize);
    this.#residual = new Residual(options);
    this.#activation = activationNamed(options.activation ?? "relu");
    this.#activationDropout = new Dropout(activationDropout);
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    const h = this.#residual.around(x, this.selfAttnLayerNorm, (t) =>
      this.selfAttn.forward(t, this.selfAttn.keyValues(t), { mask }),
    );
    return this.#residual.around(h, this.finalLayerNorm, (t) =>
      t.pipe(this.fc1, this.#activation, this.#activationDropout, this.fc2),
    ); // [N, S, D]
  }
}

class DecoderLayer extends Module {
  readonly selfAttn: Attention;
  readonly selfAttnLayerNorm: LayerNorm;
  readonly encoderAttn: Attention;
  readonly encoderAttnLayerNorm: LayerNorm;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly finalLayerNorm: LayerNorm;
  readonly #residual: Residual;
  readonly #activation: Activation;
  readonly #activationDropout: Dropout;

  constructor(options: TransformerOptions) {
    super();
    const { hiddenSize, decoderHeads, decoderIntermediateSize, attentionDropout = 0, activationDropout = 0 } = options;
    this.selfAttn = new Attention(hiddenSize, decoderHeads, attentionDropout);
    this.selfAttnLayerNorm = new LayerNorm(hiddenSize);
    this.encoderAttn = new Attention(hiddenSize, decoderHeads, attentionDropout);
    this.encoderAttnLayerNorm = new LayerNorm(hiddenSize);
    this.fc1 = linear(hiddenSize, decoderIntermediateSize);
    this.fc2 = linear(decoderIntermediateSize, hiddenSize);
    this.finalLayerNorm = new LayerNorm(hiddenSize);
    this.#residual = new Residual(options);
    this.#activation = activationNamed(options.activation ?? "relu");
    this.#activationDropout = new Dropout(activationDropout);
  }

  override forward(x: Tensor, source: KeyValues, { mask, sourceMask, cache }: Omit<TargetInputs, "source"> = {}): Tensor {
    const seen = this.#residual.around(x, this.selfAttnLayerNorm, (t) =>
      this.selfAttn.forward(t, this.selfAttn.keyValues(t), { mask, causal: true, cache }),
    );
    const h = this.#residual.around(seen, this.encoderAttnLayerNorm, (t) =>
      this.encoderAttn.forward(t, source, { mask: sourceMask }),
    );
    return this.#residual.around(h, this.finalLayerNorm, (t) =>
      t.pipe(this.fc1, this.#activation, this.#activationDropout, this.fc2),
    ); // [N, T, D]
  }
}

/** Token vectors at their places. */
class Embeddings {
  readonly #table: Embedding;
  readonly #positions: Tensor;
  readonly #scale: number;
  readonly #dropout: Dropout;

  constructor({ hiddenSize, maxPositions = 512, scaleEmbedding = true, dropout = 0.1 }: TransformerOptions, table: Embedding) {
    this.#table = table;
    this.#positions = sinusoids(maxPositions, hiddenSize);
    this.#scale = scaleEmbedding ? Math.sqrt(hiddenSize) : 1;
    this.#dropout = new Dropout(dropout);
  }

  of(tokens: Tensor, positions?: Tensor): Tensor {
    const x = this.#table.forward(tokens); // [N, T, D]
    const placed = (this.#scale === 1 ? x : x.mul(this.#scale)).add(rowsAt(this.#positions, tokens.shape[1] ?? 1, positions));
    return this.#dropout.forward(placed);
  }
}

class Encoder extends Module {
  readonly layers: readonly EncoderLayer[];
  readonly layerNorm: LayerNorm | null;
  readonly #embeddings: Embeddings;

  constructor(options: TransformerOptions, shared: Embedding) {
    super();
    this.layers = Array.from({ length: options.encoderLayers }, () => new EncoderLayer(options));
    this.layerNorm = options.normFirst === true ? new LayerNorm(options.hiddenSize) : null;
    this.#embeddings = new Embeddings(options, shared);
  }

  override forward(tokens: Tensor, mask?: Tensor): Tensor {
    const h = this.layers.reduce((x, layer) => layer.forward(x, mask), this.#embeddings.of(tokens));
    return this.layerNorm?.forward(h) ?? h; // [N, S, D]
  }
}

class Decoder extends Module {
  readonly layers: readonly DecoderLayer[];
  readonly layerNorm: LayerNorm | null;
  readonly #embeddings: Embeddings;

  constructor(options: TransformerOptions, shared: Embedding) {
    super();
    this.layers = Array.from({ length: options.decoderLayers }, () => new DecoderLayer(options));
    this.layerNorm = options.normFirst === true ? new LayerNorm(options.hiddenSize) : null;
    this.#embeddings = new Embeddings(options, shared);
  }

  override forward(tokens: Tensor, { source, positions, ...inputs }: TargetInputs): Tensor {
    let h = this.#embeddings.of(tokens, positions);
    for (const [i, layer] of this.layers.entries()) h = layer.forward(h, source[i] as KeyValues, inputs);
    return this.layerNorm?.forward(h) ?? h; // [N, T, D]
  }
}

class Parts extends Module {
  readonly shared: Embedding;
  readonly encoder: Encoder;
  readonly decoder: Decoder;

  constructor(options: TransformerOptions) {
    super();
    this.shared = new Embedding(options.vocabSize, options.hiddenSize, { weightInit });
    this.encoder = new Encoder(options, this.shared);
    this.decoder = new Decoder(options, this.shared);
  }

  override forward(source: Tensor, mask?: Tensor): Tensor {
    return this.encoder.forward(source, mask);
  }
}

/**
 * The Transformer: an encoder that reads the source, a decoder that writes the target with both in view.
 *
 * Shapes: source [N, S], target [N, T] → logits [N, T, V] of the next token of the target.
 * Errors: ShapeError for more tokens than `maxPositions`; ConfigError if the heads do not divide the width.
 * Source: Vaswani et al. 2017, arXiv:1706.03762; pre-norm: Xiong et al. 2020, arXiv:2002.04745.
 * Differs from the source: sines and cosines lie in two halves, not in turns, and logits have a bias that is not trained (0 unless a checkpoint
 * has one), both as in Marian.
 * Checked against: Hugging Face's `MarianMTModel`, and PyTorch's `nn.Transformer` for pre-norm, outputs and gradients, 1e-4,
 * test/models/language-models.test.ts.
 */
export class Transformer extends Module {
  readonly config: TransformerOptions;
  readonly model: Parts;
  readonly finalLogitsBias: Parameter;

  constructor(options: TransformerOptions) {
    super();
    this.config = options;
    this.model = new Parts(options);
    this.finalLogitsBias = new Parameter([1, options.vocabSize], { initializer: zerosInit, trainable: false });
  }

  /** Sizes of its decoder's cache of keys and values. */
  get decoderShape(): { layers: number; groups: number; headSize: number } {
    const { decoderLayers, decoderHeads, hiddenSize } = this.config;
    return { layers: decoderLayers, groups: decoderHeads, headSize: hiddenSize / decoderHeads };
  }

  override forward(source: Tensor, { target, sourceMask, targetMask }: TransformerInputs): Tensor {
    const states = this.model.forward(source, sourceMask); // [N, S, D]
    return this.decode(target, {
      source: this.sourceKeyValues(states),
      ...(sourceMask === undefined ? {} : { sourceMask }),
      ...(targetMask === undefined ? {} : { mask: targetMask }),
    });
  }

  /** Keys and values of the source for each layer of the decoder, from the encoder's states: computed once for a text that is written. */
  sourceKeyValues(states: Tensor): KeyValues[] {
    return this.model.decoder.layers.map((layer) => layer.encoderAttn.keyValues(states));
  }

  /** Logits of the next token at each place of the target: [N, T, V]. */
  decode(target: Tensor, inputs: TargetInputs): Tensor {
    const h = this.model.decoder.forward(target, inputs); // [N, T, D]
    return affine(h, this.model.shared.weight, this.finalLogitsBias.reshape([-1]));
  }
}
