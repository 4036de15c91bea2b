/**
 * @module DistilBERT: BERT with every other layer and without segments and pooler, taught by BERT. Parameter names and shapes are those of Hugging Face's
 * `DistilBert…` classes.
 */
import type { Tensor } from "../graph/index.js";
import { Parameter } from "../graph/index.js";
import type { Activation, Embedding, LayerNorm, Linear } from "../nn/index.js";
import {
  activationNamed,
  affine,
  Dropout,
  Embedding as EmbeddingLayer,
  mergeHeads,
  Module,
  normalInit,
  paddingMask,
  relu,
  scaledDotProductAttention,
  splitHeads,
  zerosInit,
} from "../nn/index.js";
import { ConfigError } from "../util/errors.js";
import type { BertHeadOptions, MaskedLmInputs } from "./bert-heads.js";
import type { BertInputs, BertOptions } from "./bert.js";
import { bertLayerNorm, bertLinear } from "./bert.js";
import { learnedPositions } from "./learned-positions.js";
import type { TextModel } from "./text-model.js";

/** Options of DistilBERT: BERT's, without kinds of segment. */
export type DistilBertOptions = Omit<BertOptions, "typeVocabSize">;
/** Further inputs of DistilBERT: BERT's, without segments. */
export type DistilBertInputs = Omit<BertInputs, "tokenTypes">;

const weightInit = normalInit(0.02);

class Embeddings extends Module {
  static override readonly pathNames = { layerNorm: "LayerNorm" };
  readonly wordEmbeddings: Embedding;
  readonly positionEmbeddings: Embedding;
  readonly layerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(options: DistilBertOptions) {
    super();
    const { vocabSize, hiddenSize, maxPositions = 512, dropout = 0.1 } = options;
    this.wordEmbeddings = new EmbeddingLayer(vocabSize, hiddenSize, { weightInit });
    this.positionEmbeddings = new EmbeddingLayer(maxPositions, hiddenSize, { weightInit });
    this.layerNorm = bertLayerNorm(options);
    this.dropout = new Dropout(dropout);
  }

  override forward(tokens: Tensor, inputs: DistilBertInputs = {}): Tensor {
    const { positions, inputsEmbeds = this.wordEmbeddings.forward(tokens) } = inputs;
    return inputsEmbeds.add(learnedPositions(this.positionEmbeddings, tokens, positions)).pipe(this.layerNorm, this.dropout); // [N, T, D]
  }
}

class Attention extends Module {
  readonly qLin: Linear;
  readonly kLin: Linear;
  readonly vLin: Linear;
  readonly outLin: Linear;
  readonly #heads: number;
  readonly #dropout: number;

