/**
 * @module Losses of distillation: a student's outputs, hidden states, attention and relations against a teacher's.
 */
import type { Tensor } from "../graph/index.js";
import { staticDim } from "../graph/index.js";
import { l2Norm, where } from "../ops/index.js";
import { expectOption } from "../util/described.js";
import { smoothL1 } from "./regression.js";
import { cosineSimilarity } from "./distance.js";
import { expectAlike } from "./loss.js";

/** Options of soft targets: the temperature that logits are divided by. */
export interface SoftTargetOptions {
  /** T > 0: probabilities are softmax(logits / T). */
  readonly temperature?: number;
}

/**
 * The divergence of softened predictions from the teacher's, T²·KL(softmax(t / T) ‖ softmax(s / T)), the mean over all but the last axis.
 *
 * Shapes: logits and teacher [.., K] → scalar. Gradient: with respect to both; the teacher is usually a constant.
 * Source: Hinton et al. 2015, arXiv:1503.02531, section 2, with T² so that gradients keep their size.
 */
export function softTargets(logits: Tensor, teacher: Tensor, { temperature = 1 }: SoftTargetOptions = {}): Tensor {
  expectOption("softTargets: temperature", temperature, 0);
  expectAlike("softTargets", logits, teacher);
  return divergence(logits.div(temperature).logSoftmax(), teacher.div(temperature).logSoftmax()).mul(temperature ** 2);
}

/** KL(target ‖ student) of logarithms of probabilities, the mean over all but the last axis. */
const divergence = (student: Tensor, target: Tensor): Tensor => target.exp().mul(target.sub(student)).sum(-1).mean();

/**
 * The same where only the teacher's k largest logits are known: its probabilities are shared among these.
 *
 * Shapes: logits [N, K], teacher and indices (int64) [N, k] → scalar.
 */
export function topKSoftTargets(
  logits: Tensor,
  { values, indices }: { readonly values: Tensor; readonly indices: Tensor },
  { temperature = 1 }: SoftTargetOptions = {},
): Tensor {
  expectOption("topKSoftTargets: temperature", temperature, 0);
  const student = logits.div(temperature).logSoftmax().gatherElements(indices, -1);
  return divergence(student, values.div(temperature).logSoftmax()).mul(temperature ** 2);
}

/** 1 − cos of the angle between hidden states, the mean over tokens. Shapes: alike, [.., D]. Source: Sanh et al. 2019, arXiv:1910.01108, section 3. */
export function hiddenCosine(student: Tensor, teacher: Tensor): Tensor {
  expectAlike("hiddenCosine", student, teacher);
  return cosineSimilarity(student, teacher).neg().add(1).mean();
}

/**
 * KL of attention distributions, the mean over heads and queries.
 *
 * Shapes: probabilities alike, [N, h, T, T]. Source: Wang et al. 2020 (MiniLM), arXiv:2002.10957, equation 2.
 */
export function attentionDivergence(student: Tensor, teacher: Tensor): Tensor {
  expectAlike("attentionDivergence", student, teacher);
  const log = (p: Tensor): Tensor => where(p.greater(TINY), p, TINY).log();
  return teacher
    .mul(log(teacher).sub(log(student)))
    .sum(-1)
    .mean();
}

/** Below this a probability counts as this: its logarithm is finite. */
const TINY = 1e-9;

/**
 * KL of relations between values: softmax(V·Vᵀ / √d) of student and teacher, whose widths may differ.
 *
 * Shapes: values [N, h, T, d] with the same h and T. Source: Wang et al. 2020 (MiniLM), arXiv:2002.10957, equations 3 and 4.
 */
export function valueRelation(student: Tensor, teacher: Tensor): Tensor {
  const relation = (v: Tensor): Tensor =>
    v
      .matMul(v.swapAxes(-1, -2))
      .mul(1 / Math.sqrt(staticDim(v.shape.at(-1), "valueRelation")))
      .softmax(-1);
  return attentionDivergence(relation(student), relation(teacher));
}

/** Distances between all pairs of rows, divided by their mean. */
function distances(x: Tensor): Tensor {
  const rows = staticDim(x.shape[0], "relationalDistance");
  const squares = x.square().sum(-1);
  const squared = squares.unsqueeze(1).add(squares.unsqueeze(0)).sub(x.matMul(x.transpose()).mul(2));
  // The root has no gradient at 0, where a row meets itself.
  const isApart = squared.greater(1e-12);
  const d = where(isApart, where(isApart, squared, 1).sqrt(), 0);
  return d.div(
    d
      .sum()
      .div(rows * (rows - 1))
      .add(1e-12),
  );
}

/**
 * Distances between the examples of a batch against the teacher's, each divided by their mean, as a Huber loss.
 *
 * Shapes: [N, D] and [N, E], N > 1 → scalar. Source: Park et al. 2019 (RKD), arXiv:1904.05068, equations 4 to 6.
 */
export const relationalDistance = (student: Tensor, teacher: Tensor): Tensor => smoothL1(distances(student), distances(teacher));

/**
 * Angles between all triples of a batch against the teacher's, as a Huber loss.
 *
 * Shapes: [N, D] and [N, E] → scalar; memory N³. Source: Park et al. 2019 (RKD), arXiv:1904.05068, equations 7 to 9.
 */
export function relationalAngle(student: Tensor, teacher: Tensor): Tensor {
  const angles = (x: Tensor): Tensor => {
    const difference = x.unsqueeze(0).sub(x.unsqueeze(1)); // [N, N, D]
    const unit = difference.div(l2Norm(difference.add(0), -1).max(1e-8).unsqueeze(-1));
    return unit.matMul(unit.swapAxes(-1, -2)); // [N, N, N]
  };
  return smoothL1(angles(student), angles(teacher));
}
