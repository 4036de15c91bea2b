/**
 * @module `descentjs/serve`: the handler `fetch(Request) → Response`, and what stands behind it.
 */
export * from "./engine.js";
export { LocalModels, type ModelSource, type ServedModel } from "./models.js";
export { createHandler, type Handler, type HandlerOptions } from "./app.js";
export { HTTP_LIMITS, type HttpLimits, type ObservedRequest, type Observer } from "./route.js";
export type { RequestTrace, Timing, TraceFacts, Tracing } from "./trace.js";
export { ApiKeys, type KeyOwner, newApiKey } from "../http/keys.js";
