/**
 * @module `ConvNet`: a few plain convolutions, the smallest network here that fits images of any size. It is quick on a CPU.
 */
import type { Tensor } from "../graph/index.js";
import {
  BatchNorm2d,
  Conv2d,
  flatten,
  GlobalAvgPool2d,
  kaimingNormal,
  Linear,
  MaxPool2d,
  Module,
  relu,
  Sequential,
} from "../nn/index.js";
import { ConfigError } from "../util/errors.js";

/** Options of the small convolutional network; `imageSize` in pixels. */
export interface ConvNetOptions {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Length of the smaller side: decides how often the maps are halved, so that the last ones are 4 to 8 wide. */
  readonly imageSize?: number;
  /** Channels of the first stage; each further one has twice as many, up to eight times. */
  readonly width?: number;
}

/** One convolution that sees its neighbours, normalized and cut off at 0. */
class ConvStage extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number) {
    super();
    const weightInit = kaimingNormal({ mode: "fanOut" });
    this.conv = new Conv2d(inChannels, outChannels, { kernelSize: 3, padding: 1, bias: false, weightInit });
    this.bn = new BatchNorm2d(outChannels);
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.conv, this.bn, relu);
  }
}

/**
 * Stages of 3 × 3 convolution, batch norm and relu, halved between them by max pooling; the mean over positions; a linear layer.
 *
 * Shapes: x [N, C, H, W] → logits [N, K]; what comes before the last layer is [N, width·2ˢ⁻¹] with S stages and one more convolution.
 * Source: the plain network of Simonyan and Zisserman 2015, arXiv:1409.1556 (VGG), in miniature.
 * Differs from the source: one convolution a stage, batch norm, the mean over positions in place of two wide layers.
 */
export class ConvNet extends Module {
  readonly stages: readonly ConvStage[];
  readonly last: ConvStage;
  readonly pool = new MaxPool2d(2);
  readonly head: Sequential;

  constructor({ inChannels = 1, numClasses = 10, imageSize = 28, width = 16 }: ConvNetOptions = {}) {
    super();
    if (imageSize < 8) throw new ConfigError(`conv-net: expected images of at least 8 × 8, got ${imageSize}`);
    const count = Math.max(2, 1 + Math.ceil(Math.log2(imageSize / 8)));
    const widths = Array.from({ length: count }, (_, i) => width * 2 ** Math.min(i, 3));
    const top = widths.at(-1) as number;
    this.stages = widths.map((channels, i) => new ConvStage(widths[i - 1] ?? inChannels, channels));
    this.last = new ConvStage(top, top);
    this.head = new Sequential(new GlobalAvgPool2d(), flatten, new Linear(top, numClasses));
  }

  override forward(x: Tensor): Tensor {
    let h = x; // [N, C, H, W]
    for (const [i, stage] of this.stages.entries()) {
      if (i > 0) h = this.pool.forward(h); // halved
      h = stage.forward(h); // [N, width·2ⁱ, ..]
    }
    return this.head.forward(this.last.forward(h)); // [N, K]
  }
}
