/**
 * @module Choosing the next token from logits: pure functions of arrays, with a random generator where chance decides.
 */
import { expectInteger, expectOption } from "../util/described.js";
import type { Random } from "../util/random.js";
import { argMax } from "../util/vectors.js";

/** Options of sampling: temperature, top-k, top-p (a fraction), penalty of repetitions. */
export interface SamplingOptions {
  /** Divides the logits: below 1 the likely becomes likelier. 0 always takes the likeliest. */
  readonly temperature?: number;
  /** Only the k likeliest tokens; equal ones at the limit all stay. */
  readonly topK?: number;
  /** Only the likeliest tokens that together reach this probability. */
  readonly topP?: number;
  /** Above 1: tokens that occurred already become less likely. */
  readonly repetitionPenalty?: number;
}

/** ConfigError unless every option is in its range. */
export function checkSampling({ temperature = 1, topK, topP, repetitionPenalty }: SamplingOptions): void {
  expectOption("temperature", temperature, 0);
  if (topK !== undefined) expectInteger("topK", topK, 1);
  if (topP !== undefined) expectOption("topP", topP, Number.MIN_VALUE, 1);
  if (repetitionPenalty !== undefined) expectOption("repetitionPenalty", repetitionPenalty, Number.MIN_VALUE);
}

export { argMax };

/** exp(logits − the largest), and their sum. */
function weightsOf(logits: ArrayLike<number>): { largest: number; weights: Float64Array; sum: number } {
  const largest = logits[argMax(logits)] as number;
  const weights = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += weights[i] = Math.exp((logits[i] as number) - largest);
  return { largest, weights, sum };
}

/** ln softmax. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const { largest, weights: result, sum } = weightsOf(logits);
  const shift = largest + Math.log(sum);
  for (let i = 0; i < logits.length; i++) result[i] = (logits[i] as number) - shift;
  return result;
}

/** ln softmax of one token. */
export function logProbability(logits: ArrayLike<number>, token: number): number {
  const { largest, sum } = weightsOf(logits);
  return (logits[token] as number) - largest - Math.log(sum);
}

/**
 * Logits of tokens in `context` divided by the penalty where positive, multiplied where negative. Keskar et al. 2019, arXiv:1909.05858,
 * section 4.1.
 */
export function penalizeRepetition(logits: Float64Array, context: Iterable<number>, penalty: number): void {
  for (const token of new Set(context)) {
    const logit = logits[token];
    if (logit !== undefined) logits[token] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/**
 * The last of the largest elements whose measures together reach `goal`: quickselect, whose time grows with their number alone. The array's order is lost.
 * Hoare 1961, Algorithm 65.
 */
function reachingElement(values: Float64Array, goal: number, measure: (value: number) => number): number {
  let [from, to] = [0, values.length];
  let reached = 0;
  for (;;) {
    const pivot = values[(from + to) >> 1] as number;
    // Larger ones to the front, smaller ones to the back.
    let [larger, at, smaller] = [from, from, to];
    let [above, same] = [0, 0];
    while (at < smaller) {
      const value = values[at] as number;
      if (value < pivot) {
        values[at] = values[--smaller] as number;
        values[smaller] = value;
        continue;
      }
      if (value > pivot) {
        values[at] = values[larger] as number;
        values[larger++] = value;
        above += measure(value);
      } else same += measure(value);
      at++;
    }
    if (larger > from && reached + above >= goal) to = larger;
    else if (smaller === to || reached + above + same >= goal) return pivot;
    else {
      reached += above + same;
      from = smaller;
    }
  }
}

/** −∞ for all but the k largest. */
function keepTopK(logits: Float64Array, k: number): void {
  if (k >= logits.length) return;
  const limit = reachingElement(new Float64Array(logits), k, () => 1);
  for (let i = 0; i < logits.length; i++) if ((logits[i] as number) < limit) logits[i] = -Infinity;
}

/** −∞ for all but the fewest likeliest that together reach probability p. Holtzman et al. 2020, arXiv:1904.09751. */
function keepTopP(logits: Float64Array, p: number): void {
  const { weights, sum } = weightsOf(logits);
  const limit = reachingElement(new Float64Array(weights), p * sum, (weight) => weight);
  let reached = 0;
  for (const weight of weights) if (weight > limit) reached += weight;
  for (let i = 0; i < logits.length; i++) {
    const weight = weights[i] as number;
    // Of equally likely ones at the limit the first that are needed.
    const isNeeded = weight === limit && reached < p * sum;
    if (isNeeded) reached += weight;
    else if (!(weight > limit)) logits[i] = -Infinity;
  }
}

/**
 * The logits that a token is drawn from: repetition penalty, temperature, top-k, top-p, in this order.
 *
 * Source: Hugging Face's `LogitsProcessor`s, whose order and formulas these are. Checked against: transformers 5.24, 1e-5, sampling.test.ts.
 */
export function adjustLogits(logits: ArrayLike<number>, context: Iterable<number>, options: SamplingOptions): Float64Array {
  const { temperature = 1, topK, topP, repetitionPenalty = 1 } = options;
  const result = new Float64Array(logits);
  if (repetitionPenalty !== 1) penalizeRepetition(result, context, repetitionPenalty);
  if (temperature !== 1 && temperature !== 0)
    for (let i = 0; i < result.length; i++) result[i] = (result[i] as number) / temperature;
  if (topK !== undefined) keepTopK(result, topK);
  if (topP !== undefined && topP < 1) keepTopP(result, topP);
  return result;
}

/** The next token: the likeliest at temperature 0, otherwise drawn by its probability. Equal random streams give equal tokens. */
export function chooseToken(
  logits: ArrayLike<number>,
  context: Iterable<number>,
  options: SamplingOptions,
  random: Random,
): number {
  const adjusted = adjustLogits(logits, context, options);
  if (options.temperature === 0) return argMax(adjusted);
  const { weights, sum } = weightsOf(adjusted);
  let rest = random.uniform() * sum;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (weight === 0) continue;
    last = i;
    rest -= weight;
    if (rest < 0) return i;
  }
  return last; // rounding left a little over
}
