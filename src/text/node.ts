/**
 * @module The part of `text` that needs Node: the Rust tokenizers, files. Re-exports the rest.
 */
export * from "./index.js";
export { tokenizerFrom } from "./native-node.js";
export * from "./load-node.js";
export * from "./vectors-node.js";
