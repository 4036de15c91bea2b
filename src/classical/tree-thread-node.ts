/**
 * @module A thread that works on trees: it waits for jobs on leaves, or grows its share of a forest.
 */
import { parentPort, workerData } from "node:worker_threads";
import { growForestTree } from "./random-forest.js";
import { splitsOf } from "./split-work.js";
import type { ForestThread, SplitThread } from "./tree-threads-node.js";
import { awaitChange, columnsOf, CONTROL, readJob, SPLIT_NUMBERS, writeSplit } from "./tree-threads-node.js";

function serveSplits({ arrays, control, job, results, index, threads }: SplitThread): void {
  const own = columnsOf(arrays, index, threads);
  for (let round = 0; ;) {
    awaitChange(control, CONTROL.round, round);
    // The first job may have come before this thread was up.
    const now = Atomics.load(control, CONTROL.round);
    if (now === round) continue;
    round = now;
    if (Atomics.load(control, CONTROL.jobs) < 0) return;
    const found = splitsOf(arrays, readJob(job), ...own);
    for (const [which, split] of found.entries()) writeSplit(results.subarray((index * 2 + which) * SPLIT_NUMBERS), split);
    Atomics.add(control, CONTROL.done, 1);
    Atomics.notify(control, CONTROL.done);
  }
}

function serveForest({ forest, first, step }: ForestThread): void {
  for (let tree = first; tree < forest.trees; tree += step)
    parentPort?.postMessage({ tree, grown: growForestTree(forest, tree) });
}

const work = workerData as SplitThread | ForestThread;
if (work.kind === "splits") serveSplits(work);
else serveForest(work);
