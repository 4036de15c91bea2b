/** @module Threads of Node. */
import { setPriority } from "node:os";
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

/**
 * Lets the process's other threads, and other processes, go before the thread that calls it, and before those that it starts afterwards. On Linux alone: elsewhere a thread has no
 * priority of its own, and all of the process would wait.
 */
export function giveWay(): void {
  if (process.platform === "linux") setPriority(10);
}
