/**
 * @module `MobileNetV3`: networks for small devices.
 */
import type { Layer, Tensor } from "../graph/index.js";
import { Parameter } from "../graph/index.js";
import {
  affine,
  BatchNorm2d,
  Conv2d,
  Dropout,
  flatten,
  GlobalAvgPool2d,
  hardSigmoid,
  hardSwish,
  kaimingNormal,
  Linear,
  Module,
  normalInit,
  relu,
  Sequential,
  zerosInit,
} from "../nn/index.js";
import { globalAveragePool } from "../ops/index.js";

type Activation = typeof relu;

/** The nearest multiple of 8, never under 90 % of the value. */
function multipleOf8(value: number): number {
  const rounded = Math.max(8, Math.floor((value + 4) / 8) * 8);
  return rounded < 0.9 * value ? rounded + 8 : rounded;
}

const weightInit = kaimingNormal({ mode: "fanOut" });

interface ConvOptions {
  readonly kernelSize: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly activation?: Activation;
}

/** Convolution that keeps the size (unless strided), batch norm, activation. */
function convNorm(inChannels: number, outChannels: number, { kernelSize, stride = 1, groups = 1, activation }: ConvOptions) {
  const padding = (kernelSize - 1) / 2;
  return new Sequential(
    new Conv2d(inChannels, outChannels, { kernelSize, stride, padding, groups, bias: false, weightInit }),
    new BatchNorm2d(outChannels, { epsilon: 1e-3, momentum: 0.01 }),
    ...(activation === undefined ? [] : [activation]),
  );
}

/** A 1 × 1 convolution of one position: a product of matrices, which is quicker, and so are its gradients. */
class PointConv extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.weight = new Parameter([outChannels, inChannels, 1, 1], { initializer: weightInit });
    this.bias = new Parameter([outChannels], { initializer: zerosInit });
  }

  override forward(x: Tensor): Tensor {
    return affine(x, this.weight.reshape(this.weight.dims.slice(0, 2)), this.bias); // [N, out]
  }
}

/** Squeeze and excitation: channels weighted by what is seen in the whole image. Hu et al. 2017, arXiv:1709.01507. */
class SqueezeExcitation extends Module {
  readonly fc1: PointConv;
  readonly fc2: PointConv;

  constructor(channels: number, squeezed: number) {
    super();
    this.fc1 = new PointConv(channels, squeezed);
    this.fc2 = new PointConv(squeezed, channels);
  }

  override forward(x: Tensor): Tensor {
    const scale = flatten(globalAveragePool(x)).pipe(this.fc1, relu, this.fc2, hardSigmoid); // [N, C]
    return x.mul(scale.unsqueeze(2, 3)); // [N, C, H, W]
  }
}

/** One row of tables 1 and 2: kernel, expansion, out, squeeze and excitation, activation, stride. */
type Row = readonly [kernel: number, expanded: number, out: number, squeeze: boolean, activation: Activation, stride: number];

/** Up to more channels, a convolution of each by itself, weighting, down again; what came in is added where shapes agree. */
class InvertedResidual extends Module {
  readonly block: Sequential;
  readonly #residual: boolean;

  constructor(inChannels: number, [kernelSize, expanded, out, squeeze, activation, stride]: Row) {
    super();
    this.block = new Sequential(
      ...(expanded === inChannels ? [] : [convNorm(inChannels, expanded, { kernelSize: 1, activation })]),
      convNorm(expanded, expanded, { kernelSize, stride, groups: expanded, activation }),
      ...(squeeze ? [new SqueezeExcitation(expanded, multipleOf8(expanded / 4))] : []),
      convNorm(expanded, out, { kernelSize: 1 }),
    );
    this.#residual = stride === 1 && inChannels === out;
  }

  override forward(x: Tensor): Tensor {
    const y = this.block.forward(x); // [N, out, H/stride, W/stride]
    return this.#residual ? x.add(y) : y;
  }
}

