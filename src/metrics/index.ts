/**
 * @module Metrics, gathered batch by batch.
 */
export type { Metric, MetricFactory, MetricOptions } from "./metric.js";
export * from "./classification.js";
export * from "./regression.js";
export * from "./calibration.js";
