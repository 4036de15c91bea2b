/**
 * @module `Tagger`: scores of tags for each token of a text from a few features of each, by a BiLSTM, by the features themselves, or by both; and a CRF
 * over sequences of tags.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { boolMask, Crf, Dropout, Embedding, Linear, LSTM, Module, normalInit, zerosInit } from "../nn/index.js";
import { ones } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";

/** Options of a tagger over features of tokens. */
export interface TaggerOptions {
  /** Indices of features; 0 is padding. */
  readonly vocabSize: number;
  /** Features of a token. */
  readonly slots: number;
  readonly numLabels: number;
  /** Width of a feature's vector; the vectors of a token stand side by side. */
  readonly embeddingSize?: number;
  /** Units of each direction; 0 for a model without the BiLSTM. */
  readonly hiddenSize?: number;
  /** Neighbours on each side whose features score a token directly, as in a CRF with hand-made features; −1 for a model without such scores. */
  readonly window?: number;
  /** Whole features of a token that are left out while training, so that no word is known by one of them alone. */
  readonly featureDropout?: number;
  /** On the features' vectors and before the classifier. */
  readonly dropout?: number;
}

/** Inputs of a tagger beside its features: which tokens are real, bool [N, T], and word vectors. */
export interface TaggerInputs {
  /** True at tokens that are not padding, which comes after the text: [N, T]. */
  readonly mask: Tensor;
  /** Vectors of the features, where they are already computed. */
  readonly vectors?: Tensor;
  /** Direct scores of the features, [N, T, F, (2·window + 1)·K], where they are already computed. */
  readonly direct?: Tensor;
}

/**
 * A tagger for little data: what a word is made of tells where the word itself is rare, and direct scores of features learn what a linear CRF learns.
 *
 * Shapes: features [N, T, F] → emissions [N, T, K]; `crf` holds the scores of transitions, see `BiLstmCrf`.
 * Source: Huang, Xu and Yu 2015, arXiv:1508.01991, section 2.5 with the direct connection of features to outputs of their section 3.3.
 * Differs from the source: every feature has a vector for the BiLSTM as well; dropout.
 */
export class Tagger extends Module {
  readonly config: TaggerOptions;
  readonly embedding: Embedding | undefined;
  readonly featureDropout: Dropout;
  readonly embeddingDropout: Dropout;
  readonly lstm: LSTM | undefined;
  readonly dropout: Dropout;
  readonly classifier: Linear | undefined;
  /** Scores of tags by feature, for each position of the window: [V, (2·window + 1)·K]. */
  readonly scores: Embedding | undefined;
  readonly crf: Crf;

  constructor(options: TaggerOptions) {
    super();
    const {
      vocabSize,
      slots,
      numLabels,
      embeddingSize = 32,
      hiddenSize = 128,
      window = 1,
      dropout = 0.5,
      featureDropout = 0.2,
    } = options;
    if (hiddenSize === 0 && window < 0) throw new ConfigError("tagger: expected a BiLSTM, direct scores, or both, got neither");
    this.config = options;
    this.featureDropout = new Dropout(featureDropout);
    this.embeddingDropout = new Dropout(dropout);
    this.dropout = new Dropout(dropout);
    if (hiddenSize > 0) {
      this.embedding = new Embedding(vocabSize, embeddingSize, { weightInit: normalInit(0.1) });
      this.lstm = new LSTM(slots * embeddingSize, hiddenSize, { bidirectional: true });
      this.classifier = new Linear(2 * hiddenSize, numLabels);
    }
    if (window >= 0) this.scores = new Embedding(vocabSize, (2 * window + 1) * numLabels, { weightInit: zerosInit });
    this.crf = new Crf(numLabels);
  }

  /** The vectors of a token's features side by side: [N, T, F] → [N, T, F·D]. Of a model without a BiLSTM, the direct scores. */
  vectors(features: Tensor): Tensor {
    const [n, t, slots] = features.shape as [Dim, Dim, number];
    const table = (this.embedding ?? this.scores) as Embedding;
    return table.forward(features).reshape([n, t, slots * (table.weight.dims[1] as number)]);
  }

  override forward(features: Tensor, { mask, vectors = this.vectors(features), direct }: TaggerInputs): Tensor {
    const parts = [this.#read(vectors, mask), this.#direct(direct ?? this.scores?.forward(features), mask)].filter(
      (part) => part !== undefined,
    );
    return parts.reduce((sum, part) => sum.add(part)); // [N, T, K]
  }

  /** Scores tags from the vectors with the BiLSTM. Shapes: vectors [N, T, F·D], mask [N, T] → [N, T, K]. */
  #read(vectors: Tensor, mask: Tensor): Tensor | undefined {
    if (this.embedding === undefined || this.lstm === undefined || this.classifier === undefined) return undefined;
    const [n, t] = vectors.shape as [Dim, Dim];
    const [slots, width] = [this.config.slots, this.embedding.weight.dims[1] as number];
    const seen = this.featureDropout.forward(ones([n, t, slots, 1])); // [N, T, F, 1]
    const x = vectors
      .reshape([n, t, slots, width])
      .mul(seen)
      .reshape([n, t, slots * width]);
    const { output } = this.lstm.forward(this.embeddingDropout.forward(x), { mask: boolMask(mask) }); // [N, T, 2·H]
    return output.pipe(this.dropout, this.classifier); // [N, T, K]
  }

  /** Scores tags from the features of a token and of its neighbours alone. Shapes: direct scores, mask [N, T] → [N, T, K]. */
  #direct(direct: Tensor | undefined, mask: Tensor): Tensor | undefined {
    if (direct === undefined) return undefined;
    const { numLabels, window = 1 } = this.config;
    const all = this.embeddingDropout.forward(direct).sum(2).mul(mask.cast("float32").unsqueeze(-1)); // [N, T, (2·w + 1)·K]
    const positions = Array.from({ length: 2 * window + 1 }, (_, i) =>
      shifted(all.slice(2, i * numLabels, (i + 1) * numLabels), i - window),
    );
    return positions.reduce((sum, place) => sum.add(place)); // [N, T, K]
  }
}

/** Element t becomes that of t + by; 0 where there is none. Shapes: x [N, T, K] → [N, T, K]. */
const shifted = (x: Tensor, by: number): Tensor => (by === 0 ? x : x.pad([0, -by, 0], [0, by, 0]));
