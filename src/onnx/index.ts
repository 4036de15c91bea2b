/**
 * @module ONNX files, out and in.
 */
export * from "./export.js";
export * from "./messages.js";
export * from "./encode.js";
export * from "./decode.js";
export type { ImportedModel } from "./import.js";
export {
  type DeclaredValue,
  importOnnx,
  type ImportOptions,
  OnnxModel,
  type OnnxModelOptions,
  type OnnxSource,
  sourceOf,
  type TraceOptions,
} from "./model.js";
export * from "./inspect.js";
export type { ParameterChoice, Role, StoredTensor } from "./parameters.js";
export { type ExternalData, numbersOfTensor } from "./numbers.js";
export { conversionOf, FOREIGN_OPS } from "./convert.js";
export { type Dequantized, dequantized } from "./dequantize.js";
export { fixInputs, otherInputsRemedy, shownInput } from "./fixed-inputs.js";
export { type Head, headIn, headOf, type Headed, linearLayers, withHead, withScores } from "./head.js";
export { withUniversalLocale } from "./locale.js";
export { labelsKey } from "./zip-map.js";
export { chained, withNames } from "./chain.js";
export { inlined } from "./inline.js";
export { declarationRemark } from "./declared.js";
export { expectOrder } from "./sort.js";
export { splitPrefix, type SplitModel } from "./prefix.js";
export { readersOf } from "./readers.js";
export { onnxWeights, withNumbers } from "./weights.js";
export { widened } from "./widen.js";
export { freeAxes, type Lengths, withLengths } from "./lengths.js";
export { WireWriter } from "./wire.js";
