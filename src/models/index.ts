/**
 * @module Models: one file per architecture.
 */
export * from "./dcgan.js";
export * from "./lenet.js";
export * from "./mlp.js";
export * from "./resnet.js";
export * from "./table.js";
export * from "./tabular-mlp.js";
