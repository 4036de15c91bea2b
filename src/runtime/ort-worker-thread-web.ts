/**
 * @module The web worker behind `ort-worker-web.ts`.
 */
import { createWebRuntime } from "./ort-web.js";
import { serveRuntime } from "./ort-worker-serve.js";

/** The worker's global scope, typed as the port that it is. */
const scope = globalThis as { postMessage(message: unknown, transfer: ArrayBuffer[]): void };
const receive = serveRuntime({ post: (message, transfer) => scope.postMessage(message, transfer) }, createWebRuntime);
globalThis.addEventListener("message", (event) => receive(event.data));
