/**
 * @module Tasks: what a model is trained for.
 */
export * from "./task.js";
export * from "./table.js";
export { imageClassification } from "./images/image-classification/image-classification.js";
export { tabularClassification } from "./tables/tabular-classification/tabular-classification.js";
export { tabularRegression } from "./tables/tabular-regression/tabular-regression.js";
