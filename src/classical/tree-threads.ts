/**
 * @module Threads for the work on trees, where there are some.
 */
import type { ForestData } from "./random-forest.js";
import type { LeafExpander, TreeArrays } from "./split-work.js";
import type { TreeEnsemble } from "./tree-ensemble.js";

export interface TreeThreads {
  /** Memory that all threads see. */
  readonly allocate: (bytes: number) => Uint8Array;
  /** Tells whether so much data is worth the threads' start. */
  readonly isWorthwhile: (rows: number, columns: number) => boolean;
  /** Grows trees of at most so many leaves, in as many threads as the arrays are for. */
  readonly leaves: (arrays: TreeArrays, leaves: number) => LeafExpander;
  /** Trees of a forest in the order of their numbers; it rejects with the signal's reason. */
  readonly forest: (
    forest: ForestData,
    threads: number,
    onTree: (done: number) => void,
    signal?: AbortSignal,
  ) => Promise<TreeEnsemble[]>;
}

/** Where threads share no memory, all is done in one. */
export const treeThreads: TreeThreads | undefined = undefined;
