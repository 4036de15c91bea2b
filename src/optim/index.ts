/**
 * @module Optimizers, their parts, and learning-rate schedules.
 */
export type * from "./optimizer.js";
export { matchesPath, splitPatterns } from "../util/patterns.js";
export { chain, withGroups, withState } from "./chain.js";
export { scaleByAdafactor } from "./adafactor.js";
export type { AdafactorScaleOptions } from "./adafactor.js";
export { STATE_PRECISIONS } from "./state-precision.js";
export type { StatePrecision } from "./state-precision.js";
export { momentum, scaleByAdagrad, scaleByAdam, scaleByLearningRate, scaleByLion, scaleByRms, weightDecay } from "./parts.js";
export type { AdagradScaleOptions, AdamScaleOptions, LionScaleOptions, MomentumOptions, RmsScaleOptions } from "./parts.js";
export * from "./clip.js";
export * from "./moving-average.js";
export * from "./fine-tuning.js";
export * from "./optimizers.js";
export * from "./saliency.js";
export type { ScheduleName, ScheduleRun, ScheduleState, Schedule, ScheduleOptions, EndingOptions } from "./schedule.js";
export type { OneCycleOptions, ReduceOnPlateauOptions } from "./schedule.js";
export {
  constant as constantSchedule,
  cosine,
  exponential,
  inverseSquareRoot,
  linear,
  multiStep,
  oneCycle,
  polynomial,
  reduceOnPlateau,
  scheduleFrom,
  SCHEDULES,
  step as stepSchedule,
} from "./schedule.js";
export type { Described, Json } from "../util/described.js";
