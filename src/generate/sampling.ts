/**
 * @module Choosing the next token from logits: pure functions of numbers, with a generator of random numbers where chance decides.
 */
import { expectInteger, expectOption } from "../util/described.js";
import type { Random } from "../util/random.js";

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

/** The place of the largest element; of equal ones the first. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

/** ln softmax. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i] as number);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - largest);
  const shift = largest + Math.log(sum);
  return Float64Array.from({ length: logits.length }, (_, i) => (logits[i] as number) - shift);
}

/** Logits of tokens in `context` divided by the penalty where positive, multiplied where negative. Keskar et al. 2019, arXiv:1909.05858, section 4.1. */
export function penalizeRepetition(logits: Float64Array, context: Iterable<number>, penalty: number): void {
  for (const token of new Set(context)) {
    const logit = logits[token];
    if (logit !== undefined) logits[token] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** −∞ for all but the k largest. */
function keepTopK(logits: Float64Array, k: number): void {
  if (k >= logits.length) return;
  const limit = Float64Array.from(logits).sort()[logits.length - k] as number;
  for (let i = 0; i < logits.length; i++) if ((logits[i] as number) < limit) logits[i] = -Infinity;
}

/** −∞ for all but the fewest likeliest that together reach probability p. Holtzman et al. 2020, arXiv:1904.09751. */
function keepTopP(logits: Float64Array, p: number): void {
  const probabilities = logSoftmax(logits).map(Math.exp);
  const order = Array.from(probabilities.keys()).sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number));
  let sum = 0;
  for (const token of order) {
    if (sum >= p) logits[token] = -Infinity;
    sum += probabilities[token] as number;
  }
}

/**
 * The logits that a token is drawn from: repetition penalty, temperature, top-k, top-p, in this order.
 *
 * Source: Hugging Face's `LogitsProcessor`s, whose order and formulas these are. Checked against: transformers 5.24, 1e-5, sampling.test.ts.
 */
export function adjustLogits(logits: ArrayLike<number>, context: Iterable<number>, options: SamplingOptions): Float64Array {
  const { temperature = 1, topK, topP, repetitionPenalty = 1 } = options;
  const result = Float64Array.from(logits);
  if (repetitionPenalty !== 1) penalizeRepetition(result, context, repetitionPenalty);
  if (temperature !== 1 && temperature !== 0)
    for (let i = 0; i < result.length; i++) result[i] = (result[i] as number) / temperature;
  if (topK !== undefined) keepTopK(result, topK);
  if (topP !== undefined && topP < 1) keepTopP(result, topP);
  return result;
}

/** The next token: the likeliest at temperature 0, otherwise drawn by its probability. Equal streams of numbers give equal tokens. */
export function chooseToken(
  logits: ArrayLike<number>,
  context: Iterable<number>,
  options: SamplingOptions,
  random: Random,
): number {
  const adjusted = adjustLogits(logits, context, options);
  if (options.temperature === 0) return argMax(adjusted);
  const logarithms = logSoftmax(adjusted);
  let rest = random.uniform();
  let last = 0;
  for (let i = 0; i < logarithms.length; i++) {
    const probability = Math.exp(logarithms[i] as number);
    if (probability === 0) continue;
    last = i;
    rest -= probability;
    if (rest < 0) return i;
  }
  return last; // rounding left a little over
}
