/**
 * @module `#platform` in Node.
 */
import { availableParallelism } from "node:os";
import { createNodeRuntime } from "./ort-node.js";
import type { Runtime } from "./runtime.js";

let runtime: Promise<Runtime> | undefined;

/** The engine of this process, loaded once. */
export const platformRuntime = (): Promise<Runtime> => (runtime ??= createNodeRuntime());

/** Threads that a session gets unless said otherwise. */
export const defaultThreads = (): number => availableParallelism();

export { createWorkerRuntime } from "./ort-worker-node.js";
