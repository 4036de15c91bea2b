/**
 * @module Backbones of detectors: the interface `Backbone`, a small network for it, and residual networks in its form.
 */
import type { Tensor } from "../graph/index.js";
import { BatchNorm2d, Conv2d, Module, relu } from "../nn/index.js";
import { concat, split } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import type { ResNet } from "./resnet.js";

/** Pixels between neighbouring positions of the pyramid's levels. */
export const STRIDES = [8, 16, 32] as const;

/** The backbone of a detector: any network that gives its maps at strides 8, 16 and 32. */
export interface Backbone extends Module {
  /** Channels of the three maps. */
  readonly featureChannels: readonly [number, number, number];
  /** x [N, C, H, W] → [N, c₀, H/8, W/8], [N, c₁, H/16, W/16], [N, c₂, H/32, W/32], each length rounded up. */
  features(x: Tensor): readonly [Tensor, Tensor, Tensor];
}

/** Convolution, batch normalization, relu. Padded so that stride 1 keeps the size, but for patches that lie side by side. */
export class ConvUnit extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm2d;

  constructor(inChannels: number, outChannels: number, kernelSize: number, stride = 1) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, {
      kernelSize,
      stride,
      padding: kernelSize === stride ? 0 : (kernelSize - 1) / 2,
      bias: false,
    });
    this.norm = new BatchNorm2d(outChannels);
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.conv, this.norm, relu);
  }
}

/**
 * A residual block of which half of the channels pass untouched.
 *
 * Shapes: x [N, C, H, W] → y [N, C, H, W].
 * Source: Wang et al. 2020, arXiv:1911.11929. Differs from the source: one residual unit, relu.
 */
class CrossStageBlock extends Module {
  readonly split: ConvUnit;
  readonly conv1: ConvUnit;
  readonly conv2: ConvUnit;
  readonly join: ConvUnit;

  constructor(channels: number) {
    super();
    const half = channels / 2;
    this.split = new ConvUnit(channels, channels, 1);
    this.conv1 = new ConvUnit(half, half, 3);
    this.conv2 = new ConvUnit(half, half, 3);
    this.join = new ConvUnit(channels, channels, 1);
  }

  override forward(x: Tensor): Tensor {
    const half = this.conv1.conv.inChannels;
    const [untouched, h] = split(this.split.forward(x), [half, half], 1) as [Tensor, Tensor]; // [N, C/2, H, W] each
    const refined = h.pipe(this.conv1, this.conv2).add(h);
    return this.join.forward(concat([untouched, refined], 1));
  }
}

export interface SmallBackboneOptions {
  readonly inChannels?: number;
  /** Channels at strides 4, 8, 16 and 32. */
  readonly widths?: readonly [number, number, number, number];
}

/**
 * A small backbone for a CPU: patches of 4 × 4 pixels, then a strided convolution and one cross-stage block per level.
 * Without pooling, and with half of the channels in its 3 × 3 convolutions: 0.3 GFLOPs for an image of 320 × 240.
 */
export class SmallBackbone extends Module implements Backbone {
  readonly featureChannels: readonly [number, number, number];
  readonly stem: ConvUnit;
  readonly stages: readonly { readonly down: ConvUnit | null; readonly block: CrossStageBlock }[];

  constructor({ inChannels = 3, widths = [32, 64, 128, 128] }: SmallBackboneOptions = {}) {
    super();
    if (widths.some((width) => width % 2 !== 0))
      throw new ConfigError(`SmallBackbone: widths: expected even numbers, got ${widths.join(", ")}`);
    this.stem = new ConvUnit(inChannels, widths[0], 4, 4);
    this.stages = widths.map((width, i) => ({
      down: i === 0 ? null : new ConvUnit(widths[i - 1] as number, width, 3, 2),
      block: new CrossStageBlock(width),
    }));
    this.featureChannels = [widths[1], widths[2], widths[3]];
  }

  features(x: Tensor): readonly [Tensor, Tensor, Tensor] {
    let h = this.stem.forward(x); // [N, w₀, H/4, W/4]
    const maps = this.stages.map(({ down, block }) => (h = block.forward(down?.forward(h) ?? h)));
    return maps.slice(1) as [Tensor, Tensor, Tensor];
  }

  override forward(x: Tensor): readonly [Tensor, Tensor, Tensor] {
    return this.features(x);
  }
}

/**
 * A residual network for large images without its classifier: maps of its last three stages.
 *
 * Errors: ConfigError for one with the stem for small images, whose strides are 2, 4 and 8.
 */
export class ResNetBackbone extends Module implements Backbone {
  static override readonly pathNames = { net: "" };
  readonly featureChannels: readonly [number, number, number];
  readonly net: ResNet;

  constructor(net: ResNet) {
    super();
    if (net.maxpool === null) throw new ConfigError("ResNetBackbone: expected a ResNet for large images, got one for 32 × 32");
    if (net.fc !== null) throw new ConfigError("ResNetBackbone: expected a ResNet without classifier (numClasses: null)");
    this.net = net;
    this.featureChannels = net.stageChannels.slice(1) as [number, number, number];
  }

  features(x: Tensor): readonly [Tensor, Tensor, Tensor] {
    return this.net.features(x).slice(1) as [Tensor, Tensor, Tensor];
  }

  override forward(x: Tensor): readonly [Tensor, Tensor, Tensor] {
    return this.features(x);
  }
}
