/**
 * @module Boxes as corners (x₁, y₁, x₂, y₂) on symbolic tensors: overlap, and the losses that are made of it.
 */
import type { Tensor } from "../graph/index.js";
import { dimEquals, formatShape, normalizeAxis } from "../graph/index.js";
import { stopGradient } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";
import type { ReductionOptions } from "./loss.js";
import { at, defineLoss, expectAlike, reduce } from "./loss.js";

/** Keeps quotients finite where both boxes have no area. */
const EPSILON = 1e-7;

/** The four sides [.., 1] of boxes [.., 4]. */
function sides(boxes: Tensor, where: string): readonly [Tensor, Tensor, Tensor, Tensor] {
  const last = normalizeAxis(-1, boxes.rank, where);
  if (!dimEquals(boxes.shape[last] as number, 4))
    throw new ShapeError(`${where}: expected boxes [.., 4], got ${formatShape(boxes.shape)}`);
  return [0, 1, 2, 3].map((i) => boxes.slice(last, i, i + 1)) as [Tensor, Tensor, Tensor, Tensor];
}

interface Overlap {
  /** Intersection over union, [.., 1]. */
  readonly iou: Tensor;
  readonly union: Tensor;
  /** Width and height of the smallest box around both. */
  readonly around: readonly [Tensor, Tensor];
}

function overlap(a: readonly Tensor[], b: readonly Tensor[]): Overlap {
  const [ax1, ay1, ax2, ay2] = a as [Tensor, Tensor, Tensor, Tensor];
  const [bx1, by1, bx2, by2] = b as [Tensor, Tensor, Tensor, Tensor];
  const width = ax2.min(bx2).sub(ax1.max(bx1)).relu();
  const height = ay2.min(by2).sub(ay1.max(by1)).relu();
  const both = width.mul(height);
  const union = ax2
    .sub(ax1)
    .mul(ay2.sub(ay1))
    .add(bx2.sub(bx1).mul(by2.sub(by1)))
    .sub(both)
    .add(EPSILON);
  return { iou: both.div(union), union, around: [ax2.max(bx2).sub(ax1.min(bx1)), ay2.max(by2).sub(ay1.min(by1))] };
}

/**
 * Intersection over union of every box of one list with every box of another.
 *
 * Shapes: a [.., M, 4], b [.., A, 4] → [.., M, A].
 */
export function pairwiseIou(a: Tensor, b: Tensor): Tensor {
  const column = sides(a, at("pairwiseIou")); // [.., M, 1]
  const row = sides(b, at("pairwiseIou")).map((side) => side.swapAxes(-1, -2)); // [.., 1, A]
  return overlap(column, row).iou;
}

/**
 * 1 − GIoU: overlap that still has a slope where boxes do not touch.
 *
 *     GIoU = IoU − (|C| − |A ∪ B|)/|C|,   C the smallest box around both
 *
 * Shapes: boxes [.., 4], target alike; values [..]. Result: scalar.
 * Source: Rezatofighi et al. 2019, arXiv:1902.09630, algorithm 1.
 * Checked against: torchvision 0.28, `generalized_box_iou_loss`, 1e-6, losses.test.ts.
 */
export const generalizedIouLoss = defineLoss<ReductionOptions>("generalizedIouLoss", (output, target, { reduction }) => {
  expectAlike("generalizedIouLoss", output, target);
  const where = at("generalizedIouLoss");
  const { iou, union, around } = overlap(sides(output, where), sides(target.cast(output.dtype), where));
  const area = around[0].mul(around[1]).add(EPSILON);
  return reduce(iou.neg().add(1).add(area.sub(union).div(area)).squeeze(-1), reduction);
});

/**
 * 1 − CIoU: overlap, distance of the middles, and difference of the proportions.
 *
 *     CIoU = IoU − d²/c² − αv,   d between the middles, c the diagonal of the smallest box around both,
 *     v = 4/π² (atan(w/h) − atan(w′/h′))², w′ and h′ the target's,  α = v/(1 − IoU + v), through which no gradient passes
 *
 * Shapes: boxes [.., 4], target alike; values [..]. Result: scalar.
 * Source: Zheng et al. 2020, arXiv:1911.08287, equations 7 to 11.
 * Checked against: torchvision 0.28, `complete_box_iou_loss`, 1e-6, losses.test.ts.
 */
export const completeIouLoss = defineLoss<ReductionOptions>("completeIouLoss", (output, target, { reduction }) => {
  expectAlike("completeIouLoss", output, target);
  const where = at("completeIouLoss");
  const [a, b] = [sides(output, where), sides(target.cast(output.dtype), where)];
  const { iou, around } = overlap(a, b);
  const diagonal = around[0].square().add(around[1].square()).add(EPSILON);
  const [dx, dy] = [0, 1].map((i) => {
    const [al, ah, bl, bh] = [a[i], a[i + 2], b[i], b[i + 2]] as [Tensor, Tensor, Tensor, Tensor];
    return al.add(ah).sub(bl).sub(bh).mul(0.5);
  }) as [Tensor, Tensor];
  const proportion = ([x1, y1, x2, y2]: readonly [Tensor, Tensor, Tensor, Tensor]): Tensor =>
    x2.sub(x1).div(y2.sub(y1).add(EPSILON)).atan();
  const v = proportion(a)
    .sub(proportion(b))
    .square()
    .mul(4 / Math.PI ** 2);
  const alpha = stopGradient(v.div(iou.neg().add(1).add(v).add(EPSILON)));
  const distance = dx.square().add(dy.square()).div(diagonal);
  return reduce(iou.neg().add(1).add(distance).add(v.mul(alpha)).squeeze(-1), reduction);
});
