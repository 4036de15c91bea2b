/**
 * @module Losses that make distances mean likeness: angular margins between classes (ArcFace, CosFace), and losses on pairs and
 * triplets of one batch (supervised contrastive, batch-hard triplet).
 */
import type { Tensor } from "../graph/index.js";
import { constant, formatShape, fromNumbers, isInteger, sameShape, staticDim } from "../graph/index.js";
import { asTensor, l2Normalize, sumSquare, where } from "../ops/index.js";
import { expectOption } from "../util/described.js";
import { DTypeError, ShapeError } from "../util/errors.js";
import { crossEntropy } from "./cross-entropy.js";
import type { Reduction, ReductionOptions } from "./loss.js";
import { at, defineLoss, reduce, weightedMean } from "./loss.js";

/** int32 labels [N] of vectors [N, D]. */
function labelsOf(name: string, output: Tensor, target: Tensor): Tensor {
  if (output.rank !== 2) throw new ShapeError(`${at(name)}: expected vectors [N, D], got ${formatShape(output.shape)}`);
  if (!isInteger(target.dtype)) throw new DTypeError(`${at(name)}: expected integer labels, got ${target.dtype}`);
  if (!sameShape(target.shape, output.shape.slice(0, 1)))
    throw new ShapeError(
      `${at(name)}: expected labels ${formatShape(output.shape.slice(0, 1))}, got ${formatShape(target.shape)}`,
    );
  // WebGPU has kernels for int32, hardly any for int64.
  return target.cast("int32");
}

/** 0, 1, …, n − 1. */
const range = (n: number): Tensor =>
  constant(
    fromNumbers(
      "int32",
      [n],
      Int32Array.from({ length: n }, (_, i) => i),
    ),
  );

/** Options of losses with a margin: scale of the cosines, margin in radians or of the cosine. */
export interface MarginOptions extends ReductionOptions {
  /** The factor of cosines before the softmax. */
  readonly scale?: number;
  /** The margin against the right class: an angle (ArcFace) or a cosine (CosFace). */
  readonly margin?: number;
}

/** Cross-entropy on scaled cosines of which the right class's is made smaller. */
function marginSoftmax(
  name: string,
  cosines: Tensor,
  target: Tensor,
  harder: (cosine: Tensor) => Tensor,
  options: MarginOptions,
): Tensor {
  const { scale = 30, margin = 0, reduction } = options;
  expectOption(`${name}: scale`, scale, 0);
  expectOption(`${name}: margin`, margin, 0);
  const labels = labelsOf(name, cosines, target);
  const classes = range(staticDim(cosines.shape[1], at(name)));
  const right = labels.unsqueeze(1).equal(classes); // [N, K]
  return crossEntropy(where(right, harder(cosines), cosines).mul(scale), labels, { reduction });
}

/**
 * Cross-entropy on the cosines to class centres, the right class's angle made larger by a margin.
 *
 *     −ln softmax(s · c)ₖ with cₖ = cos(θₖ + m) for the right class k, cⱼ = cos θⱼ for the others
 *
 * Shapes: cosines [N, K] in −1…1 (of `CosineLinear`); labels [N]. Result: scalar.
 * Gradient: with respect to the cosines; that of sin θ is taken as 0 within 10⁻⁶ of a cosine of ±1.
 * Source: Deng et al. 2019, arXiv:1801.07698, equation 3.
 * Differs from the source: beyond θ + m = π, where cos(θ + m) would rise again, it is cos θ − m·sin m, as in the authors' code; the
 * scale is 30, not 64: the classes here are tens, not tens of thousands.
 * Checked against: PyTorch 2.13, 1e-9, metric-learning.test.ts.
 */
export const arcFace = defineLoss<MarginOptions>("arcFace", (output, target, options) => {
  const m = options.margin ?? 0.5;
  const harder = (c: Tensor): Tensor => {
    const sine = c.square().neg().add(1).max(1e-12).sqrt();
    const moved = c.mul(Math.cos(m)).sub(sine.mul(Math.sin(m)));
    return where(c.greater(-Math.cos(m)), moved, c.sub(m * Math.sin(m)));
  };
  return marginSoftmax("arcFace", output, target, harder, { ...options, margin: m });
});

/**
 * Cross-entropy on the cosines to class centres, the right class's made smaller by a margin: cₖ − m.
 *
 * Shapes: cosines [N, K] in −1…1 (of `CosineLinear`); labels [N]. Result: scalar.
 * Source: Wang et al. 2018, arXiv:1801.09414, equation 4. Checked against: PyTorch 2.13, 1e-9, metric-learning.test.ts.
 */
export const cosFace = defineLoss<MarginOptions>("cosFace", (output, target, options) => {
  const m = options.margin ?? 0.35;
  return marginSoftmax("cosFace", output, target, (c) => c.sub(m), { ...options, margin: m });
});

