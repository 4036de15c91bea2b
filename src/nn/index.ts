/**
 * @module Layers: what models are made of.
 */
export { Module, scoped } from "./module.js";
export { Summary, type SummaryInput, type SummaryRow } from "./summary.js";
export * from "./graph-module.js";
export * from "./init.js";
export * from "./adapters.js";
export { affine, Flatten, Identity, Linear, type LinearOptions, Sequential, type StoredWeight } from "./linear.js";
export * from "./cosine-linear.js";
export * from "./activation.js";
export * from "./conv.js";
export * from "./crf.js";
export * from "./pool.js";
export * from "./norm.js";
export * from "./dropout.js";
export * from "./embedding.js";
export * from "./attention.js";
export { LoraLinear } from "./lora-linear.js";
export { type AdapterFactors, MixedAdapters, takeAdapters } from "./mixed-lora.js";
export * from "./recurrent.js";
export * from "./rotary.js";
export { flatten } from "../ops/index.js";
