/**
 * @module `GoogLeNet`: convolutions of several sizes side by side (Inception v1).
 */
import type { Tensor } from "../graph/index.js";
import {
  AdaptiveAvgPool2d,
  Dropout,
  flatten,
  GlobalAvgPool2d,
  Linear,
  MaxPool2d,
  Module,
  relu,
  Sequential,
  normalInit,
  scoped,
} from "../nn/index.js";
import { concat } from "../ops/index.js";
import type { AuxiliaryOutputs, WithAuxiliary } from "./auxiliary.js";
import { BasicConv2d } from "./auxiliary.js";

const weightInit = normalInit(0.01);

/** A convolution that keeps the size. */
const conv = (inChannels: number, outChannels: number, kernelSize: number, stride = 1): BasicConv2d =>
  new BasicConv2d(inChannels, outChannels, { kernelSize, stride, padding: (kernelSize - 1) / 2, weightInit });

/** Pooling as in Caffe, where the last window may hang over the end. */
const maxPool = (kernelSize: number, stride = 2): MaxPool2d =>
  new MaxPool2d(kernelSize, { stride, ceilMode: true, padding: stride === 1 ? (kernelSize - 1) / 2 : 0 });

/** Channels of the branches as in table 1: `#1×1`, `#3×3 reduce`, `#3×3`, `#5×5 reduce`, `#5×5`, `pool proj`. */
type Widths = readonly [number, number, number, number, number, number];

/** Four branches, their channels joined. Figure 2b. */
class Inception extends Module {
  readonly branch1: BasicConv2d;
  readonly branch2: Sequential;
  readonly branch3: Sequential;
  readonly branch4: Sequential;

  constructor(inChannels: number, [ones, reduce3, threes, reduce5, fives, pooled]: Widths) {
    super();
    this.branch1 = conv(inChannels, ones, 1);
    this.branch2 = new Sequential(conv(inChannels, reduce3, 1), conv(reduce3, threes, 3));
    this.branch3 = new Sequential(conv(inChannels, reduce5, 1), conv(reduce5, fives, 3));
    this.branch4 = new Sequential(maxPool(3, 1), conv(inChannels, pooled, 1));
  }

  override forward(x: Tensor): Tensor {
    const branches = [this.branch1, this.branch2, this.branch3, this.branch4];
    return concat(
      branches.map((branch) => branch.forward(x)),
      1,
    ); // [N, ones + threes + fives + pooled, H, W]
  }
}

/** A classifier on an inner layer. Section 5 of the paper. */
class AuxiliaryHead extends Module {
  readonly pool = new AdaptiveAvgPool2d(4);
  readonly conv: BasicConv2d;
  readonly fc1: Linear;
  readonly dropout: Dropout;
  readonly fc2: Linear;

  constructor(inChannels: number, numClasses: number, dropout: number) {
    super();
    this.conv = conv(inChannels, 128, 1);
    this.fc1 = new Linear(2048, 1024, { weightInit });
    this.dropout = new Dropout(dropout);
    this.fc2 = new Linear(1024, numClasses, { weightInit });
  }

  override forward(x: Tensor): Tensor {
    const h = flatten(x.pipe(this.pool, this.conv)); // [N, 128·4·4]
    return h.pipe(this.fc1, relu, this.dropout, this.fc2); // [N, K]
  }
}

/** Options of GoogLeNet. */
export interface GoogLeNetOptions {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Whether there are the two heads on inner layers that training uses. */
  readonly auxiliary?: boolean;
  /** Dropout of the last layer's inputs. */
  readonly dropout?: number;
  /** Dropout of the auxiliary heads' hidden units. */
  readonly auxiliaryDropout?: number;
}

