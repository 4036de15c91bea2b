/**
 * @module The part of `train` that needs Node: run folders, progress on a terminal. Re-exports the rest.
 */
export * from "./index.js";
export * from "./progress-node.js";
export * from "./run-folder-node.js";
