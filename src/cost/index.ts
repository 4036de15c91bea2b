/**
 * @module What a model costs: parameters, FLOPs, bytes, memory, predicted from its graph.
 */
export * from "./cost.js";
export { bytesOf, peakIntermediateBytes } from "./memory.js";
