/**
 * @module Reports: a training as one HTML page, in English and Chinese.
 */
export * from "./report.js";
