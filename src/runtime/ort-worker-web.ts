/**
 * @module The runtime in a web worker, so that the page stays responsive while the engine computes.
 */
import { SessionError } from "../util/errors.js";
import { WorkerRuntime } from "./ort-worker.js";

/**
 * Starts a web worker with an engine of its own. Owned: dispose it. A bundler that does not follow `new URL(…)` needs
 * `ort-worker-thread-web.js` as an entry of its own beside the page's.
 */
export function createWorkerRuntime(): Promise<WorkerRuntime> {
  const worker = new Worker(new URL("./ort-worker-thread-web.js", import.meta.url), { type: "module" });
  return WorkerRuntime.start({
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen: (onMessage, onEnd) => {
      worker.addEventListener("message", (event) => onMessage(event.data));
      worker.addEventListener("error", (event) => onEnd(new SessionError(`worker: failed (${event.message})`)));
    },
    busy: () => undefined,
    end: async () => worker.terminate(),
  });
}
