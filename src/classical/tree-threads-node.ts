/**
 * @module Threads that share the work on trees: columns of a leaf's histogram, or whole trees of a forest. All see the same memory.
 */
import { Worker } from "node:worker_threads";
import type { ForestData } from "./random-forest.js";
import type { SplitFinder, SplitJob, SplitPair, TreeArrays } from "./split-work.js";
import { splitsOf } from "./split-work.js";
import { noSplit } from "./split.js";
import type { Split } from "./split.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import type { TreeThreads } from "./tree-threads.js";

/** Places in the control block that the threads of boosting wait at. */
export const CONTROL = { round: 0, done: 1, jobs: 2, length: 16 } as const;
/** Numbers of a job: begin, end, slot, sums; and the sibling's slot and sums, −1 where there is none. */
export const JOB_NUMBERS = 10;
/** Numbers of a split as threads hand it over: gain, column, bin, missingLeft, gradient, hessian, rows, and a set's length and members. */
export const SPLIT_NUMBERS = 8 + 256;
/** How often a thread looks for work, or for its end, before it sleeps: a sleep costs more than most jobs. */
const SPINS = 4000;
/** Fewer rows times columns than this are faster in one thread. */
const WORTH_SHARING = 400_000;

/** The work of one thread of boosting. */
export interface SplitThread {
  readonly kind: "splits";
  readonly arrays: TreeArrays;
  readonly control: Int32Array;
  readonly job: Float64Array;
  /** [threads, 2, SPLIT_NUMBERS]. */
  readonly results: Float64Array;
  readonly index: number;
  readonly threads: number;
}

/** The work of one thread of a forest: every so many-th tree. */
export interface ForestThread {
  readonly kind: "forest";
  readonly forest: ForestData;
  readonly first: number;
  readonly step: number;
}

/** The columns of thread `index`: about equal numbers of them. */
export const columnsOf = ({ data }: TreeArrays, index: number, threads: number): [number, number] => [
  Math.floor((index * data.columns.length) / threads),
  Math.floor(((index + 1) * data.columns.length) / threads),
];

/** Waits until the value at a place is another than `value`. */
export function awaitChange(control: Int32Array, place: number, value: number): void {
  for (let i = 0; i < SPINS; i++) if (Atomics.load(control, place) !== value) return;
  Atomics.wait(control, place, value);
}

export function writeSplit(into: Float64Array, split: Split | undefined): void {
  const { gain, column, bin, missingLeft, set, leftGradient, leftHessian, leftRows } = split ?? noSplit();
  into.set([gain, column, bin, missingLeft ? 1 : 0, leftGradient, leftHessian, leftRows, set?.length ?? -1, ...(set ?? [])]);
}

function readSplit(from: Float64Array): Split {
  const [gain = 0, column = -1, bin = -1, missing = 0, leftGradient = 0, leftHessian = 0, leftRows = 0, count = -1] = from;
  const set = count < 0 ? undefined : [...from.subarray(8, 8 + count)];
  return { gain, column, bin, missingLeft: missing === 1, set, leftGradient, leftHessian, leftRows };
}

export function writeJob(into: Float64Array, { begin, end, slot, sums, sibling }: SplitJob): void {
  const own = [begin, end, slot, sums.gradient, sums.hessian, sums.rows];
  into.set([...own, sibling?.slot ?? -1, sibling?.sums.gradient ?? 0, sibling?.sums.hessian ?? 0, sibling?.sums.rows ?? 0]);
}

export function readJob(from: Float64Array): SplitJob {
  const [begin = 0, end = 0, slot = 0, gradient = 0, hessian = 0, rows = 0, other = -1, g = 0, h = 0, n = 0] = from;
  const sibling = other < 0 ? undefined : { slot: other, sums: { gradient: g, hessian: h, rows: n } };
  return { begin, end, slot, sums: { gradient, hessian, rows }, sibling };
}

