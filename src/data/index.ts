/**
 * @module Data sets, loaders, splits and formats that work anywhere. What needs a file system is in `descentjs/data/node`.
 */
export * from "./dataset.js";
export * from "./loader.js";
export * from "./split.js";
export * from "./safetensors.js";
export { parseIdx } from "./readers/idx.js";
export * from "./labels.js";
export * from "./guess.js";
export * from "./registry.js";
export * from "./tabular.js";
export { imageCollate, isEncoded } from "./images/encoded.js";
export type { ImageBatchOptions } from "./images/encoded.js";
