/**
 * @module Training: the step as one graph, the state it changes, and the loop.
 */
export * from "./fine-tuning.js";
export * from "./step.js";
export * from "./state.js";
export * from "./trainer.js";
export * from "./to-onnx.js";
