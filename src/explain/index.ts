/**
 * @module Explanations: which parts of an input an answer came from.
 */
export * from "./input-gradient.js";
