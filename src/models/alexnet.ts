/**
 * @module `AlexNet`: the network that won ImageNet in 2012.
 */
import type { Tensor } from "../graph/index.js";
import { AdaptiveAvgPool2d, Conv2d, Dropout, flatten, Linear, MaxPool2d, Module, relu, Sequential } from "../nn/index.js";

/** Options of AlexNet. */
export interface AlexNetOptions {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Units of the two hidden layers of the classifier. */
  readonly hidden?: number;
  /** Share of the classifier's inputs dropped while training. */
  readonly dropout?: number;
}

/**
 * Five convolutions and three layers of units: 61,100,840 parameters with 1,000 classes.
 *
 * Shapes: x [N, C, H, W], H and W ≥ 63 → logits [N, K].
 * Source: Krizhevsky, Sutskever and Hinton 2012; channels as in Krizhevsky, One weird trick, 2014, arXiv:1404.5997.
 * Differs from the source of 2012: one tower (there two, one for each GPU), no local response normalization, fewer channels, and,
 * as in torchvision, a mean over 6 × 6 positions, so that other sizes than 224 fit.
 * Checked against: torchvision 0.28, whose parameter paths it has, test/models/vision.test.ts.
 */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(6);
  readonly classifier: Sequential;

  constructor({ inChannels = 3, numClasses = 1000, hidden = 4096, dropout = 0.5 }: AlexNetOptions = {}) {
    super();
    this.features = new Sequential(
      new Conv2d(inChannels, 64, { kernelSize: 11, stride: 4, padding: 2 }), // [N, 64, 55, 55] of 224 × 224
      relu,
      new MaxPool2d(3, { stride: 2 }), // [N, 64, 27, 27]
      new Conv2d(64, 192, { kernelSize: 5, padding: 2 }),
      relu,
      new MaxPool2d(3, { stride: 2 }), // [N, 192, 13, 13]
      new Conv2d(192, 384, { kernelSize: 3, padding: 1 }),
      relu,
      new Conv2d(384, 256, { kernelSize: 3, padding: 1 }),
      relu,
      new Conv2d(256, 256, { kernelSize: 3, padding: 1 }),
      relu,
      new MaxPool2d(3, { stride: 2 }), // [N, 256, 6, 6]
    );
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Linear(256 * 6 * 6, hidden),
      relu,
      new Dropout(dropout),
      new Linear(hidden, hidden),
      relu,
      new Linear(hidden, numClasses),
    );
  }

  override forward(x: Tensor): Tensor {
    const h = x.pipe(this.features, this.avgpool); // [N, 256, 6, 6]
    return flatten(h).pipe(this.classifier); // [N, K]
  }
}
