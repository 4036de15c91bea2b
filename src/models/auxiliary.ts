/**
 * @module Auxiliary classifiers: heads on inner layers that only training uses, and the convolution of the Inception papers.
 */
import type { Tensor } from "../graph/index.js";
import type { ConvLayerOptions, Module } from "../nn/index.js";
import { BatchNorm2d, Conv2d, Module as BaseModule, relu } from "../nn/index.js";

/** Logits [N, K], and those of auxiliary classifiers that only training has. */
export interface AuxiliaryOutputs {
  readonly logits: Tensor;
  /** [N, K] of each auxiliary head. */
  readonly auxiliary: readonly Tensor[];
}

/** A model whose loss in training adds those of heads on inner layers; `forward` has none of them. */
export interface WithAuxiliary {
  /** The factor of each auxiliary loss. */
  readonly auxiliaryWeight: number;
  forward(x: Tensor): Tensor;
  forwardWithAuxiliary(x: Tensor): AuxiliaryOutputs;
}

/** True for models with auxiliary classifiers. */
export const hasAuxiliary = (model: Module): model is Module & WithAuxiliary => "forwardWithAuxiliary" in model;

/** Convolution, batch norm, relu. */
export class BasicConv2d extends BaseModule {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, { ...options, bias: false });
    this.bn = new BatchNorm2d(outChannels, { epsilon: 1e-3 });
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.conv, this.bn, relu);
  }
}
