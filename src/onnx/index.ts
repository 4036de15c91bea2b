/**
 * @module ONNX files, out and in.
 */
export * from "./export.js";
export * from "./protobuf.js";
