/**
 * @module The part of `tasks` that needs Node: a training in a run folder, a trained model in use. Re-exports the rest.
 */
export * from "./index.js";
export type { Resumed, SetupContext } from "./training/read-data-node.js";
export { readData } from "./training/read-data-node.js";
export * from "./training/setup-node.js";
export * from "./training/training-options.js";
export * from "./training/train-task-node.js";
export type { QuantizeContext, QuantizeRequest } from "./compressing/quantize-node.js";
export { quantizeRun } from "./compressing/quantize-node.js";
export type { CompressedSummary } from "./compressing/write-node.js";
export * from "./use/trained-node.js";
export * from "./use/examples-node.js";
export * from "./task-node.js";
export * from "./table-node.js";
export { defined as definedOnly } from "../util/record.js";
