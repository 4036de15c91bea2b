/**
 * @module Losses as files of trainings have them: of class scores or their logarithms, with weights and a class that is left out.
 */
import type { Tensor } from "../graph/index.js";
import { constant } from "../graph/index.js";
import type { Call } from "./call.js";
import type { Conversion } from "./conversion.js";

/** −Σ w·log p of the right classes, or their weighted mean, or each. log p [N, K, …], labels [N, …] integers, weights [K]. */
function likelihoodLoss(c: Call, logProbabilities: Tensor): Tensor {
  const [labels, weights] = [c.x(1), c.optional(2)];
  const reduction = c.string("reduction", "mean");
  const ignored = c.attribute("ignore_index") === undefined ? null : labels.equal(constant(c.int("ignore_index"), labels.dtype));
  const classes = ignored === null ? labels : ignored.where(constant(0, labels.dtype), labels);
  const picked = logProbabilities.gatherElements(classes.unsqueeze(1), 1).squeeze(1).neg();
  const { dtype } = logProbabilities;
  let weight = weights === null ? null : weights.gather(classes, 0);
  if (ignored !== null) weight = ignored.where(constant(0, dtype), weight ?? constant(1, dtype));
  const each = weight === null ? picked : picked.mul(weight);
  if (reduction === "none") return each;
  if (reduction === "sum") return each.sum();
  if (reduction !== "mean") return c.unsupported(`reduction ${reduction}`);
  return weight === null ? each.mean() : each.sum().div(weight.sum());
}

/** Losses. */
export const LOSSES: readonly (readonly [string, Conversion])[] = [
  ["NegativeLogLikelihoodLoss", (c) => [likelihoodLoss(c, c.x(0))]],
  [
    "SoftmaxCrossEntropyLoss",
    (c) => {
      const logProbabilities = c.x(0).logSoftmax(1);
      return [likelihoodLoss(c, logProbabilities), logProbabilities];
    },
  ],
];
