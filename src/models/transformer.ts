/**
 * @module `Transformer`: the encoder and decoder of "Attention is all you need". Parameter names are those of Hugging Face's `MarianMTModel`, which is
 * the paper's architecture in use: post-norm, sinusoidal positions, one table of embeddings for source, target and output; pre-norm it is
 * `PegasusForConditionalGeneration`.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, fromNumbers, Parameter } from "../graph/index.js";
import { affine, Dropout, Embedding, LayerNorm, Module, zerosInit } from "../nn/index.js";
import { arange } from "../ops/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import type { CacheSide, DecoderShape, KeyValues } from "./attention-cache.js";
import type { TargetInputs, TransformerInputs, TransformerOptions } from "./transformer-layers.js";
import { TransformerLayer, weightInit } from "./transformer-layers.js";

/** The largest size of a table of positions, made before any tensor of a checkpoint is seen: 131,072 positions of width 1,024. */
const MAX_TABLE = 2 ** 27;

/** sin in the first half, cos in the second, of p / 10000^(2i/D): [length, D]. */
function sinusoids(length: number, width: number): Tensor {
  if (length * width > MAX_TABLE)
    throw new ConfigError(
      `positions: expected a table of up to ${MAX_TABLE} elements, got ${length} positions of width ${width}`,
    );
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

/** Rows of a table of positions: [T, D], or [N, T, D] where positions are given. */
function rowsAt(table: Tensor, length: Dim, positions: Tensor | undefined): Tensor {
  if (positions !== undefined) return table.gather(positions);
  const most = table.shape[0] as number;
  if (typeof length !== "number") return table.gather(arange(length));
  if (length > most)
    throw new ShapeError(`positions: expected at most ${most} tokens, got ${length}; cut the text, or use windows`);
  return table.slice(0, 0, length);
}

/** Token vectors with their positions. */
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

  /** `vectors` [N, T, D] stand in place of the tokens' own. */
  of(tokens: Tensor, positions?: Tensor, vectors?: Tensor): Tensor {
    const x = vectors ?? this.#table.forward(tokens); // [N, T, D]
    const placed = (this.#scale === 1 ? x : x.mul(this.#scale)).add(rowsAt(this.#positions, tokens.shape[1] ?? 1, positions));
    return this.#dropout.forward(placed);
  }
}

/** The encoder, or the decoder: embeddings, layers, and after those of a pre-norm model a last norm. */
class Stack extends Module {
  readonly layers: readonly TransformerLayer[];
  readonly layerNorm: LayerNorm | null;
  readonly #embeddings: Embeddings;

  constructor(options: TransformerOptions, side: CacheSide, shared: Embedding) {
    super();
    const count = side === "encoder" ? options.encoderLayers : options.decoderLayers;
    this.layers = Array.from({ length: count }, () => new TransformerLayer(options, side));
    this.layerNorm = options.normFirst === true ? new LayerNorm(options.hiddenSize) : null;
    this.#embeddings = new Embeddings(options, shared);
  }

  override forward(tokens: Tensor, { source, positions, vectors, ...inputs }: Partial<TargetInputs> = {}): Tensor {
    let h = this.#embeddings.of(tokens, positions, vectors);
    for (const [i, layer] of this.layers.entries()) h = layer.forward(h, { ...inputs, source: source?.[i] });
    return this.layerNorm?.forward(h) ?? h; // [N, T, D]
  }
}

class Parts extends Module {
  readonly shared: Embedding;
  readonly encoder: Stack;
  readonly decoder: Stack;

  constructor(options: TransformerOptions) {
    super();
    this.shared = new Embedding(options.vocabSize, options.hiddenSize, { weightInit });
    this.encoder = new Stack(options, "encoder", this.shared);
    this.decoder = new Stack(options, "decoder", this.shared);
  }

  override forward(source: Tensor, mask?: Tensor, vectors?: Tensor): Tensor {
    return this.encoder.forward(source, { mask, vectors });
  }
}

/**
 * The Transformer: an encoder that reads the source, and a decoder that generates the target from both.
 *
 * Shapes: source [N, S], target [N, T] → logits [N, T, V] of the next token of the target.
 * Errors: ShapeError for more tokens than `maxPositions`; ConfigError if the heads do not divide the width.
 * Source: Vaswani et al. 2017, arXiv:1706.03762; pre-norm: Xiong et al. 2020, arXiv:2002.04745.
 * Differs from the source: sines and cosines lie in two halves, not in turns, and logits have a bias that is not trained (0 unless a checkpoint
 * has one), both as in Marian.
 * Checked against: Hugging Face's `MarianMTModel`, and `PegasusForConditionalGeneration` for pre-norm, outputs and gradients, 1e-4,
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
  get decoderShape(): DecoderShape {
    const { decoderLayers, decoderHeads, hiddenSize } = this.config;
    return { layers: decoderLayers, groups: decoderHeads, headSize: hiddenSize / decoderHeads, side: "decoder" };
  }

  override forward(source: Tensor, { target, sourceMask, targetMask, sourceVectors }: TransformerInputs): Tensor {
    const states = this.model.forward(source, sourceMask, sourceVectors); // [N, S, D]
    return this.decode(target, {
      source: this.sourceKeyValues(states),
      sourceMask,
      mask: targetMask,
    });
  }

  /** Keys and values of the source for each layer of the decoder, from the encoder's states: computed once for a text that is written. */
  sourceKeyValues(states: Tensor): KeyValues[] {
    return this.model.decoder.layers.map((layer) => layer.sourceKeyValues(states));
  }

  /** Logits of the next token at each position of the target: [N, T, V]. */
  decode(target: Tensor, inputs: TargetInputs): Tensor {
    const h = this.model.decoder.forward(target, inputs); // [N, T, D]
    return affine(h, this.model.shared.weight, this.finalLogitsBias.reshape([-1]));
  }
}
