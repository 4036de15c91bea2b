/**
 * @module `TabularEnsemble`: several perceptrons over a table in one graph, which share all but how they scale their inputs and their last layer.
 */
import type { Initializer, Tensor } from "../graph/index.js";
import { constant, fromNumbers, Parameter, sizeOf } from "../graph/index.js";
import type { Activation, ActivationName } from "../nn/index.js";
import { activationNamed, affine, Dropout, Embedding, kaimingUniform, Linear, Module, scoped, uniformInit } from "../nn/index.js";
import { concat } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import { shown } from "../util/shown.js";
import type { TabularMlpOptions } from "./tabular-mlp.js";
import { embeddingWidth } from "./tabular-mlp.js";

/** Options of an ensemble of perceptrons for tables. */
export interface TabularEnsembleOptions extends Omit<TabularMlpOptions, "activation"> {
  /** Number of networks. */
  readonly members: number;
  /** Whether the outputs are quantities, whose mean is the answer, and no logits of classes. */
  readonly quantities?: boolean;
  /** Features that go in a second time by the bins of their values, each with the edges of its bins, in ascending order. */
  readonly bins?: readonly Bins[];
  readonly activation?: ActivationName | Activation;
}

/** The bins of a feature. */
export interface Bins {
  /** Its place among the features. */
  readonly feature: number;
  readonly edges: readonly number[];
}

/**
 * How full each bin is: 0 for a value below it, 1 for one above, and in between its place in the bin.
 *
 * Shapes: features [N, F] → [N, bins of all].
 * Source: Gorishniy, Rubachev and Babenko 2022, arXiv:2203.05556, section 3.2. Differs from the source: the outer bins end too.
 */
function fillBins(features: Tensor, bins: readonly Bins[]): Tensor {
  const all = bins.flatMap(({ feature, edges }) => edges.slice(1).map((high, b) => ({ feature, low: edges[b] as number, high })));
  const numbers = (values: readonly number[]): Tensor => constant(fromNumbers("float32", [values.length], values));
  const positions = constant(
    fromNumbers(
      "int32",
      [all.length],
      all.map(({ feature }) => feature),
    ),
  );
  return features
    .gather(positions, 1)
    .sub(numbers(all.map(({ low }) => low)))
    .mul(numbers(all.map(({ low, high }) => 1 / (high - low))))
    .clip(0, 1);
}

/** Random signs, so that each network sees its inputs in a way of its own. */
const signs: Initializer = (shape, random) => Float32Array.from({ length: sizeOf(shape) }, () => (random.normal() < 0 ? -1 : 1));

/** The factors of each network's inputs: [N, D] → [K, N, D]. */
class MemberScale extends Module {
  readonly weight: Parameter;

  constructor(members: number, inputs: number) {
    super();
    this.weight = new Parameter([members, inputs], { initializer: signs });
  }

  override forward(x: Tensor): Tensor {
    return x.unsqueeze(0).mul(this.weight.unsqueeze(1));
  }
}

/** A last layer for each network: [K, N, D] → [K, N, out]. The outputs are the first axis of its weight [out, K, D] and bias [out, K]. */
class MemberLinear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(members: number, width: number, outFeatures: number) {
    super();
    const initializer = uniformInit(-1 / Math.sqrt(width), 1 / Math.sqrt(width));
    this.weight = new Parameter([outFeatures, members, width], { initializer });
    this.bias = new Parameter([outFeatures, members], { initializer });
  }

  override forward(h: Tensor): Tensor {
    return h.matMul(this.weight.transpose([1, 2, 0])).add(this.bias.transpose([1, 0]).unsqueeze(1));
  }

  /** The mean of what they give, in one product, whose last bits do not depend on the other rows: [K, N, D] → [N, out]. */
  mean(h: Tensor): Tensor {
    const [outFeatures, members, width] = this.weight.dims as readonly [number, number, number];
    const rows = h.transpose([1, 0, 2]).reshape([-1, members * width]);
    return scoped(this, () =>
      affine(rows, this.weight.reshape([outFeatures, members * width]), null)
        .div(members)
        .add(this.bias.mean(1)),
    );
  }
}

