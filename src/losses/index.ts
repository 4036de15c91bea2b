/**
 * @module Losses: functions of (output, target) to a scalar.
 */
export { meanWeight, weightedMean, withMeanWeight } from "./loss.js";
export type { Loss, LossFunction, Reduction, ReductionOptions } from "./loss.js";
export * from "./boxes.js";
export * from "./crf.js";
export * from "./crf-arrays.js";
export * from "./cross-entropy.js";
export * from "./detection.js";
export * from "./distance.js";
export * from "./distillation.js";
export * from "./evidence.js";
export * from "./metric-learning.js";
export * from "./regression.js";
export * from "./table.js";
