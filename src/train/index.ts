/**
 * @module Training: the step as one graph, the state it changes, and the loop.
 */
export * from "./fine-tuning.js";
export * from "./step.js";
export * from "./state.js";
export * from "./trainer.js";
export * from "./to-onnx.js";
export * from "./progress.js";
export * from "./metrics-log.js";
export * from "./run-folder.js";
export * from "./tensorboard.js";
export * from "./charts.js";
export * from "./charts-image.js";
export * from "./report.js";
