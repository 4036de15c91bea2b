/**
 * @module `ResNet`: layers that learn what to add to their input. ResNet-18, 34 and 50 for large images, ResNet-18 and
 * ResNet-20, 32, 44 and 56 for images of 32 × 32.
 */
import type { Tensor } from "../graph/index.js";
import {
  BatchNorm2d,
  Conv2d,
  GlobalAvgPool2d,
  flatten,
  kaimingNormal,
  Linear,
  MaxPool2d,
  Module,
  relu,
  Sequential,
} from "../nn/index.js";
import { averagePool, pad } from "../ops/index.js";

/** Section 3 of He et al. 2015 (arXiv:1502.01852): the variance of gradients is kept from layer to layer. */
const weightInit = kaimingNormal({ mode: "fanOut" });

/** A convolution without bias, since batch norm follows it, padded so that stride 1 keeps the size. */
const conv = (inChannels: number, outChannels: number, kernelSize: number, stride = 1): Conv2d =>
  new Conv2d(inChannels, outChannels, { kernelSize, stride, padding: (kernelSize - 1) / 2, bias: false, weightInit });

/** Projection of the shortcut (option B): a 1 × 1 convolution. */
const projection = (inChannels: number, outChannels: number, stride: number): Sequential =>
  new Sequential(conv(inChannels, outChannels, 1, stride), new BatchNorm2d(outChannels));

/** Identity of the shortcut (option A): every other position (pooling of one pixel), and zeros for the new channels. No parameters. */
const subsampled = (x: Tensor, newChannels: number, stride: number): Tensor =>
  pad(averagePool(x, 1, { stride }), [0, 0, 0, 0], [0, newChannels, 0, 0]);

interface BlockOptions {
  readonly inChannels: number;
  readonly width: number;
  readonly stride: number;
  readonly shortcut: Shortcut;
}

/** The shortcut where the shape changes: a convolution (option B of the paper) or zeros (option A). */
type Shortcut = "projection" | "identity";

/** Two 3 × 3 convolutions, and what came in. Figure 5, left. */
class BasicBlock extends Module {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | null;
  readonly options: BlockOptions;

  constructor(options: BlockOptions) {
    super();
    const { inChannels, width, stride, shortcut } = options;
    this.options = options;
    this.conv1 = conv(inChannels, width, 3, stride);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = conv(width, width, 3);
    this.bn2 = new BatchNorm2d(width);
    const changes = stride !== 1 || inChannels !== width;
    this.downsample = changes && shortcut === "projection" ? projection(inChannels, width, stride) : null;
  }

  override forward(x: Tensor): Tensor {
    const { inChannels, width, stride } = this.options;
    const y = x.pipe(this.conv1, this.bn1, relu, this.conv2, this.bn2); // [N, width, H/stride, W/stride]
    if (this.downsample !== null) return relu(y.add(x.pipe(this.downsample)));
    return relu(y.add(stride === 1 && inChannels === width ? x : subsampled(x, width - inChannels, stride)));
  }
}

/** 1 × 1 down to fewer channels, 3 × 3 among these, 1 × 1 up again, and what came in. Figure 5, right. */
class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor({ inChannels, width, stride }: BlockOptions) {
    super();
    const outChannels = width * Bottleneck.expansion;
    this.conv1 = conv(inChannels, width, 1);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = conv(width, width, 3, stride);
    this.bn2 = new BatchNorm2d(width);
    this.conv3 = conv(width, outChannels, 1);
    this.bn3 = new BatchNorm2d(outChannels);
    this.downsample = stride !== 1 || inChannels !== outChannels ? projection(inChannels, outChannels, stride) : null;
  }

  override forward(x: Tensor): Tensor {
    let y = x.pipe(this.conv1, this.bn1, relu); // [N, width, H, W]
    y = y.pipe(this.conv2, this.bn2, relu, this.conv3, this.bn3); // [N, 4·width, H/stride, W/stride]
    return relu(y.add(this.downsample === null ? x : x.pipe(this.downsample)));
  }
}

/** Options of ResNet; without `numClasses` (null) it gives features. */
export interface ResNetOptions {
  readonly inChannels?: number;
  /** null: no classifier; the output is what it would have seen, [N, channels]. */
  readonly numClasses?: number | null;
  /** Channels of the first stage. */
  readonly width?: number;
}

interface ResNetForm extends ResNetOptions {
  readonly block: typeof BasicBlock | typeof Bottleneck;
  /** Blocks of each stage; every stage after the first halves the size and doubles the channels. */
  readonly blocks: readonly number[];
  /** The first layers: 7 × 7 and max pooling, each of stride 2, or a 3 × 3 convolution that keeps the size. */
  readonly stem: "7x7" | "3x3";
  readonly shortcut?: Shortcut;
}

