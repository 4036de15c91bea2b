/**
 * @module The thread behind `ort-worker-node.ts`.
 */
import { parentPort } from "node:worker_threads";
import { createNodeRuntime } from "./ort-node.js";
import { serveRuntime } from "./ort-worker-serve.js";

if (parentPort !== null) {
  const port = parentPort;
  port.on(
    "message",
    serveRuntime({ post: (message, transfer) => port.postMessage(message, transfer) }, () => createNodeRuntime()),
  );
}
