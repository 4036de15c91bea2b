/**
 * @module Batches made in worker threads, for work that would hold up the engine: decoding, tokenizing, augmenting. Number
 * columns are shared with the workers, not sent; finished batches are handed over without a copy.
 */
import type { Worker } from "node:worker_threads";
import type { Column } from "./column.js";
import { isText } from "./column.js";
import type { Batch, Dataset } from "./dataset.js";
import type { BatchFetcher, BatchRequest } from "./loader.js";
import type { TypedArray } from "../graph/index.js";
import { DTYPES } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { setOwn } from "../util/record.js";
import { newThread } from "../util/thread-node.js";

/** Names a function for the worker to import: `(dataset, request, options) → Batch`. */
export interface WorkerCollate {
  /** Module address, as `import.meta.resolve` or `new URL(…, import.meta.url).href` gives it. */
  readonly module: string;
  readonly name: string;
  /** Third argument of the function; anything that can be cloned. */
  readonly options?: unknown;
}

/** The data that starts the worker. */
export interface WorkerSetup {
  readonly columns: Readonly<Record<string, Column>>;
  readonly collate?: WorkerCollate;
}

/** A worker's answer: a batch or an error. */
export interface WorkerAnswer {
  readonly id: number;
  readonly batch?: Batch;
  readonly error?: string;
}

/** Copies an array into memory that threads share. */
function shared(array: TypedArray, create: (length: number) => TypedArray): TypedArray {
  if (array.buffer instanceof SharedArrayBuffer) return array;
  const Kind = create(0).constructor as new (buffer: SharedArrayBuffer) => TypedArray;
  const copy = new Kind(new SharedArrayBuffer(array.byteLength));
  (copy as Uint8Array).set(array as Uint8Array);
  return copy;
}

/** Number of threads that prepare batches. */
export interface WorkerOptions {
  /** Worker threads; requests go to each in turn. What a batch holds does not depend on it. */
  readonly threads?: number;
}

/**
 * Makes batches in worker threads. Owns the threads: `dispose` it, or use `using`. The data set is copied once into shared memory.
 *
 * Cost, measured on 2 loaded cores (best): 128 rows of 784 bytes take 40 µs on the calling thread and about 100 µs by way of a
 * worker, so plain columns in memory are better served without one, and that is the default. Work of 12 ms per batch beside a
 * step of 18 ms took 31.6 ms on one thread, 19.6 ms with a worker.
 */
export class WorkerFetcher implements BatchFetcher, Disposable {
  readonly #workers: readonly Worker[];
  readonly #waiting = new Map<number, { resolve: (batch: Batch) => void; reject: (error: Error) => void }>();
  #nextId = 0;
  #failure: Error | undefined;

  constructor(dataset: Dataset, collate?: WorkerCollate, { threads = 1 }: WorkerOptions = {}) {
    const columns: Record<string, Column> = {};
    for (const [name, column] of dataset.entries()) {
      if (!isText(column)) setOwn(columns, name, { ...column, data: shared(column.data, DTYPES[column.dtype].create) });
      else if (collate !== undefined) setOwn(columns, name, column);
    }
    const workerData: WorkerSetup = { columns, collate };
    this.#workers = Array.from({ length: threads }, () => this.#start(workerData));
  }

  #start(workerData: WorkerSetup): Worker {
    const worker = newThread(new URL("./loader-worker-thread-node.js", import.meta.url), workerData);
    // The thread must not keep a finished program alive; while batches are awaited it does (see fetch).
    worker.unref();
    worker.on("message", (answer: WorkerAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (this.#waiting.size === 0) for (const each of this.#workers) each.unref();
      if (answer.batch !== undefined) waiting?.resolve(answer.batch);
      else waiting?.reject(new DataError(answer.error ?? "loader: the worker gave no batch"));
    });
    worker.on("error", (error: Error) => this.#fail(new DataError(`loader: worker failed (${error.message})`, { cause: error })));
    worker.on("exit", () => this.#fail(new DataError("loader: the worker has ended")));
    return worker;
  }

  fetch(request: BatchRequest): Promise<Batch> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    if (this.#waiting.size === 0) for (const worker of this.#workers) worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#workers[id % this.#workers.length]?.postMessage({ id, request: { ...request, indices: request.indices.slice() } });
    });
  }

  dispose(): void {
    this.#fail(new DataError("loader: the worker was disposed of"));
    for (const worker of this.#workers) void worker.terminate();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