/**
 * K multilayer perceptrons with one set of hidden layers. Each multiplies its inputs by numbers of its own, of random signs at first, and has a last layer
 * of its own; each learns by its own loss, and the answer is the mean of theirs: of quantities, or of the probabilities of classes.
 *
 *     zₖ = Wₖ · mlp(rₖ ⊙ x) + bₖ;   quantities: mean of zₖ;   classes: ln of the mean of softmax(zₖ)
 *
 * Shapes: features [N, F] float32, categories [N, C] int32 → [N, outFeatures].
 * Source: Gorishniy, Kotelnikov and Babenko 2024, arXiv:2410.24210 (TabM-mini). Differs from the source: embeddings of categories as in `TabularMlp`;
 * numbers go in as they are beside their bins.
 */
export class TabularEnsemble extends Module {
  readonly embeddings: readonly Embedding[];
  readonly scale: MemberScale;
  readonly layers: readonly Linear[];
  readonly head: MemberLinear;
  readonly dropout: Dropout | null;
  readonly #activation: Activation;
  readonly #quantities: boolean;
  readonly #bins: readonly Bins[];

  constructor(options: TabularEnsembleOptions) {
    super();
    const { inFeatures, categories, hidden, outFeatures, members, dropout = 0, bins = [] } = options;
    if (!Array.isArray(hidden) || hidden.length === 0)
      throw new ConfigError(`TabularEnsemble: hidden: expected widths of at least one layer, got ${shown(hidden)}`);
    if (!Number.isInteger(members) || members < 1)
      throw new ConfigError(`TabularEnsemble: members: expected a number of at least 1, got ${shown(members)}`);
    this.embeddings = categories.map((n) => new Embedding(n, embeddingWidth(n)));
    const filled = bins.reduce((sum, { edges }) => sum + edges.length - 1, 0);
    const inputs = inFeatures + filled + categories.reduce((sum, n) => sum + embeddingWidth(n), 0);
    const widths = [inputs, ...(hidden as readonly number[])];
    this.scale = new MemberScale(members, inputs);
    this.layers = widths.slice(1).map((width, i) => new Linear(widths[i] as number, width, { weightInit: kaimingUniform() }));
    this.head = new MemberLinear(members, widths.at(-1) as number, outFeatures);
    this.dropout = dropout === 0 ? null : new Dropout(dropout);
    this.#activation = activationNamed(options.activation ?? "relu");
    this.#quantities = options.quantities ?? false;
    this.#bins = bins;
  }

  /** The inputs of the last layers: [K, N, width]. */
  #hidden(features: Tensor, categories: Tensor | null): Tensor {
    const columns = this.embeddings.map((embedding, c) =>
      embedding.forward((categories as Tensor).slice(1, c, c + 1).squeeze(1)),
    ); // [N, D]
    const filled = this.#bins.length === 0 ? [] : [fillBins(features, this.#bins)];
    const x = filled.length + columns.length === 0 ? features : concat([features, ...filled, ...columns], 1);
    let h = this.scale.forward(x); // [K, N, inputs]
    for (const layer of this.layers) {
      h = h.pipe(layer, this.#activation);
      if (this.dropout !== null) h = this.dropout.forward(h);
    }
    return h;
  }

  /** The scores of each network: [K, N, outFeatures]. */
  members(features: Tensor, categories: Tensor | null = null): Tensor {
    return this.head.forward(this.#hidden(features, categories));
  }

  /** The answer of several networks' scores [K, N, outFeatures]: [N, outFeatures]. */
  joined(scores: Tensor): Tensor {
    if (this.#quantities) return scores.mean(0);
    return scores
      .logSoftmax()
      .logSumExp(0)
      .sub(Math.log(Number(this.scale.weight.dims[0])));
  }

  override forward(features: Tensor, categories: Tensor | null = null): Tensor {
    const hidden = this.#hidden(features, categories);
    return this.#quantities ? this.head.mean(hidden) : this.joined(this.head.forward(hidden));
  }
}
