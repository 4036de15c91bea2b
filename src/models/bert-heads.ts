/**
 * @module BERT's heads: the two of its pre-training, and classifiers of texts and of tokens. Parameter names and shapes are those of Hugging Face's
 * `BertFor…` classes.
 */
import type { Tensor } from "../graph/index.js";
import { Parameter } from "../graph/index.js";
import type { Activation, Embedding, LayerNorm, Linear } from "../nn/index.js";
import { activationNamed, affine, Dropout, Module, zerosInit } from "../nn/index.js";
import type { BertInputs, BertOptions } from "./bert.js";
import { bertLayerNorm, bertLinear, BertModel } from "./bert.js";
import type { TextModel } from "./text-model.js";

class PredictionTransform extends Module {
  static override readonly pathNames = { layerNorm: "LayerNorm" };
  readonly dense: Linear;
  readonly layerNorm: LayerNorm;
  readonly #activation: Activation;

  constructor(options: BertOptions) {
    super();
    this.dense = bertLinear(options.hiddenSize, options.hiddenSize);
    this.layerNorm = bertLayerNorm(options);
    this.#activation = activationNamed(options.activation ?? "gelu");
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.dense, this.#activation, this.layerNorm);
  }
}

/** Logits over the vocabulary by the token embeddings, after a layer of their own. */
class Predictions extends Module {
  readonly transform: PredictionTransform;
  readonly bias: Parameter;

  constructor(options: BertOptions) {
    super();
    this.transform = new PredictionTransform(options);
    this.bias = new Parameter([options.vocabSize], { initializer: zerosInit });
  }

  override forward(x: Tensor, table: Tensor): Tensor {
    return affine(this.transform.forward(x), table, this.bias);
  }
}

/** The heads of pre-training: masked tokens and, for `BertForPreTraining`, whether sentence B follows A. */
class PreTrainingHeads extends Module {
  readonly predictions: Predictions;
  readonly seqRelationship: Linear | null;

  constructor(options: BertOptions, nextSentence: boolean) {
    super();
    this.predictions = new Predictions(options);
    this.seqRelationship = nextSentence ? bertLinear(options.hiddenSize, 2) : null;
  }

  override forward(states: Tensor, table: Tensor): Tensor {
    return this.predictions.forward(states, table);
  }
}

/** Inputs of a masked language model; `positions` [M] are the only positions whose logits are wanted. */
export interface MaskedLmInputs extends BertInputs {
  /** Positions to compute logits for, among all tokens, row after row: [M]; left out, all. */
  readonly positions?: Tensor;
}

/** The common part of BERT with the heads of its pre-training, which are tied to the token embeddings. */
abstract class BertWithPredictions extends Module {
  readonly config: BertOptions;
  readonly bert: BertModel;
  readonly cls: PreTrainingHeads;

  constructor(options: BertOptions, nextSentence: boolean) {
    super();
    this.config = options;
    this.bert = new BertModel(options, { pooler: nextSentence });
    this.cls = new PreTrainingHeads(options, nextSentence);
  }

  embed(tokens: Tensor): Tensor {
    return this.bert.embeddings.wordEmbeddings.forward(tokens);
  }

  protected tokenLogits(states: Tensor): Tensor {
    return this.cls.forward(states, this.bert.embeddings.wordEmbeddings.weight);
  }
}

/**
 * BERT with the head of masked-language modelling.
 *
 * Shapes: tokens [N, T] → logits [N, T, V]; with `positions` [M] → [M, V].
 */
export class BertForMaskedLm extends BertWithPredictions {
  constructor(options: BertOptions) {
    super(options, false);
  }

  override forward(tokens: Tensor, { positions, ...inputs }: MaskedLmInputs = {}): Tensor {
    const states = this.bert.forward(tokens, inputs);
    const selected = positions === undefined ? states : states.reshape([-1, this.config.hiddenSize]).gather(positions);
    return this.tokenLogits(selected);
  }
}

/** BERT with both heads of the paper's pre-training. Shapes: tokens [N, T] → logits [N, T, V] of tokens and [N, 2] of "follows", "does not". */
export class BertForPreTraining extends BertWithPredictions {
  constructor(options: BertOptions) {
    super(options, true);
  }

  override forward(tokens: Tensor, inputs: BertInputs = {}): { readonly tokens: Tensor; readonly nextSentence: Tensor } {
    const states = this.bert.forward(tokens, inputs);
    const nextSentence = (this.cls.seqRelationship as Linear).forward(this.bert.pool(states)); // [N, 2]
    return { tokens: this.tokenLogits(states), nextSentence };
  }
}

/** Options of BERT with a classifier. */
export interface BertHeadOptions extends BertOptions {
  readonly numLabels: number;
  /** Before the classifier; as elsewhere by default. */
  readonly classifierDropout?: number;
}

/** The common part of BERT's classifiers: dropout and a linear layer over its states. */
abstract class BertClassifier extends Module {
  readonly config: BertHeadOptions;
  readonly bert: BertModel;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(options: BertHeadOptions, pooler: boolean) {
    super();
    this.config = options;
    this.bert = new BertModel(options, { pooler });
    this.dropout = new Dropout(options.classifierDropout ?? options.dropout ?? 0.1);
    this.classifier = bertLinear(options.hiddenSize, options.numLabels);
  }

  get wordEmbedding(): Embedding {
    return this.bert.embeddings.wordEmbeddings;
  }

  embed(tokens: Tensor): Tensor {
    return this.wordEmbedding.forward(tokens);
  }
}

/** BERT with a classifier of whole texts on the pooled first token. Shapes: tokens [N, T] → logits [N, K]. */
export class BertForSequenceClassification extends BertClassifier implements TextModel {
  constructor(options: BertHeadOptions) {
    super(options, true);
  }

  override forward(tokens: Tensor, inputs: BertInputs = {}): Tensor {
    return this.bert.pool(this.bert.forward(tokens, inputs)).pipe(this.dropout, this.classifier);
  }
}

/** BERT with a classifier of each token. Shapes: tokens [N, T] → logits [N, T, K]. */
export class BertForTokenClassification extends BertClassifier implements TextModel {
  constructor(options: BertHeadOptions) {
    super(options, false);
  }

  override forward(tokens: Tensor, inputs: BertInputs = {}): Tensor {
    return this.bert.forward(tokens, inputs).pipe(this.dropout, this.classifier);
  }
}
