/**
 * @module The ops: importing this gives tensors their methods.
 */
export * from "./op.js";
export * from "./elementwise.js";
export * from "./reduce.js";
export * from "./linalg.js";
export * from "./shape.js";
export * from "./custom.js";
export * from "./table.js";
export { bindGraph } from "./passes/bind.js";
export { fuseGraph } from "./passes/fuse.js";
export { lowerGraph } from "./passes/lower.js";
export { verifyGraph } from "./verify.js";
