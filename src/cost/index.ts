/**
 * @module The cost of a model: parameters, FLOPs, bytes, memory, predicted from its graph.
 */
export * from "./cost.js";
export { bytesOf, peakIntermediateBytes } from "./memory.js";
