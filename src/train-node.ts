/**
 * @module The entry `descentjs/train` in Node: see `train.ts`.
 */
export * from "./train/node.js";
export * from "./run/node.js";
export * from "./charts/index.js";
export * from "./report/index.js";
export { randomInputs } from "./ops/index.js";
