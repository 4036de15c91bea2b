/**
 * @module The entry `descentjs/train`: training, and for one more version what moved to `descentjs/run`, `descentjs/charts` and
 * `descentjs/report`.
 */
export * from "./train/index.js";
export * from "./run/index.js";
export * from "./charts/index.js";
export * from "./report/index.js";
export { randomInputs } from "./ops/index.js";
