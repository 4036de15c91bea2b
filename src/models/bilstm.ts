/**
 * @module `BiLstm` and `BiLstmCrf`: recurrent readers of texts in both directions, with a classifier of texts, of tokens, or of whole sequences of tags.
 */
import type { Tensor } from "../graph/index.js";
import { boolMask, Crf, Dropout, Embedding, Linear, LSTM, Module, normalInit } from "../nn/index.js";
import { where } from "../ops/index.js";
import type { TextModel, TextModelInputs } from "./text-model.js";

/** Options of a bidirectional LSTM over words. */
export interface BiLstmOptions {
  readonly vocabSize: number;
  readonly numLabels: number;
  /** Width of the token vectors. */
  readonly embeddingSize?: number;
  /** Units of each direction. */
  readonly hiddenSize?: number;
  readonly numLayers?: number;
  /** On the token vectors, between layers, and before the classifier. */
  readonly dropout?: number;
}

/** The encoder of both models. Shapes: tokens [N, T] → [N, T, 2·H]. */
class Reader extends Module {
  readonly embedding: Embedding;
  readonly embeddingDropout: Dropout;
  readonly lstm: LSTM;

  constructor({ vocabSize, embeddingSize = 100, hiddenSize = 128, numLayers = 1, dropout = 0.5 }: BiLstmOptions) {
    super();
    this.embedding = new Embedding(vocabSize, embeddingSize, { weightInit: normalInit(0.1) });
    this.embeddingDropout = new Dropout(dropout);
    this.lstm = new LSTM(embeddingSize, hiddenSize, { bidirectional: true, numLayers, dropout });
  }

  override forward(tokens: Tensor, { mask, inputsEmbeds = this.embedding.forward(tokens) }: TextModelInputs = {}): Tensor {
    const x = this.embeddingDropout.forward(inputsEmbeds); // [N, T, D]
    return this.lstm.forward(x, { mask: mask && boolMask(mask) }).output; // [N, T, 2·H]
  }
}

/** The common base of both models: the reader, and a linear layer over its states. */
abstract class BiLstmReader extends Module {
  static override readonly pathNames = { reader: "" };
  readonly config: BiLstmOptions;
  readonly reader: Reader;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(options: BiLstmOptions) {
    super();
    const { hiddenSize = 128, numLabels, dropout = 0.5 } = options;
    this.config = options;
    this.reader = new Reader(options);
    this.dropout = new Dropout(dropout);
    this.classifier = new Linear(2 * hiddenSize, numLabels);
  }
}

/**
 * A BiLSTM that classifies texts: the strongest state of each unit over all tokens decides.
 *
 * Shapes: tokens [N, T] → logits [N, K]. With T free the network is one native node.
 * Source: Graves and Schmidhuber 2005; the maximum over time: Conneau et al. 2017, arXiv:1705.02364, section 3.2.
 */
export class BiLstm extends BiLstmReader implements TextModel {
  get wordEmbedding(): Embedding {
    return this.reader.embedding;
  }

  embed(tokens: Tensor): Tensor {
    return this.reader.embedding.forward(tokens);
  }

  override forward(tokens: Tensor, inputs: TextModelInputs = {}): Tensor {
    const states = this.reader.forward(tokens, inputs); // [N, T, 2·H]
    // A state is at least −1: padding never is the largest.
    const seen = inputs.mask === undefined ? states : where(boolMask(inputs.mask).unsqueeze(-1), states, -1);
    return seen.reduceMax(1).pipe(this.dropout, this.classifier);
  }
}

/**
 * A BiLSTM that gives each token a score for each tag, and a CRF over sequences of tags.
 *
 * Shapes: tokens [N, T] → emissions [N, T, K]; `crf` holds the scores of transitions: `crfNegativeLogLikelihood(emissions, tags,
 * model.crf.forward(), { mask })` is the loss, `viterbi(emissions, model.crf.forward(), { mask })` the best tags.
 * Source: Huang, Xu and Yu 2015, arXiv:1508.01991.
 */
export class BiLstmCrf extends BiLstmReader {
  readonly crf: Crf;

  constructor(options: BiLstmOptions) {
    super(options);
    this.crf = new Crf(options.numLabels);
  }

  override forward(tokens: Tensor, inputs: TextModelInputs = {}): Tensor {
    return this.reader.forward(tokens, inputs).pipe(this.dropout, this.classifier); // [N, T, K]
  }
}
