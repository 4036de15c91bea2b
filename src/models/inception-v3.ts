/**
 * @module `InceptionV3`: convolutions side by side, the large ones taken apart into small ones.
 */
import type { Tensor } from "../graph/index.js";
import type { ConvLayerOptions } from "../nn/index.js";
import { AvgPool2d, Dropout, flatten, GlobalAvgPool2d, Linear, Module, normalInit, scoped } from "../nn/index.js";
import { averagePool, concat, maxPool } from "../ops/index.js";
import type { AuxiliaryOutputs, WithAuxiliary } from "./auxiliary.js";
import { BasicConv2d } from "./auxiliary.js";

type Kernel = number | readonly [number, number];

/** A convolution that keeps the size, unless its options say otherwise. */
function conv(inChannels: number, outChannels: number, kernelSize: Kernel, options: Partial<ConvLayerOptions> = {}): BasicConv2d {
  const kernel = typeof kernelSize === "number" ? [kernelSize, kernelSize] : kernelSize;
  const padding = kernel.map((k) => (k - 1) / 2);
  return new BasicConv2d(inChannels, outChannels, { kernelSize: kernel, padding, weightInit: normalInit(0.1), ...options });
}

/** Halves the size without padding. */
const HALVING = { stride: 2, padding: 0 } as const;

const meanPool = (x: Tensor): Tensor => averagePool(x, 3, { stride: 1, padding: 1 });
const halve = (x: Tensor): Tensor => maxPool(x, 3, { stride: 2 });

/** 35 × 35: a 5 × 5 as such, and one as two 3 × 3. Figure 5. */
class InceptionA extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch5x5_1: BasicConv2d;
  readonly branch5x5_2 = conv(48, 64, 5);
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2 = conv(64, 96, 3);
  readonly branch3x3dbl_3 = conv(96, 96, 3);
  readonly branch_pool: BasicConv2d;

  constructor(inChannels: number, poolFeatures: number) {
    super();
    this.branch1x1 = conv(inChannels, 64, 1);
    this.branch5x5_1 = conv(inChannels, 48, 1);
    this.branch3x3dbl_1 = conv(inChannels, 64, 1);
    this.branch_pool = conv(inChannels, poolFeatures, 1);
  }

  override forward(x: Tensor): Tensor {
    const five = x.pipe(this.branch5x5_1, this.branch5x5_2);
    const double = x.pipe(this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3);
    return concat([x.pipe(this.branch1x1), five, double, x.pipe(meanPool, this.branch_pool)], 1); // [N, 224 + pool, H, W]
  }
}

/** 35 × 35 → 17 × 17. Figure 10. */
class InceptionB extends Module {
  readonly branch3x3: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2 = conv(64, 96, 3);
  readonly branch3x3dbl_3 = conv(96, 96, 3, HALVING);

  constructor(inChannels: number) {
    super();
    this.branch3x3 = conv(inChannels, 384, 3, HALVING);
    this.branch3x3dbl_1 = conv(inChannels, 64, 1);
  }

  override forward(x: Tensor): Tensor {
    const double = x.pipe(this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3);
    return concat([x.pipe(this.branch3x3), double, x.pipe(halve)], 1); // [N, C + 480, H/2, W/2]
  }
}

/** 17 × 17: a 7 × 7 as 1 × 7 and 7 × 1. Figure 6. */
class InceptionC extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch7x7_1: BasicConv2d;
  readonly branch7x7_2: BasicConv2d;
  readonly branch7x7_3: BasicConv2d;
  readonly branch7x7dbl_1: BasicConv2d;
  readonly branch7x7dbl_2: BasicConv2d;
  readonly branch7x7dbl_3: BasicConv2d;
  readonly branch7x7dbl_4: BasicConv2d;
  readonly branch7x7dbl_5: BasicConv2d;
  readonly branch_pool: BasicConv2d;

  constructor(inChannels: number, c: number) {
    super();
    this.branch1x1 = conv(inChannels, 192, 1);
    this.branch7x7_1 = conv(inChannels, c, 1);
    this.branch7x7_2 = conv(c, c, [1, 7]);
    this.branch7x7_3 = conv(c, 192, [7, 1]);
    this.branch7x7dbl_1 = conv(inChannels, c, 1);
    this.branch7x7dbl_2 = conv(c, c, [7, 1]);
    this.branch7x7dbl_3 = conv(c, c, [1, 7]);
    this.branch7x7dbl_4 = conv(c, c, [7, 1]);
    this.branch7x7dbl_5 = conv(c, 192, [1, 7]);
    this.branch_pool = conv(inChannels, 192, 1);
  }

  override forward(x: Tensor): Tensor {
    const seven = x.pipe(this.branch7x7_1, this.branch7x7_2, this.branch7x7_3);
    const h = x.pipe(this.branch7x7dbl_1, this.branch7x7dbl_2, this.branch7x7dbl_3);
    const double = h.pipe(this.branch7x7dbl_4, this.branch7x7dbl_5);
    return concat([x.pipe(this.branch1x1), seven, double, x.pipe(meanPool, this.branch_pool)], 1); // [N, 768, H, W]
  }
}

