/**
 * @module Tasks: what a model is trained for.
 */
export * from "./task.js";
export * from "./table.js";
export { imageClassification } from "./image-classification.js";
export { tabularClassification, tabularRegression } from "./tabular.js";
