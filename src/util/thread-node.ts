/** @module Threads of Node. */
import { Worker } from "node:worker_threads";

/**
 * Starts a thread. Threads inherit the options of their process, and a program that Node got as text (`node --input-type=module -e …`) has one that no file may have:
 * such a thread begins without any.
 */
export const newThread = (program: URL, workerData?: unknown): Worker =>
  new Worker(program, {
    workerData,
    ...(process.execArgv.some((option) => option.startsWith("--input-type")) ? { execArgv: [] } : {}),
  });
