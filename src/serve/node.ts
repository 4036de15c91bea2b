/**
 * @module The part of `descentjs/serve` that needs Node: engines from files, processes of their own, a port. Re-exports the rest.
 */
export * from "./index.js";
export { openEngine } from "./open-engine-node.js";
export type { OpenEngineOptions, OwnedEngine } from "./model-engine-node.js";
export { EnginePool, type ModelSpec, parseModelSpec, type PoolOptions } from "./engine-pool-node.js";
export { type Server, type ServeOptions, startServer } from "./serve-node.js";