/** 17 × 17 → 8 × 8. */
class InceptionD extends Module {
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2 = conv(192, 320, 3, HALVING);
  readonly branch7x7x3_1: BasicConv2d;
  readonly branch7x7x3_2 = conv(192, 192, [1, 7]);
  readonly branch7x7x3_3 = conv(192, 192, [7, 1]);
  readonly branch7x7x3_4 = conv(192, 192, 3, HALVING);

  constructor(inChannels: number) {
    super();
    this.branch3x3_1 = conv(inChannels, 192, 1);
    this.branch7x7x3_1 = conv(inChannels, 192, 1);
  }

  override forward(x: Tensor): Tensor {
    const three = x.pipe(this.branch3x3_1, this.branch3x3_2);
    const seven = x.pipe(this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4);
    return concat([three, seven, x.pipe(halve)], 1); // [N, C + 512, H/2, W/2]
  }
}

/** 8 × 8: 1 × 3 and 3 × 1 side by side, for more channels. Figure 7. */
class InceptionE extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2a = conv(384, 384, [1, 3]);
  readonly branch3x3_2b = conv(384, 384, [3, 1]);
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2 = conv(448, 384, 3);
  readonly branch3x3dbl_3a = conv(384, 384, [1, 3]);
  readonly branch3x3dbl_3b = conv(384, 384, [3, 1]);
  readonly branch_pool: BasicConv2d;

  constructor(inChannels: number) {
    super();
    this.branch1x1 = conv(inChannels, 320, 1);
    this.branch3x3_1 = conv(inChannels, 384, 1);
    this.branch3x3dbl_1 = conv(inChannels, 448, 1);
    this.branch_pool = conv(inChannels, 192, 1);
  }

  override forward(x: Tensor): Tensor {
    const three = x.pipe(this.branch3x3_1);
    const double = x.pipe(this.branch3x3dbl_1, this.branch3x3dbl_2);
    const threes = [three.pipe(this.branch3x3_2a), three.pipe(this.branch3x3_2b)];
    const doubles = [double.pipe(this.branch3x3dbl_3a), double.pipe(this.branch3x3dbl_3b)];
    return concat([x.pipe(this.branch1x1), ...threes, ...doubles, x.pipe(meanPool, this.branch_pool)], 1); // [N, 2048, H, W]
  }
}

/** A classifier on the last map of 17 × 17. Figure 8. */
class AuxiliaryHead extends Module {
  readonly pool = new AvgPool2d(5, { stride: 3 });
  readonly conv0: BasicConv2d;
  readonly conv1 = conv(128, 768, 5, { padding: 0, weightInit: normalInit(0.01) });
  readonly meanpool = new GlobalAvgPool2d();
  readonly fc: Linear;

  constructor(inChannels: number, numClasses: number) {
    super();
    this.conv0 = conv(inChannels, 128, 1);
    this.fc = new Linear(768, numClasses, { weightInit: normalInit(0.001) });
  }

  override forward(x: Tensor): Tensor {
    const h = x.pipe(this.pool, this.conv0, this.conv1, this.meanpool); // [N, 768, 1, 1]
    return flatten(h).pipe(this.fc); // [N, K]
  }
}

/** Options of Inception v3. */
export interface InceptionV3Options {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Whether there is the head on an inner layer that training uses; it needs images of at least 299 × 299. */
  readonly auxiliary?: boolean;
  readonly dropout?: number;
}

