/**
 * @module Losses: a function of (output, target) to a scalar, made with options or called directly. Both forms of one
 * name: `crossEntropy({ labelSmoothing: 0.1 })` gives the function, `crossEntropy(logits, labels)` its value.
 */
import { currentScope, formatShape, sameShape, Tensor } from "../graph/index.js";
import { asTensor, where } from "../ops/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";

/** From what a model gave and what it should have given to a scalar (or, with `reduction: "none"`, one value per example). */
export interface Loss {
  (output: Tensor, target: Tensor): Tensor;
  /** The label that counts for nothing, where there is one: it may lie outside the classes. */
  readonly ignoreIndex?: number;
}

/** The reduction of the examples' losses to one value. */
export type Reduction = "mean" | "sum" | "none";

/** Reduction of a loss over the examples. */
export interface ReductionOptions {
  readonly reduction?: Reduction;
}

/** A loss in both its forms. */
export interface LossFunction<O> {
  (options?: O): Loss;
  (output: Tensor, target: Tensor, options?: O): Tensor;
}

/** Gives a formula both forms. */
export function defineLoss<O extends object>(
  name: string,
  formula: (output: Tensor, target: Tensor, options: O) => Tensor,
): LossFunction<O> {
  function loss(options?: O): Loss;
  function loss(output: Tensor, target: Tensor, options?: O): Tensor;
  function loss(first?: O | Tensor, target?: Tensor, options?: O): Loss | Tensor {
    if (!(first instanceof Tensor)) {
      const made = (output: Tensor, target: Tensor): Tensor => formula(output, target, first ?? ({} as O));
      const ignored = (first as { ignoreIndex?: number } | undefined)?.ignoreIndex;
      return ignored === undefined ? made : Object.assign(made, { ignoreIndex: ignored });
    }
    if (target === undefined) throw new ConfigError(`${name}: expected an output and a target, got one tensor`);
    return formula(first, target, options ?? ({} as O));
  }
  return loss;
}

/** The mean, the sum, or the values themselves. ConfigError for any other word. */
export function reduce(values: Tensor, reduction: Reduction = "mean"): Tensor {
  if (!["mean", "sum", "none"].includes(reduction))
    throw new ConfigError(`loss: reduction: expected mean, sum or none, got ${reduction}`);
  if (reduction === "none" || values.rank === 0) return values;
  return reduction === "mean" ? values.mean() : values.sum();
}

/** Σ weights of means, by the mean. */
const MEAN_WEIGHTS = new WeakMap<Tensor, Tensor>();

/** Σ values / Σ weights, or 0 where nothing has a weight. Both have one shape; the result is a scalar. */
export function weightedMean(values: Tensor, weights: Tensor): Tensor {
  const total = weights.sum();
  return withMeanWeight(values.sum().div(where(total.equal(0), asTensor(1, total.dtype), total)), total);
}

/**
 * The weight of a loss that is a mean: a scalar, the number of tokens that count, or the sum of their weights; undefined for a plain mean over
 * examples. Losses of parts of a batch, each times its weight, over the sum of the weights, are the loss of the whole batch.
 */
export const meanWeight = (loss: Tensor): Tensor | undefined => MEAN_WEIGHTS.get(loss);

/** Gives a loss the weight of a mean: one that adds something to a mean keeps the mean's. Loss and weight are scalars. */
export function withMeanWeight(loss: Tensor, weight: Tensor | undefined): Tensor {
  if (weight !== undefined) MEAN_WEIGHTS.set(loss, weight);
  return loss;
}

/** Names the place of an error: the module's path, if one is running, and the loss. */
export const at = (name: string): string => (currentScope() === "" ? name : `${currentScope()}: ${name}`);

/** A ShapeError unless both have one shape. A broadcast here is nearly always a mistake: [N, 1] − [N] is [N, N]. */
export function expectAlike(name: string, output: Tensor, target: Tensor): void {
  if (sameShape(output.shape, target.shape)) return;
  throw new ShapeError(
    `${at(name)}: expected a target ${formatShape(output.shape)}, got ${formatShape(target.shape)}; reshape one of them`,
  );
}
