/**
 * @module `BagOfNgrams`: a linear classifier of texts by the tokens in them and by neighbours, whatever their order; and `NgramCnn`, which has a CNN beside it.
 */
import type { Tensor } from "../graph/index.js";
import { Dropout, Embedding, Linear, Module, normalInit } from "../nn/index.js";
import { concat, dropout, ones } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import type { TextCnnOptions } from "./text-cnn.js";
import { TextCnn } from "./text-cnn.js";
import type { TextModel, TextModelInputs } from "./text-model.js";

/** Options of a classifier by the mean of its words' and n-grams' embeddings. */
export interface BagOfNgramsOptions {
  readonly vocabSize: number;
  readonly numLabels: number;
  /** Width of the vectors of tokens and of neighbours. */
  readonly embeddingSize?: number;
  /** The most tokens that are looked at together: 2 are single ones and pairs. */
  readonly maxN?: number;
  /** Rows of the table of pairs (of triples, …), which share them by chance; at most 65,536. */
  readonly buckets?: number;
  /** On the vectors. */
  readonly dropout?: number;
}

/** A prime below 2^15: times 65,536 it stays below 2^31. */
const FACTOR = 31_337;
const MOST_BUCKETS = 65_536;
const init = { weightInit: normalInit(0.01) };

/**
 * fastText's classifier: vectors of tokens and of hashed n-grams, summed over the text and divided by √T, through one linear layer.
 *
 * Shapes: tokens [N, T] → logits [N, K]; `embed` gives [N, T, n·D], where position t has the n-grams that end there.
 * Errors: ConfigError for more buckets than 65,536: hashes are int32.
 * Source: Joulin et al. 2016, arXiv:1607.01759, section 2.
 * Differs from the source: a table for each n; dropout on the vectors; √T in place of T, so that long texts are surer.
 */
export class BagOfNgrams extends Module implements TextModel {
  readonly config: BagOfNgramsOptions;
  readonly embedding: Embedding;
  readonly ngrams: readonly Embedding[];
  readonly dropout: Dropout;
  readonly fc: Linear;
  readonly #buckets: number;

  constructor(options: BagOfNgramsOptions) {
    super();
    const { vocabSize, numLabels, embeddingSize = 16, maxN = 2, buckets = MOST_BUCKETS, dropout: p = 0.5 } = options;
    if (!Number.isInteger(buckets) || buckets < 1 || buckets > MOST_BUCKETS)
      throw new ConfigError(`bag-of-ngrams: buckets: expected 1 to ${MOST_BUCKETS}, got ${buckets}`);
    if (!Number.isInteger(maxN) || maxN < 1) throw new ConfigError(`bag-of-ngrams: maxN: expected at least 1, got ${maxN}`);
    this.config = options;
    this.#buckets = buckets;
    this.embedding = new Embedding(vocabSize, embeddingSize, init);
    this.ngrams = Array.from({ length: maxN - 1 }, () => new Embedding(buckets, embeddingSize, init));
    this.dropout = new Dropout(p);
    this.fc = new Linear(embeddingSize * maxN, numLabels);
  }

  get wordEmbedding(): Embedding {
    return this.embedding;
  }

  embed(tokens: Tensor): Tensor {
    const ids = tokens.cast("int32").mod(this.#buckets);
    let hash = ids;
    const hashed = this.ngrams.map((table) => {
      // Row t: the hash of what ended at t − 1, and token t. Before the text stand zeros, which say that it begins.
      hash = hash.pad([0, 1], [0, 0]).slice(1, 0, -1).mul(FACTOR).add(ids).mod(this.#buckets); // [N, T]
      return table.forward(hash);
    });
    return concat([this.embedding.forward(tokens), ...hashed], 2); // [N, T, n·D]
  }

  override forward(tokens: Tensor, { mask, inputsEmbeds = this.embed(tokens) }: TextModelInputs = {}): Tensor {
    const kept = mask === undefined ? ones(tokens.shape) : mask.cast("float32"); // [N, T]
    const x = this.dropout.forward(inputsEmbeds).mul(kept.unsqueeze(-1));
    return x.sum(1).div(kept.sum(1, true).max(1).sqrt()).pipe(this.fc); // [N, K]
  }
}

/** Options of a convolutional classifier beside a bag of n-grams. */
export interface NgramCnnOptions extends Omit<TextCnnOptions, "embeddingDropout"> {
  readonly ngrams?: Pick<BagOfNgramsOptions, "embeddingSize" | "maxN" | "buckets">;
  /** On the vectors of both parts. */
  readonly embeddingDropout?: number;
  /** Dropout of whole tokens. */
  readonly tokenDropout?: number;
}

/**
 * A text CNN and a bag of n-grams side by side: their logits are added. On small data the bag learns which words speak for a class, the
 * CNN what they mean together.
 *
 * Shapes: tokens [N, T] → logits [N, K]; `embed` gives both parts' vectors side by side.
 * Source: none of its own; the parts are Kim 2014 and Joulin et al. 2016, the sum as in Cheng et al. 2016, "Wide & deep learning",
 * arXiv:1606.07792; whole tokens dropped as in Iyyer et al. 2015, "Deep unordered composition".
 */
export class NgramCnn extends Module implements TextModel {
  readonly config: NgramCnnOptions;
  readonly cnn: TextCnn;
  readonly bag: BagOfNgrams;
  readonly #tokenDropout: number;

  constructor(options: NgramCnnOptions) {
    super();
    const { ngrams, embeddingDropout = 0.5, tokenDropout = 0.1, embeddingSize = 100, ...rest } = options;
    const { vocabSize, numLabels } = options;
    this.config = options;
    this.#tokenDropout = tokenDropout;
    this.cnn = new TextCnn({ ...rest, embeddingSize, embeddingDropout });
    this.bag = new BagOfNgrams({ ...ngrams, vocabSize, numLabels, dropout: embeddingDropout });
  }

  get wordEmbedding(): Embedding {
    return this.cnn.embedding;
  }

  embed(tokens: Tensor): Tensor {
    return concat([this.cnn.embed(tokens), this.bag.embed(tokens)], 2);
  }

  override forward(tokens: Tensor, { inputsEmbeds = this.embed(tokens), mask }: TextModelInputs = {}): Tensor {
    const dropped = inputsEmbeds.mul(dropout(ones([...tokens.shape, 1]), this.#tokenDropout));
    const width = this.cnn.embedding.weight.dims[1] as number;
    const [forCnn, forBag] = dropped.split([width, (inputsEmbeds.shape[2] as number) - width], 2) as [Tensor, Tensor];
    const given = mask === undefined ? {} : { mask };
    const cnn = this.cnn.forward(tokens, { ...given, inputsEmbeds: forCnn });
    return cnn.add(this.bag.forward(tokens, { ...given, inputsEmbeds: forBag }));
  }
}
