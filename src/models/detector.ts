/**
 * @module `Detector`: a one-stage, anchor-free object detector: a backbone, a feature pyramid, and heads that say at each position
 * of each level what lies there and how far its box reaches.
 */
import type { Tensor } from "../graph/index.js";
import { constant, formatShape, fromNumbers, staticDim } from "../graph/index.js";
import { BatchNorm2d, constantInit, Conv2d, Module, silu, softplus } from "../nn/index.js";
import { concat, resize } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";
import type { Backbone } from "./backbone.js";
import { ConvUnit, SmallBackbone, STRIDES } from "./backbone.js";

/** Outputs of a detector for each position of its levels, one level after another: A positions. */
export interface DetectorOutputs {
  /** Logits of each class, [N, A, K]. */
  readonly logits: Tensor;
  /** Boxes in pixels of the input, corners (x₁, y₁, x₂, y₂), [N, A, 4]. */
  readonly boxes: Tensor;
}

/** Options of the detector. */
export interface DetectorOptions {
  readonly numClasses: number;
  /** Channels of the image, where the backbone is left out. */
  readonly inChannels?: number;
  readonly backbone?: Backbone;
  /** Channels of the pyramid and of the heads. */
  readonly width?: number;
  /** Convolutions of each head before its prediction. */
  readonly depth?: number;
}

/** A tower of convolutions for one kind of answer; its convolutions are the same at each level, its normalizations each level's own. */
class Head extends Module {
  readonly tower: readonly { readonly conv: Conv2d; readonly norms: readonly BatchNorm2d[] }[];
  readonly predict: Conv2d;

  constructor(width: number, depth: number, outChannels: number, bias: number) {
    super();
    this.tower = Array.from({ length: depth }, () => ({
      conv: new Conv2d(width, width, { kernelSize: 3, padding: 1, bias: false }),
      norms: STRIDES.map(() => new BatchNorm2d(width)),
    }));
    this.predict = new Conv2d(width, outChannels, { kernelSize: 1, biasInit: constantInit(bias) });
  }

  override forward(map: Tensor, level: number): Tensor {
    let h = map;
    for (const { conv, norms } of this.tower) h = h.pipe(conv, norms[level] as BatchNorm2d, silu);
    const y = this.predict.forward(h); // [N, out, h, w]
    const [n, out, height, width] = y.shape as [Tensor["shape"][number], number, number, number];
    return y.reshape([n, out, height * width]).transpose([0, 2, 1]); // [N, h·w, out]
  }
}

/** The probability of a class at a position before training: most positions are background, and the loss should begin small. */
const PRIOR = 0.01;

/** The centres of the positions of a level, in pixels, row by row: [h·w, 2]. */
function centres(height: number, width: number, stride: number): number[][] {
  return Array.from({ length: height * width }, (_, i) => [((i % width) + 0.5) * stride, (Math.floor(i / width) + 0.5) * stride]);
}

/**
 * A one-stage, anchor-free detector.
 *
 * Shapes: x [N, C, H, W] → logits [N, A, K], boxes [N, A, 4]; H and W are numbers, A = Σ ⌈H/s⌉·⌈W/s⌉ over the strides s.
 * Source: Tian et al. 2019, FCOS, arXiv:1904.01355 (a prediction per position, distances to the four sides, one head for all levels);
 * Lin et al. 2017, arXiv:1612.03144 (the pyramid, top-down); Ge et al. 2021, YOLOX, arXiv:2107.08430 (decoupled heads).
 * Differs from the source: levels at strides 8, 16 and 32; distances are softplus(t) · stride, the same for each level; no
 * centerness, since `taskAlignedLoss` trains the class scores to say how well the box lies; the normalizations in the heads are each
 * level's own.
 */
export class Detector extends Module {
  readonly numClasses: number;
  readonly backbone: Backbone;
  readonly lateral: readonly ConvUnit[];
  readonly smooth: readonly ConvUnit[];
  readonly classify: Head;
  readonly locate: Head;

  constructor({ numClasses, inChannels = 3, backbone, width = 48, depth = 1 }: DetectorOptions) {
    super();
    this.numClasses = numClasses;
    this.backbone = backbone ?? new SmallBackbone({ inChannels });
    this.lateral = this.backbone.featureChannels.map((channels) => new ConvUnit(channels, width, 1));
    this.smooth = STRIDES.slice(1).map(() => new ConvUnit(width, width, 3));
    this.classify = new Head(width, depth, numClasses, Math.log(PRIOR / (1 - PRIOR)));
    this.locate = new Head(width, depth, 4, 2);
  }

  /** Finest level first: [N, width, H/8, W/8], … */
  #pyramid(x: Tensor): Tensor[] {
    const maps = this.backbone.features(x).map((map, i) => (this.lateral[i] as ConvUnit).forward(map));
    for (let i = maps.length - 2; i >= 0; i--) {
      const [fine, coarse] = [maps[i], maps[i + 1]] as [Tensor, Tensor];
      maps[i] = (this.smooth[i] as ConvUnit).forward(fine.add(enlarged(coarse, fine)));
    }
    return maps;
  }

  override forward(x: Tensor): DetectorOutputs {
    const levels = this.#pyramid(x);
    const logits = levels.map((map, level) => this.classify.forward(map, level));
    const boxes = levels.map((map, level) => {
      const stride = STRIDES[level] as number;
      const [height, width] = [2, 3].map((axis) => staticDim(map.shape[axis], "Detector")) as [number, number];
      const points = centres(height, width, stride);
      const corner = constant(
        fromNumbers("float32", [points.length, 4], points.flatMap(([cx, cy]) => [cx, cy, cx, cy]) as number[]),
      );
      const sides = constant(fromNumbers("float32", [4], [-stride, -stride, stride, stride]));
      return softplus(this.locate.forward(map, level)).mul(sides).add(corner); // [N, h·w, 4]
    });
    return { logits: concat(logits, 1), boxes: concat(boxes, 1) };
  }

  /** The positions of predictions, in the order of the outputs, for images of H × W: their centres in pixels, [A, 2]. */
  static points(height: number, width: number): readonly (readonly number[])[] {
    return STRIDES.flatMap((stride) => centres(Math.ceil(height / stride), Math.ceil(width / stride), stride));
  }
}

/** A map at twice its height and width, cut to the finer one where that has an odd length. */
function enlarged(coarse: Tensor, fine: Tensor): Tensor {
  const twice = resize(coarse, { scales: [2, 2], mode: "nearest" });
  const [height, width] = [2, 3].map((axis) => staticDim(fine.shape[axis], "Detector")) as [number, number];
  const [h, w] = [2, 3].map((axis) => staticDim(twice.shape[axis], "Detector")) as [number, number];
  if (h - height > 1 || w - width > 1 || h < height || w < width)
    throw new ShapeError(
      `Detector: expected maps that halve from level to level, got ${formatShape(fine.shape)} above ${formatShape(coarse.shape)}`,
    );
  return twice.slice(2, 0, height).slice(3, 0, width);
}
