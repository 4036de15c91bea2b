/**
 * @module Losses for classes: cross-entropy on logits, binary cross-entropy on logits, focal loss. All are stable at any
 * magnitude of the logits: no probability is ever formed and then taken the logarithm of.
 */
import type { Tensor } from "../graph/index.js";
import { constant, formatShape, fromNumbers, isFloat, isInteger, sameShape, staticDim } from "../graph/index.js";
import { asTensor, gather, softmaxCrossEntropy, where } from "../ops/index.js";
import { ConfigError, DTypeError, ShapeError } from "../util/errors.js";
import { expectOption } from "../util/described.js";
import type { ReductionOptions } from "./loss.js";
import { at, defineLoss, expectAlike, reduce, weightedMean } from "./loss.js";

/** Options of the cross-entropy: a weight for each class, smoothing (a fraction), a label that does not count. */
export interface CrossEntropyOptions extends ReductionOptions {
  /** Weights of the K classes. */
  readonly classWeights?: readonly number[];
  /** Share of the target spread evenly over all classes, 0…1. */
  readonly labelSmoothing?: number;
  /** Examples with this label count for nothing. */
  readonly ignoreIndex?: number;
}

/** Half-precision logits are summed in float32. */
const widened = (x: Tensor): Tensor => (x.dtype === "float16" ? x.cast("float32") : x);

/**
 * The cross-entropy between a softmax over the last axis and the target classes.
 *
 *     −wₖ · ln softmax(x)ₖ   for the class k of each example; the mean divides by Σ wₖ
 *
 * Shapes: logits [.., K]; target: labels [..] (int64, int32, uint8), or probabilities [.., K]. Result: scalar.
 * Gradient: with respect to the logits, and to probabilities given as the target.
 * Errors: ShapeError if the target does not fit; ConfigError for `ignoreIndex` with probabilities or a wrong number of weights.
 * Source: PyTorch's `cross_entropy`; label smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7.
 * Differs from the source: classes are the last axis; a batch whose labels are all ignored has loss 0, not NaN. A label outside
 * 0…K − 1 that is not `ignoreIndex` is an error of the run: the data layer refuses it before.
 * Checked against: PyTorch 2.13, 1e-6, losses.test.ts.
 *
 * @example
 * import { tensor } from "descentjs";
 * import { crossEntropy } from "descentjs/losses";
 * const logits = tensor([[2, 0, 0], [0, 3, 0]]); // two examples, three classes
 * const loss = crossEntropy(logits, tensor([0, 1], "int64"));
 * console.log(Number((await loss.data())[0]).toFixed(4)); // 0.1672
 */
export const crossEntropy = defineLoss<CrossEntropyOptions>("crossEntropy", (output, target, options) => {
  const { classWeights, labelSmoothing = 0, ignoreIndex, reduction = "mean" } = options;
  expectOption("crossEntropy: labelSmoothing", labelSmoothing, 0, 1);
  const logits = widened(output);
  const place = at("crossEntropy");
  if (logits.rank === 0) throw new ShapeError(`${place}: expected logits [.., K], got a scalar`);
  const classes = staticDim(logits.shape[logits.rank - 1], place);
  if (classWeights !== undefined && classWeights.length !== classes)
    throw new ConfigError(`${place}: expected ${classes} class weights, got ${classWeights.length}`);
  const weights = classWeights === undefined ? null : constant(fromNumbers(logits.dtype, [classes], classWeights));

  if (isFloat(target.dtype)) {
    if (!sameShape(target.shape, logits.shape))
      throw new ShapeError(`${place}: expected probabilities ${formatShape(logits.shape)}, got ${formatShape(target.shape)}`);
    if (ignoreIndex !== undefined)
      throw new ConfigError(`${place}: expected labels with ignoreIndex, got probabilities; give them zero rows instead`);
    let smoothed = target.cast(logits.dtype);
    if (labelSmoothing !== 0) smoothed = smoothed.mul(1 - labelSmoothing).add(labelSmoothing / classes);
    if (weights !== null) smoothed = smoothed.mul(weights);
    return reduce(logits.logSoftmax().mul(smoothed).sum(-1).neg(), reduction);
  }

  if (!isInteger(target.dtype)) throw new DTypeError(`${place}: expected integer labels or probabilities, got ${target.dtype}`);
  if (!sameShape(target.shape, logits.shape.slice(0, -1)))
    throw new ShapeError(`${place}: expected labels ${formatShape(logits.shape.slice(0, -1))}, got ${formatShape(target.shape)}`);
  // WebGPU has kernels for int32, hardly any for int64.
  const all = target.cast("int32");
  const kept = ignoreIndex === undefined ? null : all.equal(ignoreIndex).not();
  // Ignored labels are mostly no classes at all: class 0 stands in, and counts for nothing.
  const labels = kept === null ? all : where(kept, all, 0);
  let losses = softmaxCrossEntropy(logits, labels); // [..]
  // The weight of each example; null: all 1.
  let each = weights === null ? null : gather(weights, labels);
  if (each !== null) losses = losses.mul(each);
  if (labelSmoothing !== 0) {
    const everyClass = logits.logSoftmax();
    const even = (weights === null ? everyClass : everyClass.mul(weights)).sum(-1);
    losses = losses.mul(1 - labelSmoothing).sub(even.mul(labelSmoothing / classes));
  }
  if (kept !== null) {
    const zero = asTensor(0, logits.dtype);
    losses = where(kept, losses, zero);
    each = where(kept, each ?? asTensor(1, logits.dtype), zero);
  }
  return reduction === "mean" && each !== null ? weightedMean(losses, each) : reduce(losses, reduction);
});

