/**
 * @module Text generation with language models: decoders compiled with a cache, choosing tokens, beams, text as it comes.
 */
export * from "./beam.js";
export type { DecoderShape } from "../models/index.js";
export { boundWeights, type DecoderModel, isDecoder, targetRules } from "./decoder-model.js";
export * from "./decoder-onnx.js";
export * from "./generator.js";
export * from "./sampling.js";
export * from "./text-stream.js";
