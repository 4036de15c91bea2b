/**
 * @module `TextCnn`: a classifier of texts by the strongest answers of filters over a few neighbouring tokens.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { dimSub } from "../graph/index.js";
import { affine, Conv1d, Dropout, Embedding, Linear, Module, relu, uniformInit } from "../nn/index.js";
import { concat, ones, split, where, zeros } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import type { TextModel, TextModelInputs } from "./text-model.js";

/** Options of a convolutional classifier of texts. */
export interface TextCnnOptions {
  readonly vocabSize: number;
  readonly numLabels: number;
  /** Width of the token vectors. */
  readonly embeddingSize?: number;
  /** Widths of the filters, in tokens. */
  readonly widths?: readonly number[];
  /** Filters of each width. */
  readonly filters?: number;
  /** Before the classifier. */
  readonly dropout?: number;
  /** On the token vectors; the paper has none. */
  readonly embeddingDropout?: number;
}

/**
 * Kim's convolutional network for sentences: CNN-rand, or CNN-non-static where the embedding begins with pretrained vectors.
 *
 * Shapes: tokens [N, T], mask [N, T] (true at tokens that are not padding) → logits [N, K]. A text's logits do not depend on its padding.
 * Source: Kim 2014, arXiv:1408.5882; as in its code, zeros stand before and after the text, so that each filter sees each token at each position.
 * Differs from the source: no rescaling of the classifier's weights to norm 3 (`weightClipping` does that); PyTorch's initial weights.
 */
export class TextCnn extends Module implements TextModel {
  readonly config: TextCnnOptions;
  readonly embedding: Embedding;
  readonly embeddingDropout: Dropout;
  readonly convs: readonly Conv1d[];
  readonly dropout: Dropout;
  readonly fc: Linear;

  constructor(options: TextCnnOptions) {
    super();
    const { vocabSize, numLabels, embeddingSize = 300, widths = [3, 4, 5], filters = 100 } = options;
    const { dropout = 0.5, embeddingDropout = 0 } = options;
    if (widths.length === 0) throw new ConfigError("text-cnn: widths: expected at least one, got none");
    this.config = options;
    this.embedding = new Embedding(vocabSize, embeddingSize, { weightInit: uniformInit(-0.25, 0.25) });
    this.embeddingDropout = new Dropout(embeddingDropout);
    this.convs = widths.map((kernelSize) => new Conv1d(embeddingSize, filters, { kernelSize }));
    this.dropout = new Dropout(dropout);
    this.fc = new Linear(filters * widths.length, numLabels);
  }

  get wordEmbedding(): Embedding {
    return this.embedding;
  }

  embed(tokens: Tensor): Tensor {
    return this.embedding.forward(tokens);
  }

  override forward(tokens: Tensor, { mask, inputsEmbeds = this.embed(tokens) }: TextModelInputs = {}): Tensor {
    const vectors = this.embeddingDropout.forward(inputsEmbeds); // [N, T, D]
    const kept = mask === undefined ? null : mask.cast("float32"); // [N, T]
    const x = kept === null ? vectors : vectors.mul(kept.unsqueeze(-1));
    const strongest = answersOf(x, this.convs).map((answers) => pooled(answers, kept)); // [N, F] each
    return concat(strongest, 1).pipe(this.dropout, this.fc); // [N, K]
  }
}

/**
 * The answers of each width's filters to all windows with a token in them: [N, T + w − 1, F] each. What every element of every filter gives for every token is one product; a
 * window's answer is the sum of its elements', one token further each.
 */
function answersOf(x: Tensor, convs: readonly Conv1d[]): readonly Tensor[] {
  const widths = convs.map(({ weight }) => weight.dims[2] as number);
  const columns = convs.map(({ weight, inChannels }) => weight.transpose([1, 2, 0]).reshape([inChannels, -1])); // [D, w·F]
  const sizes = convs.flatMap(({ outChannels }, i) => new Array<number>(widths[i] as number).fill(outChannels));
  const elements = [...split(affine(x, concat(columns, 1), null, "inOut"), sizes, -1)]; // [N, T, F] each
  return convs.map(({ bias }, i) => {
    const width = widths[i] as number;
    // Element k of window j is token j + k − (w − 1), zeros before and after the text.
    const shifted = elements.splice(0, width).map((element, k) => element.pad([0, width - 1 - k, 0], [0, k, 0]));
    const sum = shifted.reduce((a, b) => a.add(b));
    return bias === null ? sum : sum.add(bias);
  });
}

/** The largest relu(answer) over the windows [N, T + w − 1, F]: [N, F]. */
function pooled(answers: Tensor, kept: Tensor | null): Tensor {
  if (kept === null) return relu(answers.reduceMax(1));
  const [n, windows] = answers.shape as [Dim, Dim];
  const more = dimSub(windows, kept.shape[1] as Dim) as number;
  // Window j begins at token j − (w − 1); 0 is no more than what relu gives.
  const begins = more === 0 ? kept : concat([ones([n, more]), kept], 1).reshape([n, windows]);
  return relu(where(begins.greater(0).unsqueeze(-1), answers, zeros([], "float32")).reduceMax(1));
}
