/**
 * @module Normalization layers: batch, layer, group, instance and root-mean-square.
 */
import type { DType, Tensor } from "../graph/index.js";
import { dimEquals, formatShape, Parameter } from "../graph/index.js";
import { batchNorm, groupNorm, instanceNorm, layerNorm, ones, rmsNorm, zeros } from "../ops/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import { expectChannels, expectSizes, layerName } from "./check.js";
import { onesInit, zerosInit } from "./init.js";
import { Module } from "./module.js";

/** Options of normalization layers: what is added to the variance, and whether there is a scale and a bias. */
export interface NormOptions {
  readonly epsilon?: number;
  /** Whether a scale and a shift are learned. */
  readonly affine?: boolean;
}

/** The learned scale and shift of a normalization: y = x̂ · weight + bias. */
interface Affine {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
}

/** Makes a scale of ones and a shift of zeros; null where they are not learned. */
const affineParameters = (shape: readonly number[], affine: boolean, bias = affine): Affine => ({
  weight: affine ? new Parameter(shape, { initializer: onesInit }) : null,
  bias: bias ? new Parameter(shape, { initializer: zerosInit }) : null,
});

/** The scale and shift to compute with: constants where they are not learned. */
const affineTensors = ({ weight, bias }: Affine, size: number, dtype: DType): [weight: Tensor, bias: Tensor] => [
  weight ?? ones([size], dtype),
  bias ?? zeros([size], dtype),
];

/** Options of layer normalization. */
export interface LayerNormOptions extends NormOptions {
  readonly bias?: boolean;
}

/** ShapeError unless the last dimensions of x are `shape`. */
function expectTrailing(module: Module, x: Tensor, shape: readonly number[]): void {
  const last = x.shape.slice(-shape.length);
  if (x.rank >= shape.length && shape.every((d, i) => dimEquals(d, last[i] as number))) return;
  throw new ShapeError(`${layerName(module)}: expected [.., ${shape.join(", ")}], got ${formatShape(x.shape)}`);
}

/**
 * Each example normalized over its last dimensions.
 *
 *     y = (x − mean)/√(variance + ε) · weight + bias
 *
 * Shapes: x [.., D] → y [.., D]; weight [D], bias [D] (or several dimensions).
 * Source: Ba et al. 2016, arXiv:1607.06450. Checked against: PyTorch 2.13, `nn.LayerNorm`, 1e-6, layers.test.ts.
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly epsilon: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { epsilon = 1e-5, affine = true, bias = affine } = options;
    const shape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    for (const size of shape) expectSizes("LayerNorm", { normalizedShape: size });
    this.normalizedShape = shape;
    this.epsilon = epsilon;
    ({ weight: this.weight, bias: this.bias } = affineParameters(shape, affine, bias));
  }

  override forward(x: Tensor): Tensor {
    expectTrailing(this, x, this.normalizedShape);
    return layerNorm(x, this.weight ?? ones(this.normalizedShape, x.dtype), this.bias, this.epsilon);
  }
}

/**
 * Each example divided by its root mean square over the last dimension.
 *
 *     y = x/√(mean(x²) + ε) · weight
 *
 * Shapes: x [.., D] → y [.., D]; weight [D].
 * Source: Zhang and Sennrich 2019, arXiv:1910.07467. Differs from PyTorch: ε is 1e-6 (there the type's precision).
 */
export class RMSNorm extends Module {
  readonly size: number;
  readonly epsilon: number;
  readonly weight: Parameter | null;

  constructor(size: number, { epsilon = 1e-6, affine = true }: NormOptions = {}) {
    super();
    expectSizes("RMSNorm", { size });
    this.size = size;
    this.epsilon = epsilon;
    this.weight = affineParameters([size], affine, false).weight;
  }

  override forward(x: Tensor): Tensor {
    expectTrailing(this, x, [this.size]);
    return rmsNorm(x, this.weight ?? ones([this.size], x.dtype), this.epsilon);
  }
}

/** Options of batch normalization; `momentum` is the share of the new batch in the running statistics. */
export interface BatchNormLayerOptions extends NormOptions {
  /** Weight of the new batch in the running statistics. */
  readonly momentum?: number;
}

