/**
 * @module The part of `data` that needs Node: files, threads, DuckDB. Re-exports the rest.
 */
export * from "./index.js";
export * from "./loader-worker-node.js";
export * from "./safetensors-node.js";
export { tableFormat, tableReading } from "./readers/table-file-node.js";
export type { TableFormat, TableOptions, TableReading } from "./readers/table-file-node.js";
export * from "./readers/table-node.js";
export { checkRepeated, isQuery } from "./readers/query-node.js";
export * from "./registry-node.js";
export * from "./load-node.js";
export { loadOnnx, loadOnnxWeights } from "./onnx-node.js";
export { imageBatch } from "./images/batch-node.js";
