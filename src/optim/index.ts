/**
 * @module Optimizers, their parts, and learning-rate schedules.
 */
export type * from "./optimizer.js";
export { matchesPath } from "./optimizer.js";
export { chain, withGroups } from "./chain.js";
export { momentum, scaleByAdagrad, scaleByAdam, scaleByLearningRate, scaleByLion, scaleByRms, weightDecay } from "./parts.js";
export type { AdagradScaleOptions, AdamScaleOptions, LionScaleOptions, MomentumOptions, RmsScaleOptions } from "./parts.js";
export * from "./optimizers.js";
export * from "./schedule.js";
