import assert from "node:assert/strict";
import { once } from "node:events";
import { getPriority } from "node:os";
import { test } from "node:test";
import { parentPort, Worker } from "node:worker_threads";
import { giveWay } from "./thread-node.js";

if (parentPort === null)
  test(
    "a thread that gives way has a lower priority, and its process the one that it had",
    { skip: process.platform === "linux" ? false : "threads have no priority of their own here" },
    async () => {
      const before = getPriority();
      const [own] = (await once(new Worker(new URL(import.meta.url)), "message")) as [number];
      assert.equal(own, Math.max(10, before));
      assert.equal(getPriority(), before);
    },
  );
else {
  giveWay();
  parentPort.postMessage(getPriority());
}
