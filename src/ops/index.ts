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
