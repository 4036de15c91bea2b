/**
 * @module Models: one file per architecture.
 */
export * from "./mlp.js";
