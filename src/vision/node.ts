/**
 * @module The part of `vision` that needs Node: image files. Re-exports the rest.
 */
export * from "./index.js";
export * from "./images-node.js";