/**
 * A residual network.
 *
 * Shapes: x [N, C, H, W] → logits [N, K].
 * Source: He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2015, arXiv:1512.03385; table 1 for large images,
 * section 4.2 for 32 × 32.
 * Differs from the source: a bottleneck's stride is at its 3 × 3 convolution, as in torchvision ("ResNet v1.5"). ResNet-18 for
 * 32 × 32 (`resNet18Cifar`) is not in the paper: ResNet-18 with a 3 × 3 stem, as in most work on CIFAR.
 * Checked against: torchvision 0.28, whose parameter paths it has, test/models/vision.test.ts.
 */
export class ResNet extends Module {
  static override readonly pathNames = { stages: "" };
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly maxpool: MaxPool2d | null;
  /** `layer1`, `layer2`, … */
  readonly stages: Readonly<Record<string, Sequential>>;
  readonly avgpool = new GlobalAvgPool2d();
  readonly fc: Linear | null;
  /** Channels of each stage's output. */
  readonly stageChannels: readonly number[];

  constructor({
    block: Block,
    blocks,
    width = 64,
    stem,
    shortcut = "projection",
    inChannels = 3,
    numClasses = 1000,
  }: ResNetForm) {
    super();
    this.conv1 = stem === "7x7" ? conv(inChannels, width, 7, 2) : conv(inChannels, width, 3);
    this.bn1 = new BatchNorm2d(width);
    this.maxpool = stem === "7x7" ? new MaxPool2d(3, { stride: 2, padding: 1 }) : null;
    let channels = width;
    const stages = blocks.map((count, i) => {
      const layers = Array.from({ length: count }, (_, j) => {
        const options = { inChannels: channels, width: width * 2 ** i, stride: i > 0 && j === 0 ? 2 : 1, shortcut };
        channels = options.width * Block.expansion;
        return new Block(options);
      });
      return [`layer${i + 1}`, new Sequential(...layers)] as const;
    });
    this.stages = Object.fromEntries(stages);
    this.stageChannels = blocks.map((_, i) => width * 2 ** i * Block.expansion);
    this.fc = numClasses === null ? null : new Linear(channels, numClasses);
  }

  /** The output of each stage, for detectors and embeddings: [N, width·2ⁱ·expansion, H/2ⁱ⁺², W/2ⁱ⁺²] with the 7 × 7 stem. */
  features(x: Tensor): readonly Tensor[] {
    let h = x.pipe(this.conv1, this.bn1, relu); // [N, width, H/2, W/2], or [.., H, W] with the 3 × 3 stem
    if (this.maxpool !== null) h = this.maxpool.forward(h); // [N, width, H/4, W/4]
    return Object.values(this.stages).map((stage) => (h = stage.forward(h)));
  }

  override forward(x: Tensor): Tensor {
    const h = this.features(x).at(-1) as Tensor; // [N, channels, H/32, W/32]
    const pooled = flatten(this.avgpool.forward(h)); // [N, channels]
    return this.fc === null ? pooled : this.fc.forward(pooled); // [N, K]
  }
}

/** ResNet-18 for large images: 11,689,512 parameters with 1,000 classes. */
export const resNet18 = (options: ResNetOptions = {}): ResNet =>
  new ResNet({ ...options, block: BasicBlock, blocks: [2, 2, 2, 2], stem: "7x7" });

/** ResNet-34 for large images: 21,797,672 parameters with 1,000 classes. */
export const resNet34 = (options: ResNetOptions = {}): ResNet =>
  new ResNet({ ...options, block: BasicBlock, blocks: [3, 4, 6, 3], stem: "7x7" });

/** ResNet-50 for large images: 25,557,032 parameters with 1,000 classes. */
export const resNet50 = (options: ResNetOptions = {}): ResNet =>
  new ResNet({ ...options, block: Bottleneck, blocks: [3, 4, 6, 3], stem: "7x7" });

/** ResNet-18 with a stem for images of 32 × 32: 11,173,962 parameters with 10 classes. */
export const resNet18Cifar = (options: ResNetOptions = {}): ResNet =>
  new ResNet({ numClasses: 10, ...options, block: BasicBlock, blocks: [2, 2, 2, 2], stem: "3x3" });

/** The networks of section 4.2: 6n + 2 layers with 16, 32 and 64 channels, shortcuts without parameters. */
const cifar =
  (n: number) =>
  (options: ResNetOptions = {}): ResNet =>
    new ResNet({
      numClasses: 10,
      width: 16,
      ...options,
      block: BasicBlock,
      blocks: [n, n, n],
      stem: "3x3",
      shortcut: "identity",
    });

/** ResNet-20 for images of 32 × 32: 269,722 parameters with 10 classes. */
export const resNet20Cifar = cifar(3);
/** ResNet-32 for images of 32 × 32: 464,154 parameters with 10 classes. */
export const resNet32Cifar = cifar(5);
/** ResNet-44 for images of 32 × 32: 658,586 parameters with 10 classes. */
export const resNet44Cifar = cifar(7);
/** ResNet-56 for images of 32 × 32: 853,018 parameters with 10 classes. */
export const resNet56Cifar = cifar(9);