/**
 * The common base of `BatchNorm1d` and `BatchNorm2d`. Training normalizes with the batch's mean and variance and moves the running ones; use
 * normalizes with the running ones.
 */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Parameter;
  readonly runningVar: Parameter;

  constructor(numFeatures: number, { epsilon = 1e-5, momentum = 0.1, affine = true }: BatchNormLayerOptions = {}) {
    super();
    expectSizes("BatchNorm", { numFeatures });
    if (!(momentum >= 0 && momentum <= 1))
      throw new ConfigError(`BatchNorm: momentum: expected a number in 0…1, got ${momentum}`);
    this.numFeatures = numFeatures;
    this.epsilon = epsilon;
    this.momentum = momentum;
    ({ weight: this.weight, bias: this.bias } = affineParameters([numFeatures], affine));
    this.runningMean = new Parameter([numFeatures], { initializer: zerosInit, trainable: false });
    this.runningVar = new Parameter([numFeatures], { initializer: onesInit, trainable: false });
  }

  protected normalize(x: Tensor): Tensor {
    const { numFeatures, epsilon, momentum } = this;
    const [weight, bias] = affineTensors(this, numFeatures, x.dtype);
    return batchNorm(x, weight, bias, this.runningMean, this.runningVar, { epsilon, momentum });
  }
}

/**
 * Batch normalization of vectors or sequences.
 *
 * Shapes: x [N, C] or [N, C, L] → the same; weight, bias, running_mean, running_var [C].
 * Source: Ioffe and Szegedy 2015, arXiv:1502.03167; the running variance is the unbiased one, as in PyTorch.
 * Checked against: PyTorch 2.13, `nn.BatchNorm1d`, in both modes, 1e-6, layers.test.ts.
 */
export class BatchNorm1d extends BatchNorm {
  override forward(x: Tensor): Tensor {
    if (x.rank !== 2) expectChannels(this, x, this.numFeatures, 1);
    else expectTrailing(this, x, [this.numFeatures]);
    return this.normalize(x);
  }
}

/** Batch normalization of images. Shapes: x [N, C, H, W] → the same; otherwise as `BatchNorm1d`. */
export class BatchNorm2d extends BatchNorm {
  override forward(x: Tensor): Tensor {
    expectChannels(this, x, this.numFeatures, 2);
    return this.normalize(x);
  }
}

/**
 * Each example normalized over groups of its channels and all positions.
 *
 * Shapes: x [N, C, ..] → the same; weight, bias [C].
 * Errors: ConfigError if the groups do not divide the channels.
 * Source: Wu and He 2018, arXiv:1803.08494. Checked against: PyTorch 2.13, `nn.GroupNorm`, 1e-6, layers.test.ts.
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly epsilon: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, { epsilon = 1e-5, affine = true }: NormOptions = {}) {
    super();
    expectSizes("GroupNorm", { numGroups, numChannels });
    if (numChannels % numGroups !== 0)
      throw new ConfigError(`GroupNorm: expected channels divisible by ${numGroups} groups, got ${numChannels}`);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.epsilon = epsilon;
    ({ weight: this.weight, bias: this.bias } = affineParameters([numChannels], affine));
  }

  override forward(x: Tensor): Tensor {
    expectChannels(this, x, this.numChannels);
    const [weight, bias] = affineTensors(this, this.numChannels, x.dtype);
    return groupNorm(x, this.numGroups, weight, bias, this.epsilon);
  }
}

/**
 * Each channel of each example normalized over its positions.
 *
 * Shapes: x [N, C, H, W] → the same; weight, bias [C] where affine.
 * Source: Ulyanov et al. 2016, arXiv:1607.08022; like PyTorch's without running statistics, and not affine by default.
 */
export class InstanceNorm2d extends Module {
  readonly numFeatures: number;
  readonly epsilon: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(numFeatures: number, { epsilon = 1e-5, affine = false }: NormOptions = {}) {
    super();
    expectSizes("InstanceNorm2d", { numFeatures });
    this.numFeatures = numFeatures;
    this.epsilon = epsilon;
    ({ weight: this.weight, bias: this.bias } = affineParameters([numFeatures], affine));
  }

  override forward(x: Tensor): Tensor {
    expectChannels(this, x, this.numFeatures, 2);
    const [weight, bias] = affineTensors(this, this.numFeatures, x.dtype);
    return instanceNorm(x, weight, bias, this.epsilon);
  }
}
