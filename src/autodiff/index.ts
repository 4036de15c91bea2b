/**
 * @module Differentiation.
 */
export * from "./grad.js";
export * from "./jvp.js";
export * from "./vmap.js";
export * from "./jacobian.js";
export * from "./checkpointing.js";
