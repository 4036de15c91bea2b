/**
 * @module The loss of a one-stage detector: the assignment of positions to boxes is made anew at each step by how well the
 * position does already (task alignment); then classes and boxes are compared.
 */
import type { Tensor } from "../graph/index.js";
import { constant, formatShape, fromNumbers, sameShape } from "../graph/index.js";
import { stopGradient, topK } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";
import { completeIouLoss, pairwiseIou } from "./boxes.js";
import { binaryCrossEntropyWithLogits } from "./cross-entropy.js";
import { at } from "./loss.js";

/** Predictions at A positions, and the truth: M boxes per image, filled up with rows of class −1. */
export interface DetectionLossInputs {
  /** [N, A, K]. */
  readonly logits: Tensor;
  /** Corners in pixels, [N, A, 4]. */
  readonly boxes: Tensor;
  /** The centres of the positions in pixels, A pairs (x, y). */
  readonly points: readonly (readonly number[])[];
  /** Rows (x₁, y₁, x₂, y₂, class), [N, M, 5], float32. */
  readonly truth: Tensor;
}

/** The target of each position. */
export interface Assignment {
  /** Target class scores in 0…1, [N, A, K]. */
  readonly scores: Tensor;
  /** Target boxes, [N, A, 4]; zeros at positions that are assigned no box. */
  readonly boxes: Tensor;
  /** Weight of a position's box in 0…1: 1 at the best position of each real box, [N, A]. */
  readonly weight: Tensor;
}

/** Positions that may be assigned to one box. */
const CANDIDATES = 10;
/** Keeps quotients finite where nothing is there; below any alignment that counts (an overlap of 0.01 gives 10⁻¹²·√score). */
const EPSILON = 1e-20;

/**
 * Gives each box the positions inside it that align best, and each position at most one box, the one that it overlaps most. A position's target
 * score is its alignment, scaled so that the target at a box's best position is that box's best overlap.
 *
 *     alignment = score^½ · IoU⁶
 *
 * No gradient passes. Source: Feng et al. 2021, TOOD, arXiv:2108.07755, section 3.2.
 * Differs from the source: exponents ½ and 6 and 10 candidates, as later detectors have them (TOOD: 1, 6, 13).
 * Errors: ShapeError if the inputs do not fit.
 */
export function assignTaskAligned(inputs: DetectionLossInputs): Assignment {
  const { logits, boxes, points, truth } = inputs;
  expectFitting(inputs);
  const [n, anchors, classes] = logits.shape as [Tensor["shape"][number], number, number];
  const { dtype } = logits;
  const vector = (values: readonly number[]): Tensor => constant(fromNumbers(dtype, [values.length], values));
  const side = (i: number): Tensor => truth.slice(2, i, i + 1); // [N, M, 1]
  // Rows that fill up are of class −1, and so of no class at all.
  const hot = side(4)
    .equal(vector(Array.from({ length: classes }, (_, k) => k)))
    .cast(dtype); // [N, M, K]
  const targetBoxes = truth.slice(2, 0, 4); // [N, M, 4]

  const [x, y] = [0, 1].map((axis) => vector(points.map((point) => point[axis] as number))) as [Tensor, Tensor]; // [A]
  const margin = x
    .sub(side(0))
    .min(side(2).sub(x))
    .min(y.sub(side(1)))
    .min(side(3).sub(y)); // [N, M, A]
  const iou = pairwiseIou(targetBoxes, stopGradient(boxes)); // [N, M, A]
  const score = hot.matMul(stopGradient(logits).sigmoid().transpose([0, 2, 1])); // [N, M, A]
  const alignment = score.sqrt().mul(iou.square().mul(iou).square()).mul(margin.greater(0).cast(dtype));

  const candidates = Math.min(CANDIDATES, anchors);
  const least = topK(alignment, candidates, { axis: 2 }).values.slice(2, candidates - 1); // [N, M, 1]
  const chosen = alignment.greaterOrEqual(least).and(alignment.greater(0)).cast(dtype);
  const claims = iou.mul(chosen);
  const strongest = claims.greaterOrEqual(claims.reduceMax(1, true)).cast(dtype).mul(chosen);
  // Two boxes in the very same place share it.
  const share = strongest.div(strongest.sum(1, true).max(1)); // [N, M, A]

  const held = alignment.mul(share);
  const relative = held.div(held.reduceMax(2, true).max(EPSILON)); // [N, M, A]
  const scaled = relative.mul(iou.mul(share).reduceMax(2, true)); // [N, M, A]
  return {
    scores: scaled.transpose([0, 2, 1]).matMul(hot),
    boxes: share.transpose([0, 2, 1]).matMul(targetBoxes),
    weight: relative.sum(1).reshape([n, anchors]),
  };
}

/** Parts of a detector's loss, scalars. */
export interface DetectionLoss {
  readonly loss: Tensor;
  readonly classLoss: Tensor;
  readonly boxLoss: Tensor;
}

/** Options of the detection loss: the weight of the boxes' part. */
export interface DetectionLossOptions {
  /** Weight of the box loss beside the class loss. */
  readonly boxWeight?: number;
}

/**
 * Binary cross-entropy of all class scores with their targets, and CIoU of the assigned boxes: each the sum,
 * divided by the sum of the targets.
 *
 * Gradient: with respect to logits and boxes. Source: Feng et al. 2021, arXiv:2108.07755, equations 5 to 8.
 * Differs from the source: cross-entropy without focal weights; CIoU for GIoU; the best position of each box weighs 1 in the box loss,
 * however little it overlaps yet: weights that grow with the overlap leave small and rare objects behind.
 * Errors: ShapeError if the inputs do not fit.
 */
export function taskAlignedLoss(inputs: DetectionLossInputs, { boxWeight = 2 }: DetectionLossOptions = {}): DetectionLoss {
  const { logits, boxes } = inputs;
  const targets = assignTaskAligned(inputs);
  const classLoss = binaryCrossEntropyWithLogits(logits, targets.scores, { reduction: "sum" }).div(targets.scores.sum().max(1));
  const distances = completeIouLoss(boxes, targets.boxes, { reduction: "none" }).mul(targets.weight); // [N, A]
  const boxLoss = distances.sum().div(targets.weight.sum().max(1));
  return { loss: classLoss.add(boxLoss.mul(boxWeight)), classLoss, boxLoss };
}

function expectFitting({ logits, boxes, points, truth }: DetectionLossInputs): void {
  const [n, anchors] = logits.shape;
  const fits =
    logits.rank === 3 &&
    anchors === points.length &&
    sameShape(boxes.shape, [n as number, anchors, 4]) &&
    truth.rank === 3 &&
    sameShape([truth.shape[0] as number, truth.shape[2] as number], [n as number, 5]);
  if (!fits)
    throw new ShapeError(
      `${at("taskAlignedLoss")}: expected logits [N, ${points.length}, K], boxes [N, ${points.length}, 4] and truth [N, M, 5], got ${[logits, boxes, truth].map((t) => formatShape(t.shape)).join(", ")}`,
    );
}