/** Finds the pairs of a batch that are of one class, and each example's pair with itself: bool [N, N]. */
function pairsOf(name: string, output: Tensor, target: Tensor): { readonly alike: Tensor; readonly itself: Tensor } {
  const labels = labelsOf(name, output, target);
  const positions = range(staticDim(output.shape[0], at(name)));
  return { alike: labels.unsqueeze(1).equal(labels.unsqueeze(0)), itself: positions.unsqueeze(1).equal(positions) };
}

/** The mean over examples that have a partner; the others' values are 0. */
const reduceCounted = (values: Tensor, counted: Tensor, reduction: Reduction | undefined): Tensor => {
  const kept = where(counted, values, asTensor(0, values.dtype));
  return (reduction ?? "mean") === "mean" ? weightedMean(kept, counted.cast(values.dtype)) : reduce(kept, reduction);
};

/** Options of the supervised contrastive loss. */
export interface SupervisedContrastiveOptions extends ReductionOptions {
  /** The divisor of cosines. */
  readonly temperature?: number;
}

/**
 * Each example drawn towards those of its class in the batch and away from all others.
 *
 *     −1/|P(i)| · Σ over p in P(i) of ln(exp(zᵢ·zₚ/τ) / Σ over a ≠ i of exp(zᵢ·zₐ/τ)),   P(i): the others of i's class
 *
 * Shapes: embeddings [N, D] (made unit vectors here), labels [N]. Result: scalar. N is a known number.
 * Source: Khosla et al. 2020, arXiv:2004.11362, equation 2.
 * Differs from the source: examples without another of their class count for nothing; the authors' code multiplies by τ/0.07.
 * Checked against: PyTorch 2.13, 1e-9, metric-learning.test.ts.
 */
export const supervisedContrastive = defineLoss<SupervisedContrastiveOptions>(
  "supervisedContrastive",
  (output, target, options) => {
    const { temperature = 0.1, reduction } = options;
    expectOption("supervisedContrastive: temperature", temperature, 1e-6);
    const { alike, itself } = pairsOf("supervisedContrastive", output, target);
    const z = l2Normalize(output);
    const cosines = z.matMul(z.transpose()).mul(1 / temperature); // [N, N]
    // exp(−10⁹) is 0 beside anything that cosines can give.
    const others = where(itself, asTensor(-1e9, cosines.dtype), cosines);
    const partner = alike.and(itself.not()).cast(cosines.dtype);
    const count = partner.sum(1); // [N]
    const attraction = cosines.mul(partner).sum(1).div(count.max(1));
    return reduceCounted(others.logSumExp(1).sub(attraction), count.greater(0), reduction);
  },
);

/** Options of the triplet loss; `soft` takes log(1 + eᵈ) in place of a margin. */
export interface BatchHardTripletOptions extends ReductionOptions {
  /** The distance by which other classes must be farther; "soft" takes ln(1 + eᵈ) in place of a margin. */
  readonly margin?: number | "soft";
}

/**
 * The triplet loss with the hardest pairs of a batch: each example's farthest positive should be nearer than its nearest negative.
 *
 *     max(0, m + max over p of ‖zᵢ − zₚ‖ − min over n of ‖zᵢ − zₙ‖)
 *
 * Shapes: embeddings [N, D], labels [N]. Result: scalar. N is a known number.
 * Source: Hermans, Beyer and Leibe 2017, arXiv:1703.07737, equation 5.
 * Differs from the source: an example without a partner or without a stranger counts for nothing.
 * Checked against: PyTorch 2.13, 1e-9, metric-learning.test.ts.
 */
export const batchHardTriplet = defineLoss<BatchHardTripletOptions>("batchHardTriplet", (output, target, options) => {
  const { margin = 0.2, reduction } = options;
  if (margin !== "soft") expectOption("batchHardTriplet: margin", margin, 0);
  const { alike, itself } = pairsOf("batchHardTriplet", output, target);
  const lengths = sumSquare(output, 1, true); // [N, 1]
  const squares = lengths.add(lengths.transpose()).sub(output.matMul(output.transpose()).mul(2)); // [N, N]
  // Equal examples have distance 10⁻⁶ and no gradient: the root's would be infinite.
  const distances = squares.max(1e-12).sqrt();
  const partner = alike.and(itself.not());
  const [none, all] = [asTensor(-1, distances.dtype), asTensor(1e9, distances.dtype)];
  const farthest = where(partner, distances, none).reduceMax(1); // [N]
  const nearest = where(alike, all, distances).reduceMin(1);
  const difference = farthest.sub(nearest);
  const values = margin === "soft" ? difference.softplus() : difference.add(margin).relu();
  return reduceCounted(values, farthest.greater(-0.5).and(nearest.less(1e8)), reduction);
});
