/**
 * @module `Linear`, `Identity`, `Flatten` and `Sequential`: the layers that every model has.
 */
import type { Initializer, Layer, Tensor } from "../graph/index.js";
import { Parameter } from "../graph/index.js";
import { flatten, gemm } from "../ops/index.js";
import { expectLast, expectSizes } from "./check.js";
import { defaultBiasInit, defaultWeightInit } from "./init.js";
import { Module } from "./module.js";

/** Options of linear layers: a bias, initial values, and how the weight is stored. */
export interface LinearOptions {
  readonly bias?: boolean;
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
  /** Layout of the weight: [out, in], or [in, out] as in GPT-2's checkpoints. */
  readonly stored?: StoredWeight;
}

/** Order of a stored weight's axes. */
export type StoredWeight = "outIn" | "inOut";

/**
 * An affine map of the last dimension.
 *
 *     y = x · weightᵀ + bias
 *
 * Shapes: x [.., in] → y [.., out]; weight [out, in] (or [in, out], as `stored` says), bias [out].
 * Gradient: with respect to x, weight and bias.
 * Errors: ShapeError if the last dimension of x is not `inFeatures`.
 * Checked against: PyTorch 2.13, `nn.Linear`, 1e-6, layers.test.ts.
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly stored: StoredWeight;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    expectSizes("Linear", { inFeatures, outFeatures });
    const { bias = true, stored = "outIn", biasInit = defaultBiasInit(inFeatures) } = options;
    // Bounds of a weight and of a bias are the same by default: ±1/√in.
    const { weightInit = stored === "outIn" ? defaultWeightInit : defaultBiasInit(inFeatures) } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.stored = stored;
    const shape = stored === "outIn" ? [outFeatures, inFeatures] : [inFeatures, outFeatures];
    this.weight = new Parameter(shape, { initializer: weightInit });
    this.bias = bias ? new Parameter([outFeatures], { initializer: biasInit }) : null;
  }

  override forward(x: Tensor): Tensor {
    expectLast(this, x, this.inFeatures);
    return affine(x, this.weight, this.bias, this.stored);
  }
}

/**
 * x · weightᵀ + bias over the last dimension, as one Gemm where the leading dimensions can be joined. A weight that is stored
 * [in, out] is multiplied as it is.
 */
export function affine(x: Tensor, weight: Tensor, bias: Tensor | null, stored: StoredWeight = "outIn"): Tensor {
  const transB = stored === "outIn";
  const lead = x.shape.slice(0, -1);
  const out = weight.shape[transB ? 0 : 1] as number;
  if (lead.filter((d) => typeof d !== "number").length > 1) {
    const y = x.matMul(transB ? weight.transpose() : weight);
    return bias === null ? y : y.add(bias);
  }
  const rows = x.rank === 2 ? x : x.reshape([-1, x.shape[x.rank - 1] as number]);
  return gemm(rows, weight, bias, { transB }).reshape([...lead, out]);
}

/** x as it is: what takes a layer's place when there is nothing to do. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** Joins all axes from `fromAxis` on: [N, C, H, W] → [N, C·H·W]. */
export class Flatten extends Module {
  readonly fromAxis: number;

  constructor(fromAxis = 1) {
    super();
    this.fromAxis = fromAxis;
  }

  override forward(x: Tensor): Tensor {
    return flatten(x, this.fromAxis);
  }
}

/**
 * Layers and functions one after another. Paths are their indices, as in PyTorch: `0.weight`, `2.weight`.
 *
 * @example
 * import { Linear, relu, Sequential } from "descentjs/nn";
 * const model = new Sequential(new Linear(4, 8), relu, new Linear(8, 2));
 * console.log(model.parameterCount); // 58
 */
export class Sequential extends Module {
  static override readonly pathNames = { stages: "" };
  readonly stages: readonly (Layer | ((x: Tensor) => Tensor))[];

  constructor(...stages: readonly (Layer | ((x: Tensor) => Tensor))[]) {
    super();
    this.stages = stages;
  }

  override forward(x: Tensor): Tensor {
    return x.pipe(...this.stages);
  }
}
