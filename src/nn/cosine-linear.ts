/**
 * @module `CosineLinear`: how alike a vector is to each class's direction. The layer before losses with an angular margin.
 */
import type { Initializer, Tensor } from "../graph/index.js";
import { Parameter } from "../graph/index.js";
import { affine } from "./linear.js";
import { l2Normalize } from "../ops/index.js";
import { expectLast, expectSizes } from "./check.js";
import { normalInit } from "./init.js";
import { Module } from "./module.js";

/**
 * The cosine between x and each row of the weight.
 *
 *     yₖ = x · wₖ / (‖x‖ · ‖wₖ‖)
 *
 * Shapes: x [.., in] → y [.., out] in −1…1; weight [out, in].
 * Errors: ShapeError if the last dimension of x is not `inFeatures`.
 * Source: Wang et al. 2017, arXiv:1704.06369 (NormFace). Lengths are √(Σ x² + 10⁻¹²).
 * Checked against: PyTorch 2.13, `F.linear` of `F.normalize`, 1e-6, metric-learning.test.ts.
 */
export class CosineLinear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;

  constructor(inFeatures: number, outFeatures: number, options: { readonly weightInit?: Initializer } = {}) {
    super();
    expectSizes("CosineLinear", { inFeatures, outFeatures });
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter([outFeatures, inFeatures], { initializer: options.weightInit ?? normalInit(0.01) });
  }

  override forward(x: Tensor): Tensor {
    expectLast(this, x, this.inFeatures);
    return affine(l2Normalize(x), l2Normalize(this.weight), null);
  }
}
