/**
 * @module The part of `tasks` that needs Node: a training in a run folder, a trained model in use. Re-exports the rest.
 */
export * from "./index.js";
export * from "./plan-node.js";
export * from "./train-task-node.js";
export * from "./trained-node.js";
export * from "./examples-node.js";
export * from "./task-node.js";
export * from "./table-node.js";
