/**
 * @module `LeNet5`: the convolutional network that reads digits.
 */
import type { Tensor } from "../graph/index.js";
import { Conv2d, flatten, Linear, MaxPool2d, Module, relu } from "../nn/index.js";

/**
 * LeNet-5 in its usual simplified form: 61,706 parameters for 1 × 28 × 28 and 10 classes.
 *
 * Shapes: x [N, C, 28, 28] → logits [N, K].
 * Source: LeCun et al., Gradient-based learning applied to document recognition, 1998, figure 2.
 * Differs from the source: relu for scaled tanh, max for trained average pooling, all maps connected, a linear output layer; the
 * first convolution pads 28 × 28 to the paper's 32 × 32.
 */
export class LeNet5 extends Module {
  readonly conv1: Conv2d;
  readonly conv2 = new Conv2d(6, 16, { kernelSize: 5 });
  readonly pool = new MaxPool2d(2);
  readonly fc1 = new Linear(400, 120);
  readonly fc2 = new Linear(120, 84);
  readonly fc3: Linear;

  constructor({ inChannels = 1, numClasses = 10 }: { readonly inChannels?: number; readonly numClasses?: number } = {}) {
    super();
    this.conv1 = new Conv2d(inChannels, 6, { kernelSize: 5, padding: 2 });
    this.fc3 = new Linear(84, numClasses);
  }

  override forward(x: Tensor): Tensor {
    let h = x.pipe(this.conv1, relu, this.pool); // [N, 6, 14, 14]
    h = h.pipe(this.conv2, relu, this.pool); // [N, 16, 5, 5]
    return flatten(h).pipe(this.fc1, relu, this.fc2, relu, this.fc3); // [N, K]
  }
}
