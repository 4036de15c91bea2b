/**
 * @module Targets: the score that an explanation is about.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { constant, fromNumbers, staticDim, toNumbers } from "../graph/index.js";
import { where } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import type { Explainable } from "./explainable.js";
import { argMax } from "../util/vectors.js";

/** A score by its place or its label; −1 is the highest one, the answer itself. */
export type Target = number | string;

/** The score that an explanation is about: of each row of logits [N, K], the one of its target class [N]. */
export const targetScores = (logits: Tensor, target: Tensor): Tensor =>
  logits.mul(oneHot(logits, target).cast(logits.dtype)).sum(1);

/** Tells for each of the scores [N, K] whether it is the target's. */
function oneHot(logits: Tensor, target: Tensor): Tensor {
  const classes = staticDim(logits.shape[1], "targetScores");
  const range = constant(
    fromNumbers(
      "int32",
      [classes],
      Int32Array.from({ length: classes }, (_, k) => k),
    ),
  );
  return target.cast("int32").unsqueeze(1).equal(range);
}

/** The target's score of each row, less the best of the others [N]; of a single score, itself. */
export function marginScores(logits: Tensor, target: Tensor): Tensor {
  const own = targetScores(logits, target);
  if (staticDim(logits.shape[1], "marginScores") === 1) return own;
  const isTarget = oneHot(logits, target);
  return own.sub(targetScores(logits, where(isTarget, -Infinity, logits).argMax(1)));
}

/** Places of the targets, one an example. `scores` [N, K] are asked for the answers. Errors: ConfigError for what is not a score of the model. */
export function targetsOf(
  model: Explainable,
  target: Target | readonly Target[] | undefined,
  scores: TensorData,
): Int32Array<ArrayBuffer> {
  const [n = 0, k = 0] = scores.shape;
  const numbers = toNumbers(scores);
  const list = Array.isArray(target)
    ? (target as readonly Target[])
    : Array.from({ length: n }, () => target as Target | undefined);
  if (list.length !== n) throw new ConfigError(`target: expected one, or one for each of ${n} examples, got ${list.length}`);
  return Int32Array.from(list, (one, i) => {
    const place = one === undefined ? -1 : typeof one === "string" ? placeOf(model, one) : one;
    if (!Number.isInteger(place) || place < -1 || place >= k)
      throw new ConfigError(`target: expected an index from 0 to ${k - 1} (−1 is the answer), got ${place}`);
    return place === -1 ? argMax(numbers.subarray(i * k, (i + 1) * k)) : place;
  });
}

/** A label's place; digits that are no label are a place. */
function placeOf(model: Explainable, name: string): number {
  const labels = model.labels ?? [];
  const place = labels.indexOf(name);
  if (place >= 0) return place;
  if (/^-?\d+$/.test(name)) return Number(name);
  throw new ConfigError(
    labels.length === 0
      ? `target: expected an index among the ${model.scoreCount} scores, since the model has no labels, got "${name}"`
      : `target: ${unknownName("label", name, labels)}`,
  );
}

/** Name of a score: its label, or else its index. */
export const labelOf = (model: Explainable, place: number): string => model.labels?.[place] ?? String(place);
