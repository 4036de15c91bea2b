/**
 * @module Training: the step as one graph, the state it changes, and the loop.
 */
export * from "./fine-tuning.js";
export * from "./step.js";
export * from "./state.js";
export * from "./trainer.js";
export * from "./to-onnx.js";
export { train } from "./train-model.js";
export type { MemoryData, TrainedModelRun, TrainOptions } from "./train-model.js";
export type { DataParts, Row, TableLike } from "./table-data.js";
export type { TrainSummary } from "./summary.js";
export * from "./train-run.js";