  constructor({ hiddenSize, numHeads, attentionDropout = 0.1 }: DistilBertOptions) {
    super();
    const linear = (): Linear => bertLinear(hiddenSize, hiddenSize);
    [this.qLin, this.kLin, this.vLin, this.outLin] = [linear(), linear(), linear(), linear()];
    this.#heads = numHeads;
    this.#dropout = attentionDropout;
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    const split = (layer: Linear): Tensor => splitHeads(layer.forward(x), this.#heads); // [N, h, T, d]
    const options = { dropout: this.#dropout, mask: mask && paddingMask(mask) };
    return mergeHeads(scaledDotProductAttention(split(this.qLin), split(this.kLin), split(this.vLin), options)).pipe(this.outLin);
  }
}

class FeedForward extends Module {
  readonly lin1: Linear;
  readonly lin2: Linear;
  readonly dropout: Dropout;
  readonly #activation: Activation;

  constructor({ hiddenSize, intermediateSize, activation = "gelu", dropout = 0.1 }: DistilBertOptions) {
    super();
    this.lin1 = bertLinear(hiddenSize, intermediateSize);
    this.lin2 = bertLinear(intermediateSize, hiddenSize);
    this.dropout = new Dropout(dropout);
    this.#activation = activationNamed(activation);
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.lin1, this.#activation, this.lin2, this.dropout);
  }
}

class Layer extends Module {
  readonly attention: Attention;
  readonly saLayerNorm: LayerNorm;
  readonly ffn: FeedForward;
  readonly outputLayerNorm: LayerNorm;

  constructor(options: DistilBertOptions) {
    super();
    this.attention = new Attention(options);
    this.saLayerNorm = bertLayerNorm(options);
    this.ffn = new FeedForward(options);
    this.outputLayerNorm = bertLayerNorm(options);
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    const h = this.saLayerNorm.forward(this.attention.forward(x, mask).add(x)); // [N, T, D]
    return this.outputLayerNorm.forward(this.ffn.forward(h).add(h));
  }
}

class Transformer extends Module {
  readonly layer: readonly Layer[];

  constructor(options: DistilBertOptions) {
    super();
    this.layer = Array.from({ length: options.numLayers }, () => new Layer(options));
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    return this.layer.reduce((h, layer) => layer.forward(h, mask), x);
  }
}

/**
 * DistilBERT without a head. Hugging Face's `DistilBertModel`.
 *
 * Shapes: tokens [N, T] → states [N, T, D].
 * Errors: ShapeError for more tokens than `maxPositions`; ConfigError if the heads do not divide the width.
 * Source: Sanh et al. 2019, arXiv:1910.01108.
 */
export class DistilBertModel extends Module {
  readonly config: DistilBertOptions;
  readonly embeddings: Embeddings;
  readonly transformer: Transformer;

  constructor(options: DistilBertOptions) {
    super();
    const { hiddenSize, numHeads } = options;
    if (hiddenSize % numHeads !== 0)
      throw new ConfigError(`distilbert: hiddenSize: expected a multiple of ${numHeads} heads, got ${hiddenSize}`);
    this.config = options;
    this.embeddings = new Embeddings(options);
    this.transformer = new Transformer(options);
  }

  override forward(tokens: Tensor, inputs: DistilBertInputs = {}): Tensor {
    return this.transformer.forward(this.embeddings.forward(tokens, inputs), inputs.mask);
  }
}

/** A headed DistilBERT: its trunk, and the vectors that it reads. */
abstract class WithHead<O extends DistilBertOptions> extends Module implements TextModel {
  readonly config: O;
  readonly distilbert: DistilBertModel;

  constructor(options: O) {
    super();
    this.config = options;
    this.distilbert = new DistilBertModel(options);
  }

  get wordEmbedding(): Embedding {
    return this.distilbert.embeddings.wordEmbeddings;
  }

  embed(tokens: Tensor): Tensor {
    return this.wordEmbedding.forward(tokens);
  }

  abstract override forward(tokens: Tensor, inputs?: DistilBertInputs): Tensor;
}

/** DistilBERT with the head of masked-language modelling, tied to the token embeddings. Shapes: tokens [N, T] → logits [N, T, V]; with `positions` [M] → [M, V]. */
export class DistilBertForMaskedLm extends WithHead<DistilBertOptions> {
  static override readonly pathNames = { vocabBias: "vocab_projector.bias" };
  readonly vocabTransform: Linear;
  readonly vocabLayerNorm: LayerNorm;
  readonly vocabBias: Parameter;

  constructor(options: DistilBertOptions) {
    super(options);
    this.vocabTransform = bertLinear(options.hiddenSize, options.hiddenSize);
    this.vocabLayerNorm = bertLayerNorm(options);
    this.vocabBias = new Parameter([options.vocabSize], { initializer: zerosInit });
  }

  override forward(tokens: Tensor, { positions, ...inputs }: MaskedLmInputs = {}): Tensor {
    const states = this.distilbert.forward(tokens, inputs);
    const selected = positions === undefined ? states : states.reshape([-1, this.config.hiddenSize]).gather(positions);
    const { activation = "gelu" } = this.config;
    const words = selected.pipe(this.vocabTransform, activationNamed(activation), this.vocabLayerNorm);
    return affine(words, this.wordEmbedding.weight, this.vocabBias);
  }
}

/** DistilBERT with a classifier of whole texts on the first token's state. Shapes: tokens [N, T] → logits [N, K]. */
export class DistilBertForSequenceClassification extends WithHead<BertHeadOptions> {
  readonly preClassifier: Linear;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(options: BertHeadOptions) {
    super(options);
    this.preClassifier = bertLinear(options.hiddenSize, options.hiddenSize);
    this.dropout = new Dropout(options.classifierDropout ?? 0.2);
    this.classifier = bertLinear(options.hiddenSize, options.numLabels);
  }

  override forward(tokens: Tensor, inputs: DistilBertInputs = {}): Tensor {
    const first = this.distilbert.forward(tokens, inputs).slice(1, 0, 1).squeeze(1); // [N, D]
    return first.pipe(this.preClassifier, relu, this.dropout, this.classifier);
  }
}

/** DistilBERT with a classifier of each token. Shapes: tokens [N, T] → logits [N, T, K]. */
export class DistilBertForTokenClassification extends WithHead<BertHeadOptions> {
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(options: BertHeadOptions) {
    super(options);
    this.dropout = new Dropout(options.dropout ?? 0.1);
    this.classifier = bertLinear(options.hiddenSize, options.numLabels);
  }

  override forward(tokens: Tensor, inputs: DistilBertInputs = {}): Tensor {
    return this.distilbert.forward(tokens, inputs).pipe(this.dropout, this.classifier);
  }
}
