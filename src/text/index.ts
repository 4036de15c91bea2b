/**
 * @module Tokenizers and token batches that run anywhere. In Node, `descentjs/text` is `node.ts`, whose `tokenizerFrom` runs the
 * Rust library.
 */
export * from "./assemble.js";
export * from "./chat-template.js";
export * from "./feature-vocabulary.js";
export * from "./predicate-features.js";
export * from "./token-batch.js";
export * from "./token-features.js";
export * from "./tokenizer.js";
export type { TokenizerJson } from "./tokenizer-json.js";
export * from "./words.js";
export { trainByteLevelBpe, trainCharacters, trainWordPiece } from "./train.js";
export type { Texts, TrainTokenizerOptions } from "./train.js";
export { trainWords } from "./train-words.js";
export { tokenizerFrom } from "./web.js";
export { tokenizerFrom as tokenizerFromWeb } from "./web.js";
