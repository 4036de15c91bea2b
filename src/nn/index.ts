/**
 * @module Layers: what models are made of.
 */
export { Module } from "./module.js";
export { Summary, type SummaryInput, type SummaryRow } from "./summary.js";
export * from "./init.js";
export { affine, Flatten, Identity, Linear, type LinearOptions, Sequential } from "./linear.js";
export * from "./activation.js";
export { flatten } from "../ops/index.js";