/**
 * Inception-v3: 23,834,568 parameters with 1,000 classes, 27,161,264 with the auxiliary head.
 *
 * Shapes: x [N, C, H, W], H and W ≥ 75 → logits [N, K].
 * Source: Szegedy et al., Rethinking the Inception architecture for computer vision, 2015, arXiv:1512.00567, table 1.
 * Differs from the source: as torchvision, whose weights fit, does: a single auxiliary head with a convolution of 5 × 5, blocks of the
 * authors' own later code (such as a branch of 7 × 7 in the last reduction).
 * Checked against: torchvision 0.28, test/models/vision.test.ts.
 */
export class InceptionV3 extends Module implements WithAuxiliary {
  static override readonly pathNames = {
    conv1a: "Conv2d_1a_3x3",
    conv2a: "Conv2d_2a_3x3",
    conv2b: "Conv2d_2b_3x3",
    conv3b: "Conv2d_3b_1x1",
    conv4a: "Conv2d_4a_3x3",
    mixed5b: "Mixed_5b",
    mixed5c: "Mixed_5c",
    mixed5d: "Mixed_5d",
    mixed6a: "Mixed_6a",
    mixed6b: "Mixed_6b",
    mixed6c: "Mixed_6c",
    mixed6d: "Mixed_6d",
    mixed6e: "Mixed_6e",
    auxLogits: "AuxLogits",
    mixed7a: "Mixed_7a",
    mixed7b: "Mixed_7b",
    mixed7c: "Mixed_7c",
  };
  readonly auxiliaryWeight = 0.4;
  readonly conv1a: BasicConv2d;
  readonly conv2a = conv(32, 32, 3, { padding: 0 });
  readonly conv2b = conv(32, 64, 3);
  readonly conv3b = conv(64, 80, 1);
  readonly conv4a = conv(80, 192, 3, { padding: 0 });
  readonly mixed5b = new InceptionA(192, 32);
  readonly mixed5c = new InceptionA(256, 64);
  readonly mixed5d = new InceptionA(288, 64);
  readonly mixed6a = new InceptionB(288);
  readonly mixed6b = new InceptionC(768, 128);
  readonly mixed6c = new InceptionC(768, 160);
  readonly mixed6d = new InceptionC(768, 160);
  readonly mixed6e = new InceptionC(768, 192);
  readonly auxLogits: AuxiliaryHead | null;
  readonly mixed7a = new InceptionD(768);
  readonly mixed7b = new InceptionE(1280);
  readonly mixed7c = new InceptionE(2048);
  readonly avgpool = new GlobalAvgPool2d();
  readonly dropout: Dropout;
  readonly fc: Linear;

  constructor({ inChannels = 3, numClasses = 1000, auxiliary = true, dropout = 0.5 }: InceptionV3Options = {}) {
    super();
    this.conv1a = conv(inChannels, 32, 3, HALVING);
    this.auxLogits = auxiliary ? new AuxiliaryHead(768, numClasses) : null;
    this.dropout = new Dropout(dropout);
    this.fc = new Linear(2048, numClasses, { weightInit: normalInit(0.1) });
  }

  override forward(x: Tensor): Tensor {
    return this.#trace(x).logits;
  }

  /** Logits, and those of the head on `Mixed_6e`. */
  forwardWithAuxiliary(x: Tensor): AuxiliaryOutputs {
    return scoped(this, () => {
      const { logits, inner } = this.#trace(x);
      return { logits, auxiliary: this.auxLogits === null ? [] : [this.auxLogits.forward(inner)] };
    });
  }

  #trace(x: Tensor): { logits: Tensor; inner: Tensor } {
    let h = x.pipe(this.conv1a, this.conv2a, this.conv2b, halve); // [N, 64, 73, 73] of 299 × 299
    h = h.pipe(this.conv3b, this.conv4a, halve); // [N, 192, 35, 35]
    h = h.pipe(this.mixed5b, this.mixed5c, this.mixed5d); // [N, 288, 35, 35]
    const inner = h.pipe(this.mixed6a, this.mixed6b, this.mixed6c, this.mixed6d, this.mixed6e); // [N, 768, 17, 17]
    h = inner.pipe(this.mixed7a, this.mixed7b, this.mixed7c); // [N, 2048, 8, 8]
    return { logits: flatten(h.pipe(this.avgpool)).pipe(this.dropout, this.fc), inner };
  }
}
