/**
 * @module A thread that works on trees: it waits for jobs on leaves, or grows its share of a forest.
 */
import { parentPort, workerData } from "node:worker_threads";
import { growForestTree } from "./random-forest.js";
import { expandLeaf, splitsOf } from "./split-work.js";
import type { ForestThread, LeafThread } from "./tree-threads-node.js";
import { awaitChange, columnsOf, CONTROL, KIND, readJob, readLeaf, writeExpansion, writeSplits } from "./tree-threads-node.js";

function serveLeaves({ arrays, control, job, result, index, threads }: LeafThread): void {
  const own = columnsOf(arrays, index, threads);
  const scratch = new Uint32Array(arrays.data.rows);
  for (let done = 1; ; done++) {
    Atomics.store(control, CONTROL.done, done);
    Atomics.notify(control, CONTROL.done);
    while (Atomics.load(control, CONTROL.asked) === done) awaitChange(control, CONTROL.asked, done);
    if (control[CONTROL.kind] === KIND.end) return;
    if (control[CONTROL.kind] === KIND.columns) writeSplits(result, splitsOf(arrays, readJob(job), ...own));
    else writeExpansion(result, expandLeaf(arrays, ...readLeaf(job), scratch));
  }
}

function serveForest({ forest, first, step }: ForestThread): void {
  for (let tree = first; tree < forest.trees; tree += step)
    parentPort?.postMessage({ tree, grown: growForestTree(forest, tree) });
}

const work = workerData as LeafThread | ForestThread;
if (work.kind === "leaves") serveLeaves(work);
else serveForest(work);
