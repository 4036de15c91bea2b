/**
 * @module The part of `train` that needs Node: trainings in run folders, weights of others. Re-exports the rest.
 */
export * from "./index.js";
export * from "./adapters-node.js";
export { loadPretrained, pretrainedConfig, savePretrained } from "./pretrained-node.js";
export type { LoadPretrainedOptions, Pretrained, SavePretrainedOptions } from "./pretrained-node.js";
export type { ParallelOptions } from "./parallel-node.js";
export { train } from "./train-model-node.js";
export type { TrainedModelRun, TrainOptions } from "./train-model-node.js";
