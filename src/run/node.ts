/**
 * @module The part of `run` that needs Node: run folders on disk, progress on a terminal. Re-exports the rest.
 */
export * from "./index.js";
export * from "./progress-node.js";
export * from "./run-folder-node.js";
