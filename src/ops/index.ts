/**
 * @module The ops: importing this gives tensors their methods.
 */
export * from "./op.js";
export * from "./elementwise.js";
export * from "./reduce.js";
export * from "./linalg.js";
export * from "./shape.js";
export * from "./indexing.js";
export * from "./loss.js";
export * from "./random.js";
export * from "./convolution.js";
export * from "./pooling.js";
export { BatchNorm, batchNorm, BatchNormalization, BatchNormTrain, ChannelAffine, ChannelDot } from "./batch-norm.js";
export type { BatchNormOptions } from "./batch-norm.js";
export * from "./normalization.js";
export * from "./einsum.js";
export * from "./resize.js";
export * from "./non-max-suppression.js";
export * from "./attention.js";
export { GRU, gru, LSTM, lstm } from "./recurrent.js";
export type { Direction, RecurrentOptions } from "./recurrent.js";
export { RNN } from "./rnn.js";
export { scan, Scan, traceBody } from "./scan.js";
export type { ScanAttributes, ScanOptions } from "./scan.js";
export * from "./state.js";
export * from "./custom.js";
export * from "./deferred.js";
export * from "./window.js";
export * from "./table.js";
export { toBlocks } from "./blocked.js";
export { blockChannels } from "./passes/block.js";
export { bindAttributes, bindGraph } from "./passes/bind.js";
export { fuseGraph } from "./passes/fuse.js";
export { lowerGraph } from "./passes/lower.js";
export { simplifyGraph } from "./passes/simplify.js";
export { resolveMode, type Resolved } from "./passes/resolve.js";
export { verifyGraph } from "./verify.js";
