/**
 * @module The thread behind `WorkerFetcher`: answers each request for rows with a batch.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Batch } from "./dataset.js";
import { Dataset } from "./dataset.js";
import type { BatchRequest } from "./loader.js";
import type { WorkerAnswer, WorkerSetup } from "./loader-worker-node.js";

type RemoteCollate = (dataset: Dataset, request: BatchRequest, options: unknown) => Batch | Promise<Batch>;

const { columns, collate } = workerData as WorkerSetup;
const dataset = new Dataset(columns);

async function loadCollate(): Promise<RemoteCollate> {
  if (collate === undefined) return (data, request) => data.gather(request.indices);
  const module = (await import(collate.module)) as Record<string, unknown>;
  const found = module[collate.name];
  if (typeof found !== "function")
    throw new Error(`${collate.module}: expected a function "${collate.name}", got ${typeof found}`);
  return found as RemoteCollate;
}

const ready = loadCollate();
// A failure is answered to each request; before the first one it must not end the thread.
ready.catch(() => undefined);

async function answer(id: number, request: BatchRequest): Promise<void> {
  try {
    const batch = await (await ready)(dataset, request, collate?.options);
    const buffers = new Set(Object.values(batch).map((t) => t.data.buffer));
    const transfer = [...buffers].filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
    parentPort?.postMessage({ id, batch } satisfies WorkerAnswer, transfer);
  } catch (error) {
    parentPort?.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies WorkerAnswer);
  }
}

parentPort?.on("message", ({ id, request }: { id: number; request: BatchRequest }) => void answer(id, request));
