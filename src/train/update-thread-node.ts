/**
 * @module A thread that takes part in updates: it waits for a job, and makes its calls with the others.
 */
import { workerData } from "node:worker_threads";
import type { SharedCalls } from "./update-threads-node.js";
import { CONTROL, kernelsOn, takeCalls } from "./update-threads-node.js";

const shared = workerData as SharedCalls;
const kernels = kernelsOn(shared);
for (let seen = 1; ;) {
  Atomics.wait(shared.control, CONTROL.asked, seen);
  seen = Atomics.load(shared.control, CONTROL.asked);
  if (seen === 0) break;
  takeCalls(shared, kernels, seen);
}
