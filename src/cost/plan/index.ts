/**
 * @module Plans of trainings: hardware, splits, energy and money, compute-optimal sizes, learning curves.
 */
export { CATALOGUE } from "./catalogue.js";
export { fitLaw, type FittedLaw, type LossPoint } from "./fit-law.js";
export {
  hardwareNamed,
  machineEntry,
  PLAN_DTYPES,
  withHardwareFile,
  type HardwareEntry,
  type PlanDType,
  type Source,
} from "./hardware.js";
export {
  curveAt,
  fitCurve,
  type CurvePoint,
  type CurvePrediction,
  type FittedCurve,
  type LearningCurve,
} from "./learning-curve.js";
export { computeOptimal, type Optimum } from "./optimal.js";
export { amountText, plan, type Figure, type Plan, type PlannedModel, type PlanOptions } from "./plan.js";
export {
  BESIROGLU,
  BESIROGLU_ERRORS,
  HOFFMANN,
  kaplanSizes,
  lossOf,
  optimalSizes,
  type OptimalSizes,
  type ParametricLaw,
} from "./scaling-laws.js";
export { memoryOfSplit, PLAN_OPTIMIZERS, stateBytes, type PlanOptimizer, type Split } from "./split.js";
export {
  activationBytesOfLayer,
  flopsPerToken,
  parametersOf,
  RECOMPUTE,
  type Recompute,
  type TransformerSizes,
} from "./transformer.js";
