/**
 * @module A run on disk and on the screen: the run folder's files, the metrics log, TensorBoard events, progress.
 */
export * from "./progress.js";
export * from "./metrics-log.js";
export * from "./run-folder.js";
export * from "./tensorboard.js";
