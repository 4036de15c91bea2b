/**
 * @module The browser's `Worker`, over Node's worker threads: as much of it as jax-js and TensorFlow.js need to compute with several threads in Node,
 * which neither does by itself. With it they are measured at their best, not as Node leaves them.
 */
import { availableParallelism } from "node:os";
import { Worker as NodeWorker } from "node:worker_threads";

const PRELUDE = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
parentPort.on("message", (data) => globalThis.onmessage?.({ data }));
`;

/** Gives this process the globals `Worker` and `navigator.hardwareConcurrency`; `URL.createObjectURL` keeps a blob's text for the workers. */
export function installWebWorkers(threads = availableParallelism()): void {
  const blobs = new Map<string, Promise<string>>();
  URL.createObjectURL = (blob: Blob): string => {
    const url = `blob:bench/${blobs.size}`;
    blobs.set(url, blob.text());
    return url;
  };
  URL.revokeObjectURL = (): void => {};

  class WebWorker {
    onmessage: ((event: { data: unknown }) => void) | null = null;
    onerror: ((event: { message: string }) => void) | null = null;
    #worker: NodeWorker | undefined;
    #waiting: { message: unknown; transfer: ArrayBuffer[] | undefined }[] = [];

    constructor(url: string) {
      const source = blobs.get(url);
      if (source === undefined) throw new Error(`Worker: expected an address made by URL.createObjectURL, got ${url}`);
      void source.then((text) => this.#start(text));
    }

    #start(text: string): void {
      const worker = new NodeWorker(PRELUDE + text, { eval: true });
      worker.on("message", (data: unknown) => this.onmessage?.({ data }));
      worker.on("error", (error) => this.onerror?.({ message: error.message }));
      worker.unref();
      this.#worker = worker;
      for (const { message, transfer } of this.#waiting) worker.postMessage(message, transfer);
      this.#waiting = [];
    }

    postMessage(message: unknown, transfer?: ArrayBuffer[]): void {
      if (this.#worker === undefined) this.#waiting.push({ message, transfer });
      else this.#worker.postMessage(message, transfer);
    }

    terminate(): void {
      void this.#worker?.terminate();
    }
  }

  Object.defineProperty(globalThis, "Worker", { value: WebWorker, configurable: true });
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: threads }, configurable: true });
}
