/**
 * @module Charts as SVG: lines, bars, histograms, matrices, and PNG pictures in a page.
 */
export * from "./charts.js";
export * from "./image.js";
