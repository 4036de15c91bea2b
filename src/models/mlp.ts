/**
 * @module `Mlp`: layers of units, each connected to all of the layer before.
 */
import type { Tensor } from "../graph/index.js";
import type { Activation, ActivationName } from "../nn/index.js";
import { activationNamed, Dropout, kaimingUniform, Linear, Module } from "../nn/index.js";
import { ConfigError } from "../util/errors.js";
import { shown } from "../util/shown.js";

/** Options of a multilayer perceptron. */
export interface MlpOptions {
  readonly inFeatures: number;
  /** Widths of the hidden layers; none makes a linear model. */
  readonly hidden: readonly number[];
  readonly outFeatures: number;
  readonly activation?: ActivationName | Activation;
  /** Share of each hidden layer dropped while training. */
  readonly dropout?: number;
}

/**
 * A multilayer perceptron. Whatever comes after the batch axis is joined into one vector first.
 *
 * Shapes: x [N, ..] with inFeatures elements per example → logits [N, K].
 * Source: Rumelhart, Hinton and Williams 1986. Differs from the source: relu by default, He's initial weights for hidden layers.
 */
export class Mlp extends Module {
  readonly layers: readonly Linear[];
  readonly dropout: Dropout | null;
  readonly #activation: Activation;

  constructor({ inFeatures, hidden, outFeatures, activation = "relu", dropout = 0 }: MlpOptions) {
    super();
    if (!Array.isArray(hidden)) throw new ConfigError(`mlp: hidden: expected a list of widths, got ${shown(hidden)}`);
    const widths = [inFeatures, ...hidden, outFeatures];
    this.#activation = activationNamed(activation);
    this.dropout = dropout === 0 ? null : new Dropout(dropout);
    this.layers = widths.slice(1).map((width, i) => {
      const last = i === hidden.length;
      return new Linear(widths[i] as number, width, last ? {} : { weightInit: kaimingUniform() });
    });
  }

  override forward(x: Tensor): Tensor {
    let h = x.rank === 2 ? x : x.flatten(); // [N, in]
    for (const layer of this.layers.slice(0, -1)) {
      h = h.pipe(layer, this.#activation); // [N, width]
      if (this.dropout !== null) h = this.dropout.forward(h);
    }
    return (this.layers.at(-1) as Linear).forward(h); // [N, K]
  }
}