/** Table 2. */
const SMALL: readonly Row[] = [
  [3, 16, 16, true, relu, 2],
  [3, 72, 24, false, relu, 2],
  [3, 88, 24, false, relu, 1],
  [5, 96, 40, true, hardSwish, 2],
  [5, 240, 40, true, hardSwish, 1],
  [5, 240, 40, true, hardSwish, 1],
  [5, 120, 48, true, hardSwish, 1],
  [5, 144, 48, true, hardSwish, 1],
  [5, 288, 96, true, hardSwish, 2],
  [5, 576, 96, true, hardSwish, 1],
  [5, 576, 96, true, hardSwish, 1],
];

/** Table 1. */
const LARGE: readonly Row[] = [
  [3, 16, 16, false, relu, 1],
  [3, 64, 24, false, relu, 2],
  [3, 72, 24, false, relu, 1],
  [5, 72, 40, true, relu, 2],
  [5, 120, 40, true, relu, 1],
  [5, 120, 40, true, relu, 1],
  [3, 240, 80, false, hardSwish, 2],
  [3, 200, 80, false, hardSwish, 1],
  [3, 184, 80, false, hardSwish, 1],
  [3, 184, 80, false, hardSwish, 1],
  [3, 480, 112, true, hardSwish, 1],
  [3, 672, 112, true, hardSwish, 1],
  [5, 672, 160, true, hardSwish, 2],
  [5, 960, 160, true, hardSwish, 1],
  [5, 960, 160, true, hardSwish, 1],
];

/** Options of MobileNetV3. */
export interface MobileNetV3Options {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Multiplies all channels. */
  readonly width?: number;
  readonly dropout?: number;
}

/**
 * MobileNetV3, small or large: 2,542,856 and 5,483,032 parameters with 1,000 classes.
 *
 * Shapes: x [N, C, H, W] → logits [N, K].
 * Source: Howard et al., Searching for MobileNetV3, 2019, arXiv:1905.02244, tables 1 and 2.
 * Differs from the source: the last layers are Linear, not 1 × 1 convolutions, which is the same.
 * Checked against: torchvision 0.28, whose parameter paths it has, test/models/vision.test.ts.
 */
export class MobileNetV3 extends Module {
  readonly features: Sequential;
  readonly avgpool = new GlobalAvgPool2d();
  readonly classifier: Sequential;

  constructor(size: "small" | "large", options: MobileNetV3Options = {}) {
    super();
    const { inChannels = 3, numClasses = 1000, width = 1, dropout = 0.2 } = options;
    const scaled = (channels: number): number => multipleOf8(channels * width);
    let channels = scaled(16);
    const stages: Layer[] = [convNorm(inChannels, channels, { kernelSize: 3, stride: 2, activation: hardSwish })]; // [N, 16, H/2, W/2]
    for (const [kernel, expanded, out, ...rest] of size === "small" ? SMALL : LARGE) {
      stages.push(new InvertedResidual(channels, [kernel, scaled(expanded), scaled(out), ...rest]));
      channels = scaled(out);
    }
    stages.push(convNorm(channels, 6 * channels, { kernelSize: 1, activation: hardSwish })); // [N, 576 or 960, H/32, W/32]
    this.features = new Sequential(...stages);
    const hidden = scaled(size === "small" ? 1024 : 1280);
    const linear = { weightInit: normalInit(0.01), biasInit: zerosInit };
    this.classifier = new Sequential(
      new Linear(6 * channels, hidden, linear),
      hardSwish,
      new Dropout(dropout),
      new Linear(hidden, numClasses, linear),
    );
  }

  override forward(x: Tensor): Tensor {
    const h = x.pipe(this.features, this.avgpool); // [N, 576 or 960, 1, 1]
    return flatten(h).pipe(this.classifier); // [N, K]
  }
}

/** MobileNetV3-Small: images [N, C, H, W] → logits [N, K]. Howard et al. 2019, arXiv:1905.02244. */
export const mobileNetV3Small = (options: MobileNetV3Options = {}): MobileNetV3 => new MobileNetV3("small", options);
/** MobileNetV3-Large: images [N, C, H, W] → logits [N, K]. Howard et al. 2019, arXiv:1905.02244. */
export const mobileNetV3Large = (options: MobileNetV3Options = {}): MobileNetV3 => new MobileNetV3("large", options);
