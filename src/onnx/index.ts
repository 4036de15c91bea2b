/**
 * @module ONNX files, out and in.
 */
export * from "./export.js";
export * from "./messages.js";
export * from "./encode.js";
export * from "./decode.js";
export { type ImportedModel, importOnnx, type ImportOptions } from "./import.js";
export type { ExternalData } from "./numbers.js";
export { conversionOf, FOREIGN_OPS } from "./convert.js";
export * from "./head.js";
export { inlined } from "./inline.js";
export { onnxWeights } from "./weights.js";
