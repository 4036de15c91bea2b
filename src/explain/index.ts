/**
 * @module Explanations: which parts of an input an answer came from.
 *
 * `explain(model, input, { method, target, at, baseline, … })` gives an `Attribution`. A model is an `Explainable`: from features to scores; tasks,
 * imported graphs (`explainableOnnx`) and functions of tensors (`explainableOf`) give one. `METHODS` is the one table of methods: gradient methods are
 * functions from tensors to tensors, sampling methods need only answers. `Explainer` keeps the sessions for many explanations.
 */
export * from "./attribution.js";
export type { Remark } from "./remark.js";
export { type BaselineName, type BaselineOptions, BASELINES } from "./baseline.js";
export { explain, Explainer, type ExplainOptions } from "./explain.js";
export { attributionGraph, type AttributionGraphOptions } from "./attribution-graph.js";
export * from "./explainable.js";
export { gaussLegendre, quadrature, type Quadrature } from "./quadrature.js";
export type { Game } from "./game.js";
export { explainableOnnx, type OnnxExplainable, type OnnxExplainableOptions } from "./onnx.js";
export * from "./method.js";
export { METHOD_NAMES, methodNamed, type MethodName, METHODS, settingsFor } from "./methods.js";
export { inputTimesGradient } from "./methods/input-x-gradient.js";
export { hasGrid, type Neuron, type ScoreChoice } from "./rows.js";
export type { SessionOptions } from "./sessions.js";
export { slic, type SlicOptions } from "./slic.js";
export { type Target, targetScores } from "./target.js";
export { faithfulness, type Faithfulness, type FaithfulnessOptions } from "./measures/faithfulness.js";
export { answerGradient, influence } from "./influence.js";
export {
  type Slice,
  type SliceCondition,
  type SliceErrors,
  type SliceFeature,
  type SliceOptions,
  sliceText,
  worstSlices,
} from "./slices.js";
export { featureValues, unitsOf } from "./measures/faithfulness.js";
export { agreementOf, foundEvidence, type Found, LEAST_AGREEMENT, reproducibility } from "./measures/planted.js";
export { areaUnder, type Curve } from "./measures/deletion.js";
export { infidelityOf } from "./measures/infidelity.js";
export type { Measure, MeasureSettings } from "./measures/measure.js";
export { energyInside, type PixelBox, pointingGame } from "./measures/pointing-game.js";
export { randomizationCheck, type RandomizationOptions, type RandomizationStep } from "./measures/randomization.js";
export { MEASURE_NAMES, type MeasureName, MEASURES } from "./measures/table.js";
export { tcav, type Tcav, type TcavOptions } from "./measures/tcav.js";
