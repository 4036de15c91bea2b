/**
 * @module `#platform` in a browser.
 */
import type { Runtime } from "./runtime.js";
import { createWebRuntime } from "./ort-web.js";

let runtime: Promise<Runtime> | undefined;

/** The engine of this page or worker, loaded once. */
export const platformRuntime = (): Promise<Runtime> => (runtime ??= createWebRuntime());

/** Threads that a session gets unless said otherwise: one where the page is not isolated, since memory cannot be shared. */
export const defaultThreads = (): number => (globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1);

export { createWorkerRuntime } from "./ort-worker-web.js";
