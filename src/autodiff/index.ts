/**
 * @module Differentiation.
 */
export * from "./grad.js";
