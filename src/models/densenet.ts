/**
 * @module `DenseNet`: each layer sees what all layers before it made. DenseNet-121 for large images, DenseNet-BC for 32 × 32.
 */
import type { Layer, Tensor } from "../graph/index.js";
import { AvgPool2d, BatchNorm2d, Conv2d, Dropout, flatten, kaimingNormal, Linear, Module, relu, zerosInit } from "../nn/index.js";
import { concat, globalAveragePool, maxPool } from "../ops/index.js";

const conv = (inChannels: number, outChannels: number, kernelSize: number, stride = 1): Conv2d =>
  new Conv2d(inChannels, outChannels, {
    kernelSize,
    stride,
    padding: (kernelSize - 1) / 2,
    bias: false,
    weightInit: kaimingNormal(),
  });

/** One layer H of the paper with its bottleneck: batch norm, relu, 1 × 1, batch norm, relu, 3 × 3. */
class DenseLayer extends Module {
  readonly norm1: BatchNorm2d;
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly dropout: Dropout | null;

  constructor(inChannels: number, growthRate: number, dropout: number) {
    super();
    this.norm1 = new BatchNorm2d(inChannels);
    this.conv1 = conv(inChannels, 4 * growthRate, 1);
    this.norm2 = new BatchNorm2d(4 * growthRate);
    this.conv2 = conv(4 * growthRate, growthRate, 3);
    this.dropout = dropout === 0 ? null : new Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    const h = x.pipe(this.norm1, relu, this.conv1, this.norm2, relu, this.conv2); // [N, k, H, W]
    return this.dropout === null ? h : h.pipe(this.dropout);
  }
}

/** Layers that each add k channels to all that came before. Equation 2. */
class DenseBlock extends Module {
  static override readonly pathNames = { layers: "" };
  /** `denselayer1`, `denselayer2`, … */
  readonly layers: Readonly<Record<string, DenseLayer>>;

  constructor(count: number, inChannels: number, growthRate: number, dropout: number) {
    super();
    this.layers = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [
        `denselayer${i + 1}`,
        new DenseLayer(inChannels + i * growthRate, growthRate, dropout),
      ]),
    );
  }

  override forward(x: Tensor): Tensor {
    let h = x;
    for (const layer of Object.values(this.layers)) h = concat([h, layer.forward(h)], 1); // [N, C + i·k, H, W]
    return h;
  }
}

/** Half the channels, half the size. */
class Transition extends Module {
  readonly norm: BatchNorm2d;
  readonly conv: Conv2d;
  readonly pool = new AvgPool2d(2);

  constructor(inChannels: number, outChannels: number) {
    super();
    this.norm = new BatchNorm2d(inChannels);
    this.conv = conv(inChannels, outChannels, 1);
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(this.norm, relu, this.conv, this.pool); // [N, C/2, H/2, W/2]
  }
}

/** Options of DenseNet. */
export interface DenseNetOptions {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Share of each layer's channels dropped while training. */
  readonly dropout?: number;
}

interface DenseNetForm extends DenseNetOptions {
  /** Channels that each layer adds: k. */
  readonly growthRate: number;
  /** Layers of each block. */
  readonly blocks: readonly number[];
  /** The first layers: 7 × 7 and max pooling, each of stride 2, or a 3 × 3 convolution that keeps the size. */
  readonly stem: "7x7" | "3x3";
}

/**
 * A densely connected network with bottlenecks and compression ("DenseNet-BC").
 *
 * Shapes: x [N, C, H, W] → logits [N, K].
 * Source: Huang, Liu, van der Maaten and Weinberger 2016, arXiv:1608.06993; table 1 for large images, section 4.2 for 32 × 32.
 * Differs from the source: no.
 * Checked against: torchvision 0.28, whose parameter paths it has, test/models/vision.test.ts.
 */
export class DenseNet extends Module {
  /** By path: `conv0`, `norm0`, `denseblock1`, `transition1`, …, `norm5`. */
  readonly features: Readonly<Record<string, Module & Layer>>;
  readonly classifier: Linear;
  readonly #stem: "7x7" | "3x3";

  constructor({ growthRate, blocks, stem, inChannels = 3, numClasses = 1000, dropout = 0 }: DenseNetForm) {
    super();
    let channels = 2 * growthRate;
    const features: Record<string, Module & Layer> = {};
    features["conv0"] = stem === "7x7" ? conv(inChannels, channels, 7, 2) : conv(inChannels, channels, 3);
    if (stem === "7x7") features["norm0"] = new BatchNorm2d(channels);
    for (const [i, count] of blocks.entries()) {
      features[`denseblock${i + 1}`] = new DenseBlock(count, channels, growthRate, dropout);
      channels += count * growthRate;
      if (i === blocks.length - 1) continue;
      const half = Math.floor(channels / 2);
      features[`transition${i + 1}`] = new Transition(channels, half);
      channels = half;
    }
    features["norm5"] = new BatchNorm2d(channels);
    this.features = features;
    this.classifier = new Linear(channels, numClasses, { biasInit: zerosInit });
    this.#stem = stem;
  }

  override forward(x: Tensor): Tensor {
    const { conv0, norm0, norm5, ...blocks } = this.features as Record<string, Layer>;
    let h = x.pipe(conv0 as Layer); // [N, 2k, H/2, W/2], or [.., H, W] with the 3 × 3 stem
    if (this.#stem === "7x7") h = maxPool(h.pipe(norm0 as Layer, relu), 3, { stride: 2, padding: 1 }); // [N, 2k, H/4, W/4]
    h = h.pipe(...Object.values(blocks)); // [N, channels, H/32, W/32]
    return flatten(h.pipe(norm5 as Layer, relu, globalAveragePool)).pipe(this.classifier); // [N, K]
  }
}

/** DenseNet-121, k = 32, for large images: 7,978,856 parameters with 1,000 classes. */
export const denseNet121 = (options: DenseNetOptions = {}): DenseNet =>
  new DenseNet({ ...options, growthRate: 32, blocks: [6, 12, 24, 16], stem: "7x7" });

/** DenseNet-BC, k = 12, with three equal blocks, for images of 32 × 32. */
const cifar =
  (layers: number) =>
  (options: DenseNetOptions = {}): DenseNet => {
    const count = (layers - 4) / 6;
    return new DenseNet({ numClasses: 10, ...options, growthRate: 12, blocks: [count, count, count], stem: "3x3" });
  };

/** DenseNet-BC of 40 layers for images of 32 × 32: 176,122 parameters with 10 classes. */
export const denseNet40Cifar = cifar(40);
/** DenseNet-BC of 100 layers for images of 32 × 32: 769,162 parameters with 10 classes. */
export const denseNet100Cifar = cifar(100);
