/**
 * @module `TabularMlp`: a multilayer perceptron over a table's numeric features, with an embedding for each column of many categories.
 */
import type { Tensor } from "../graph/index.js";
import { Embedding, Module } from "../nn/index.js";
import { concat } from "../ops/index.js";
import type { MlpOptions } from "./mlp.js";
import { Mlp } from "./mlp.js";

/** Options of a perceptron for tables: numbers of categories of the embedded columns. */
export interface TabularMlpOptions extends MlpOptions {
  /** Number of indices of each categorical column; `inFeatures` counts the numeric features alone. */
  readonly categories: readonly number[];
}

/** Width of the embedding of a column with n categories: fast.ai's rule, at most 64. */
export const embeddingWidth = (n: number): number => Math.min(64, Math.round(1.6 * n ** 0.56));

/**
 * Embeddings of the categories beside the numeric features, then an Mlp.
 *
 * Shapes: features [N, F] float32, categories [N, C] int32 → [N, outFeatures].
 * Source: Guo and Berkhahn 2016, arXiv:1604.06737; widths as in fast.ai's tabular learner.
 */
export class TabularMlp extends Module {
  readonly embeddings: readonly Embedding[];
  readonly mlp: Mlp;

  constructor({ categories, inFeatures, ...rest }: TabularMlpOptions) {
    super();
    this.embeddings = categories.map((n) => new Embedding(n, embeddingWidth(n)));
    const width = categories.reduce((sum, n) => sum + embeddingWidth(n), 0);
    this.mlp = new Mlp({ inFeatures: inFeatures + width, ...rest });
  }

  override forward(features: Tensor, categories: Tensor | null = null): Tensor {
    if (categories === null || this.embeddings.length === 0) return this.mlp.forward(features);
    const embedded = this.embeddings.map((embedding, c) => embedding.forward(categories.slice(1, c, c + 1).squeeze(1))); // [N, D]
    return this.mlp.forward(concat([features, ...embedded], 1));
  }
}