/**
 * GoogLeNet: 6,624,904 parameters with 1,000 classes, 13,004,888 with the auxiliary heads.
 *
 * Shapes: x [N, C, H, W], H and W ≥ 15 → logits [N, K].
 * Source: Szegedy et al., Going deeper with convolutions, 2014, arXiv:1409.4842, table 1.
 * Differs from the source: batch norm after each convolution in place of local response normalization, and, as in torchvision, whose
 * weights fit, 3 × 3 kernels in the branch of 5 × 5.
 * Checked against: torchvision 0.28, test/models/vision.test.ts.
 */
export class GoogLeNet extends Module implements WithAuxiliary {
  readonly auxiliaryWeight = 0.3;
  readonly conv1: BasicConv2d;
  readonly maxpool1 = maxPool(3);
  readonly conv2 = conv(64, 64, 1);
  readonly conv3 = conv(64, 192, 3);
  readonly maxpool2 = maxPool(3);
  readonly inception3a = new Inception(192, [64, 96, 128, 16, 32, 32]);
  readonly inception3b = new Inception(256, [128, 128, 192, 32, 96, 64]);
  readonly maxpool3 = maxPool(3);
  readonly inception4a = new Inception(480, [192, 96, 208, 16, 48, 64]);
  readonly inception4b = new Inception(512, [160, 112, 224, 24, 64, 64]);
  readonly inception4c = new Inception(512, [128, 128, 256, 24, 64, 64]);
  readonly inception4d = new Inception(512, [112, 144, 288, 32, 64, 64]);
  readonly inception4e = new Inception(528, [256, 160, 320, 32, 128, 128]);
  readonly maxpool4 = maxPool(2);
  readonly inception5a = new Inception(832, [256, 160, 320, 32, 128, 128]);
  readonly inception5b = new Inception(832, [384, 192, 384, 48, 128, 128]);
  readonly aux1: AuxiliaryHead | null;
  readonly aux2: AuxiliaryHead | null;
  readonly avgpool = new GlobalAvgPool2d();
  readonly dropout: Dropout;
  readonly fc: Linear;

  constructor(options: GoogLeNetOptions = {}) {
    super();
    const { inChannels = 3, numClasses = 1000, auxiliary = true, dropout = 0.2, auxiliaryDropout = 0.7 } = options;
    this.conv1 = conv(inChannels, 64, 7, 2);
    this.aux1 = auxiliary ? new AuxiliaryHead(512, numClasses, auxiliaryDropout) : null;
    this.aux2 = auxiliary ? new AuxiliaryHead(528, numClasses, auxiliaryDropout) : null;
    this.dropout = new Dropout(dropout);
    this.fc = new Linear(1024, numClasses, { weightInit });
  }

  override forward(x: Tensor): Tensor {
    return this.#trace(x).logits;
  }

  /** Logits, and those of the heads on inception 4a and 4d. */
  forwardWithAuxiliary(x: Tensor): AuxiliaryOutputs {
    return scoped(this, () => {
      const { logits, inner } = this.#trace(x);
      return { logits, auxiliary: [this.aux1, this.aux2].flatMap((head, i) => head?.forward(inner[i] as Tensor) ?? []) };
    });
  }

  #trace(x: Tensor): { logits: Tensor; inner: readonly Tensor[] } {
    let h = x.pipe(this.conv1, this.maxpool1); // [N, 64, H/4, W/4]
    h = h.pipe(this.conv2, this.conv3, this.maxpool2); // [N, 192, H/8, W/8]
    h = h.pipe(this.inception3a, this.inception3b, this.maxpool3); // [N, 480, H/16, W/16]
    const a = h.pipe(this.inception4a); // [N, 512, H/16, W/16]
    const d = a.pipe(this.inception4b, this.inception4c, this.inception4d); // [N, 528, H/16, W/16]
    h = d.pipe(this.inception4e, this.maxpool4, this.inception5a, this.inception5b); // [N, 1024, H/32, W/32]
    h = flatten(h.pipe(this.avgpool)); // [N, 1024]
    return { logits: h.pipe(this.dropout, this.fc), inner: [a, d] };
  }
}
