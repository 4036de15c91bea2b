/**
 * @module `Vgg`: many 3 × 3 convolutions, one after another.
 */
import type { Layer, Tensor } from "../graph/index.js";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  flatten,
  kaimingNormal,
  Linear,
  MaxPool2d,
  Module,
  normalInit,
  relu,
  Sequential,
  zerosInit,
} from "../nn/index.js";

/** Convolutions of each of the five stages, by layers with weights: columns A, B, D and E of table 1. */
const STAGES = { 11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4] } as const;

/** Options of VGG. */
export interface VggOptions {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Whether batch norm follows each convolution. */
  readonly batchNorm?: boolean;
  /** Channels of the first stage; the others have 2, 4, 8 and 8 times as many. */
  readonly width?: number;
  /** Units of the two hidden layers of the classifier. */
  readonly hidden?: number;
  readonly dropout?: number;
}

/**
 * VGG with 11, 13, 16 or 19 layers: 132,863,336, 133,047,848, 138,357,544 and 143,667,240 parameters with 1,000 classes.
 *
 * Shapes: x [N, C, H, W], H and W ≥ 32 → logits [N, K].
 * Source: Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2014, arXiv:1409.1556, table 1.
 * Differs from the source: He's initial weights, batch norm as a choice, and, as in torchvision, a mean over 7 × 7 positions, so that
 * other sizes than 224 fit.
 * Checked against: torchvision 0.28, whose parameter paths it has, test/models/vision.test.ts.
 */
export class Vgg extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(7);
  readonly classifier: Sequential;

  constructor(layers: keyof typeof STAGES, options: VggOptions = {}) {
    super();
    const { inChannels = 3, numClasses = 1000, batchNorm = false, width = 64, hidden = 4096, dropout = 0.5 } = options;
    const stages: (Layer | typeof relu)[] = [];
    let channels = inChannels;
    for (const [i, count] of STAGES[layers].entries()) {
      const out = width * Math.min(8, 2 ** i);
      for (let j = 0; j < count; j++) {
        stages.push(convolution(channels, out), ...(batchNorm ? [new BatchNorm2d(out)] : []), relu);
        channels = out;
      }
      stages.push(new MaxPool2d(2)); // [N, out, H/2ⁱ⁺¹, W/2ⁱ⁺¹]
    }
    this.features = new Sequential(...stages);
    this.classifier = new Sequential(
      linear(channels * 7 * 7, hidden),
      relu,
      new Dropout(dropout),
      linear(hidden, hidden),
      relu,
      new Dropout(dropout),
      linear(hidden, numClasses),
    );
  }

  override forward(x: Tensor): Tensor {
    const h = x.pipe(this.features, this.avgpool); // [N, 8·width, 7, 7]
    return flatten(h).pipe(this.classifier); // [N, K]
  }
}

const convolution = (inChannels: number, outChannels: number): Conv2d =>
  new Conv2d(inChannels, outChannels, {
    kernelSize: 3,
    padding: 1,
    weightInit: kaimingNormal({ mode: "fanOut" }),
    biasInit: zerosInit,
  });

const linear = (inFeatures: number, outFeatures: number): Linear =>
  new Linear(inFeatures, outFeatures, { weightInit: normalInit(0.01), biasInit: zerosInit });