/** Options of the binary cross-entropy: the weight of positive examples, one for all or one for each output. */
export interface BinaryCrossEntropyOptions extends ReductionOptions {
  /** Weight of the positive class: one number, or one per output. */
  readonly positiveWeight?: number | readonly number[];
}

/** x, target in 0…1 → max(x, 0) − x·t + ln(1 + e^−|x|), with positives weighted by w. */
function binaryCrossEntropyValues(x: Tensor, t: Tensor, positiveWeight: number | readonly number[] | undefined): Tensor {
  if (positiveWeight === undefined) return x.softplus().sub(x.mul(t));
  const w =
    typeof positiveWeight === "number"
      ? asTensor(positiveWeight, x.dtype)
      : constant(fromNumbers(x.dtype, [positiveWeight.length], positiveWeight));
  // (1 − t)·x + (1 + (w − 1)·t)·softplus(−x)
  return x.sub(x.mul(t)).add(t.mul(w.sub(1)).add(1).mul(x.neg().softplus()));
}

function binaryTarget(name: string, output: Tensor, target: Tensor): { x: Tensor; t: Tensor } {
  expectAlike(name, output, target);
  const x = widened(output);
  return { x, t: target.cast(x.dtype) };
}

/**
 * The cross-entropy between independent sigmoids and targets in 0…1.
 *
 *     −w·t·ln σ(x) − (1 − t)·ln(1 − σ(x))
 *
 * Shapes: logits and target alike (bool and integers are taken as 0 and 1). Result: scalar.
 * Checked against: PyTorch 2.13, `binary_cross_entropy_with_logits`, 1e-6, losses.test.ts.
 */
export const binaryCrossEntropyWithLogits = defineLoss<BinaryCrossEntropyOptions>(
  "binaryCrossEntropyWithLogits",
  (output, target, { positiveWeight, reduction }) => {
    const { x, t } = binaryTarget("binaryCrossEntropyWithLogits", output, target);
    return reduce(binaryCrossEntropyValues(x, t, positiveWeight), reduction);
  },
);

/** Options of the focal loss. */
export interface FocalOptions extends ReductionOptions {
  /** Strength with which easy examples are weighted down; 0 is cross-entropy. */
  readonly gamma?: number;
  /** Weight of the positive class, 0…1; negatives get 1 − α. Left out, none. */
  readonly alpha?: number;
}

/**
 * Cross-entropy on logits with easy examples weighted down.
 *
 *     −αₜ·(1 − pₜ)^γ · ln pₜ,   pₜ the probability of what is right: σ(x) where t = 1, 1 − σ(x) where t = 0; or softmax(x)ₖ
 *
 * Shapes: logits and target alike for independent outputs; logits [.., K] and integer labels [..] for classes. Result: scalar.
 * Errors: ConfigError for `alpha` with classes.
 * Source: Lin et al. 2017, arXiv:1708.02002, equation 5. torchvision's `sigmoid_focal_loss` takes targets between 0 and 1 in the
 * same way; its default reduction is "none".
 */
export const focal = defineLoss<FocalOptions>("focal", (output, target, { gamma = 2, alpha, reduction }) => {
  const modulated = (losses: Tensor, miss: Tensor): Tensor =>
    gamma === 0 ? losses : losses.mul(gamma === 1 ? miss : gamma === 2 ? miss.square() : miss.pow(gamma));
  if (isInteger(target.dtype) && target.rank === output.rank - 1) {
    if (alpha !== undefined) throw new ConfigError(`${at("focal")}: expected no alpha with classes, got ${alpha}`);
    const losses = crossEntropy(output, target, { reduction: "none" });
    return reduce(modulated(losses, losses.neg().exp().neg().add(1)), reduction);
  }
  const { x, t } = binaryTarget("focal", output, target);
  const p = x.sigmoid();
  // 1 − pₜ = p + t − 2·p·t
  const miss = p.add(t).sub(p.mul(t).mul(2));
  let losses = modulated(binaryCrossEntropyValues(x, t, undefined), miss);
  if (alpha !== undefined) losses = losses.mul(t.mul(2 * alpha - 1).add(1 - alpha));
  return reduce(losses, reduction);
});
