/**
 * @module Threads that share an update in place, where there are some: calls of the kernel, of which each takes the next one.
 */

/** A call of a kernel's function, by number: its memory's number, the function's, and what it is given. */
export type KernelCall = readonly [memory: number, kernel: number, ...given: readonly number[]];

/** Other threads with the kernel on the same memories. Owned: dispose it. */
export interface UpdateThreads extends Disposable {
  /** Makes all calls, in any order, in this thread and the others; returns once all are done. */
  readonly run: (calls: readonly KernelCall[]) => void;
}

/** The setup of threads. `most`: calls at once; `others`: threads beside this one. */
export interface UpdateThreadsSetup {
  readonly module: WebAssembly.Module;
  readonly memories: readonly WebAssembly.Memory[];
  readonly most: number;
  readonly others: number;
}

/** Starts threads; undefined where they share no memory, and all is done in one. */
export const startUpdateThreads: ((setup: UpdateThreadsSetup) => UpdateThreads) | undefined = undefined;
