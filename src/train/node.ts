/**
 * @module The part of `train` that needs Node: trainings in run folders, weights of others. Re-exports the rest.
 */
export * from "./index.js";
export * from "./adapters-node.js";
export { loadPretrained, pretrainedConfig, savePretrained } from "./pretrained-node.js";
export type { LoadPretrainedOptions, Pretrained, SavePretrainedOptions } from "./pretrained-node.js";
export * from "./train-node.js";
export * from "./train-model-node.js";
