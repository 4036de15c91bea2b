/**
 * @module Differentiation.
 */
export * from "./grad.js";
export * from "./jvp.js";
export * from "./vmap.js";
export * from "./jacobian.js";
export { checkpoint } from "./checkpointing.js";
export * from "./recomputation.js";
