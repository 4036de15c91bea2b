/**
 * @module The graph: data only. What an op means is in `ops/`.
 */
export * from "./dtype.js";
export * from "./shape.js";
export * from "./node.js";
export * from "./tensor.js";
export * from "./graph.js";
export { currentScope, OPTIMIZER_SCOPE, withScope } from "./scope.js";
export { mergeCommonSubexpressions } from "./passes/cse.js";
