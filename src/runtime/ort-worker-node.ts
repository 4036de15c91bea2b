/**
 * @module The runtime in a worker thread of Node, so that the event loop stays free while the engine computes.
 */
import { SessionError } from "../util/errors.js";
import { withoutReports } from "./engine-environment-node.js";
import { DirectEngine } from "./ort-direct-node.js";
import { WorkerRuntime } from "./ort-worker.js";
import { newThread } from "../util/thread-node.js";

/**
 * Starts a worker thread with an engine of its own. Owned: dispose it; it ends the thread between two runs, which a program must not do by
 * `worker.terminate()` on a worker of its own while the engine's binding runs in there (docs/runtime.md).
 */
export async function createWorkerRuntime(): Promise<WorkerRuntime> {
  await withoutReports();
  const worker = newThread(new URL("./ort-worker-thread-node.js", import.meta.url));
  worker.unref();
  return WorkerRuntime.start({
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen: (onMessage, onEnd) => {
      worker.on("message", onMessage);
      worker.on("error", (cause: Error) => onEnd(new SessionError(`worker: failed (${cause.message})`, { cause })));
      worker.on("exit", (code) => onEnd(new SessionError(`worker: ended unexpectedly (code ${code})`)));
    },
    busy: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
    interrupt: async (handle) => (await DirectEngine.load())?.stop(handle),
    end: async () => void (await worker.terminate()),
  });
}
