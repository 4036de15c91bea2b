/**
 * @module The cost of a model: parameters, FLOPs, bytes, memory, time, predicted from its graph, and what a machine can do.
 */
export * from "./cost.js";
export { atDepth, OUTSIDE, shownLayers, type LayerCost, type LayerTime } from "./layers.js";
export type { Machine } from "./machine.js";
export { bytesOf, peakIntermediateBytes } from "./memory.js";
export { predictedSeconds, timeOf, timesOf, type NodeTime } from "./roofline.js";
export { passCost, workOf, type OpCost, type PassCost, type Work } from "./work.js";
