/**
 * @module `LoraLinear`: a linear layer that stays as it is, with a low-rank change beside it that is learned.
 */
import type { Parameter, Tensor } from "../graph/index.js";
import { dropout } from "../ops/index.js";
import { expectOption } from "../util/described.js";
import { expectLast, expectSizes } from "./check.js";
import { zerosInit } from "./init.js";
import type { StoredWeight } from "./linear.js";
import { affine, Linear } from "./linear.js";
import { Module } from "./module.js";

export interface LoraLinearOptions {
  readonly rank: number;
  /** The change counts alpha / rank. */
  readonly alpha: number;
  /** Dropout of the adapter's inputs, while training. */
  readonly dropout?: number;
}

/**
 * A linear layer and a low-rank change of it. The layer's parameters keep their paths; the change is `lora_A` and `lora_B` beside them.
 *
 *     y = x · weightᵀ + bias + alpha/rank · dropout(x) · lora_Aᵀ · lora_Bᵀ
 *
 * Shapes: x [.., in] → y [.., out]; lora_A.weight [rank, in], lora_B.weight [out, rank].
 * Errors: ShapeError if the last dimension of x is not the layer's; ConfigError for a rank below 1 or a dropout that is not a share.
 * Source: Hu et al. 2021, arXiv:2106.09685, section 4.1.
 * Differs from the source: A begins uniform within ±1/√in as in PEFT, not normal; B with zeros in both.
 * Checked against: PEFT 0.21, outputs, gradients and merged weights, test/models/adapters.test.ts.
 */
export class LoraLinear extends Module {
  static override readonly pathNames = { loraA: "lora_A", loraB: "lora_B" };
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly stored: StoredWeight;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly loraA: Linear;
  readonly loraB: Linear;
  /** alpha / rank. */
  readonly scale: number;
  readonly #base: Linear;
  readonly #dropout: number;

  constructor(base: Linear, { rank, alpha, dropout: share = 0 }: LoraLinearOptions) {
    super();
    expectSizes("lora", { rank });
    expectOption("lora: alpha", alpha, 0);
    expectOption("lora: dropout", share, 0, 1, true);
    this.inFeatures = base.inFeatures;
    this.outFeatures = base.outFeatures;
    this.stored = base.stored;
    this.weight = base.weight;
    this.bias = base.bias;
    this.loraA = new Linear(base.inFeatures, rank, { bias: false });
    this.loraB = new Linear(rank, base.outFeatures, { bias: false, weightInit: zerosInit });
    this.scale = alpha / rank;
    this.#base = base;
    this.#dropout = share;
  }

  /** The layer without its change. */
  get base(): Linear {
    return this.#base;
  }

  override forward(x: Tensor): Tensor {
    // The narrow one of the three tensors is the cheapest to scale.
    const change = this.loraA.forward(dropout(x, this.#dropout)).mul(this.scale); // [.., rank]
    expectLast(this, x, this.inFeatures);
    return affine(x, this.weight, this.bias, this.stored).add(this.loraB.forward(change));
  }
}
