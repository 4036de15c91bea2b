/**
 * @module Running graphs: engines, devices, compiled graphs.
 */
export * from "./runtime.js";
export * from "./compile.js";
export * from "./executable.js";
export { Executables } from "./executables.js";
export * from "./device.js";
export { clearCompiled } from "./cache.js";
export type { WorkerRuntime } from "./ort-worker.js";
export { platformRuntime, createWorkerRuntime, defaultThreads } from "#platform";
