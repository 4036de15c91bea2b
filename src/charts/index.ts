/**
 * @module Charts as SVG: lines, bars, histograms, matrices, and PNG pictures in a page.
 */
export * from "./charts.js";
export * from "./icicle.js";
export * from "./image.js";
export * from "./pareto.js";
export * from "./beeswarm.js";
export * from "./color-map.js";
export * from "./heat-map.js";
export * from "./shaded-text.js";
export * from "./token-matrix.js";
export * from "./waterfall.js";
