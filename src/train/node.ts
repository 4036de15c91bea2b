/**
 * @module The part of `train` that needs Node: trainings in run folders, progress on a terminal. Re-exports the rest.
 */
export * from "./index.js";
export * from "./adapters-node.js";
export { loadPretrained, pretrainedConfig, savePretrained } from "./pretrained-node.js";
export type { LoadPretrainedOptions, Pretrained, SavePretrainedOptions } from "./pretrained-node.js";
export * from "./progress-node.js";
export * from "./run-folder-node.js";
export * from "./train-node.js";
export * from "./train-model-node.js";