const startThread = (workerData: SplitThread | ForestThread): Worker => {
  const worker = new Worker(new URL("./tree-thread-node.js", import.meta.url), { workerData });
  // It must not keep a finished program alive.
  worker.unref();
  return worker;
};

/** Splits found by this thread and others, each for its columns. Owned: dispose it. */
class SharedSplits implements SplitFinder, Disposable {
  readonly #arrays: TreeArrays;
  readonly #threads: number;
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.length));
  readonly #job = new Float64Array(new SharedArrayBuffer(8 * JOB_NUMBERS));
  readonly #results: Float64Array;

  constructor(arrays: TreeArrays, threads: number) {
    this.#arrays = arrays;
    this.#threads = threads;
    this.#results = new Float64Array(new SharedArrayBuffer(8 * threads * 2 * SPLIT_NUMBERS));
    for (let index = 1; index < threads; index++) {
      startThread({ kind: "splits", arrays, control: this.#control, job: this.#job, results: this.#results, index, threads });
    }
  }

  find(job: SplitJob): SplitPair {
    const { length } = this.#arrays.data.columns;
    if ((job.end - job.begin) * length < WORTH_SHARING / 100) return splitsOf(this.#arrays, job, 0, length);
    writeJob(this.#job, job);
    Atomics.store(this.#control, CONTROL.done, 0);
    Atomics.add(this.#control, CONTROL.round, 1);
    Atomics.notify(this.#control, CONTROL.round);
    const own = splitsOf(this.#arrays, job, ...columnsOf(this.#arrays, 0, this.#threads));
    for (;;) {
      const done = Atomics.load(this.#control, CONTROL.done);
      if (done >= this.#threads - 1) break;
      awaitChange(this.#control, CONTROL.done, done);
    }
    return [this.#best(own[0], 0), own[1] === undefined ? undefined : this.#best(own[1], 1)];
  }

  /** Breaks ties of gain by the lower column, as in one thread. */
  #best(own: Split, which: 0 | 1): Split {
    let best = own;
    for (let index = 1; index < this.#threads; index++) {
      const split = readSplit(this.#results.subarray((index * 2 + which) * SPLIT_NUMBERS));
      if (split.gain > best.gain) best = split;
    }
    return best;
  }

  /** Threads end by themselves: one that waits at an atomic is deaf to other messages. */
  [Symbol.dispose](): void {
    Atomics.store(this.#control, CONTROL.jobs, -1);
    Atomics.add(this.#control, CONTROL.round, 1);
    Atomics.notify(this.#control, CONTROL.round);
  }
}

/** Trees of a forest, in the order of their numbers. */
function growForest(
  forest: ForestData,
  threads: number,
  onTree: (done: number) => void,
  signal?: AbortSignal,
): Promise<TreeEnsemble[]> {
  const trees: TreeEnsemble[] = [];
  let done = 0;
  return new Promise((resolve, reject) => {
    const workers = Array.from({ length: threads }, (_, first) => startThread({ kind: "forest", forest, first, step: threads }));
    const end = (): void => workers.forEach((worker) => void worker.terminate());
    const fail = (error: unknown): void => {
      end();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    signal?.addEventListener("abort", () => fail(signal.reason), { once: true });
    for (const worker of workers) {
      worker.ref();
      worker.on("error", fail);
      worker.on("message", ({ tree, grown }: { tree: number; grown: TreeEnsemble }) => {
        trees[tree] = grown;
        onTree(++done);
        if (done < forest.trees) return;
        end();
        resolve(trees);
      });
    }
  });
}

/** Threads of Node. */
export const treeThreads: TreeThreads = {
  allocate: (bytes) => new SharedArrayBuffer(bytes),
  isWorthwhile: (rows, columns) => rows * columns >= WORTH_SHARING,
  splits: (arrays, threads) => new SharedSplits(arrays, threads),
  forest: growForest,
};
