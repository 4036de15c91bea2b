/**
 * @module A thread that works on trees: it waits for jobs on leaves, or grows its share of a forest.
 */
import { parentPort, workerData } from "node:worker_threads";
import { growForestTree } from "./random-forest.js";
import { expandLeaf } from "./split-work.js";
import type { ForestThread, LeafThread } from "./tree-threads-node.js";
import { awaitChange, claim, CONTROL, KIND, readJob, readLeaf, takeShares, writeExpansion, writeSplits } from "./tree-threads-node.js"; // prettier-ignore

function serveLeaves(work: LeafThread): void {
  const { arrays, control, job, result, scratch } = work;
  Atomics.store(control, CONTROL.done, 1);
  for (let seen = 1; ;) {
    awaitChange(control, CONTROL.asked, seen);
    const asked = Atomics.load(control, CONTROL.asked);
    if (asked === seen) continue;
    seen = asked;
    if (!claim(control, asked)) continue;
    const kind = control[CONTROL.kind];
    if (kind === KIND.end) return;
    if (kind === KIND.columns) writeSplits(result, takeShares(work, readJob(job)));
    else writeExpansion(result, expandLeaf(arrays, ...readLeaf(job), scratch));
    Atomics.store(control, CONTROL.done, asked);
    Atomics.notify(control, CONTROL.done);
  }
}

function serveForest({ forest, first, step }: ForestThread): void {
  for (let tree = first; tree < forest.trees; tree += step)
    parentPort?.postMessage({ tree, grown: growForestTree(forest, tree) });
}

const work = workerData as LeafThread | ForestThread;
if (work.kind === "leaves") serveLeaves(work);
else serveForest(work);
