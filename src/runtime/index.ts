/**
 * @module Running graphs: engines, devices, compiled graphs.
 */
export * from "./runtime.js";
export * from "./compile.js";
export * from "./device.js";
export { clearCompiled } from "./cache.js";
export { platformRuntime, defaultThreads } from "#platform";
