/**
 * @module Metrics, gathered batch by batch.
 */
export type { Metric, MetricFactory, MetricOptions, Metrics } from "./metric.js";
export * from "./classification.js";
export * from "./regression.js";
export * from "./calibration.js";
export * from "./paired-tests.js";
export * from "./detection.js";
export * from "./frechet.js";
export * from "./retrieval.js";
export * from "./span.js";
export * from "./bleu.js";
export * from "./precision-recall.js";
