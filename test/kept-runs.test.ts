/**
 * @module Runs that the commit before the rooms wrote, of each task: this version loads them, answers, measures and goes on with them as that one did. Another
 * CPU gives other last bits, so figures are compared within a tolerance, and where those bits lead elsewhere, with what the run came to on that kind of CPU;
 * `scripts/kept-runs.ts same-bits` compares every bit on one machine.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { channelBlock } from "../src/runtime/channel-block.js";
import { platformRuntime } from "../src/runtime/index.js";
import * as tasks from "../src/tasks/node.js";
import { behaviour, keptRuns, lastLoss, unpack } from "./kept-runs.js";

/** The tolerance, as a fraction of a figure's size, or of 1 where it is smaller. */
const TOLERANCE = 1e-3;

/** Pixels and boxes are rounded: one step of them is a last bit. */
const ROUNDED: Readonly<Record<string, number>> = { pixels: 1, box: 0.05 };

function isNear(actual: unknown, expected: unknown, where: string, rounded?: number): void {
  if (typeof expected === "number") {
    const allowed = rounded ?? Math.max(1, Math.abs(expected)) * TOLERANCE;
    assert.ok(Math.abs(Number(actual) - expected) <= allowed, `${where}: expected ${expected}, got ${String(actual)}`);
  } else if (typeof expected === "object" && expected !== null) {
    assert.deepEqual(Object.keys(actual as object), Object.keys(expected), where);
    for (const [name, value] of Object.entries(expected))
      isNear((actual as Record<string, unknown>)[name], value, `${where}.${name}`, ROUNDED[name] ?? rounded);
  } else assert.deepEqual(actual, expected, where);
}

/** The tasks that there were. */
const KEPT =
  "image-classification image-recognition image-generation object-detection text-classification token-classification language-modeling semantic-role-labeling sequence-to-sequence tabular-classification tabular-regression".split(
    " ",
  );
const runs = keptRuns();
const block = await channelBlock(await platformRuntime());

test("each of the eleven tasks has a kept run", () => {
  const kept = new Set(runs.map(({ task }) => task));
  assert.deepEqual(
    KEPT.filter((name) => !kept.has(name)),
    [],
  );
});

for (const run of runs) {
  test(`${run.name ?? run.task}: a run of before is loaded, answers, is measured, and goes on`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "descent-kept-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    unpack(run, folder);
    const [path, data] = [join(folder, "run"), join(folder, "data")];
    isNear(await behaviour(tasks, path, run.inputs, data), run.half, "interrupted");
    const { ended } = await tasks.trainTask({ task: "", data: "" }, { out: path, resume: path });
    assert.equal(ended, "steps");
    const { trainLoss, ...said } = run.wholeByBlock?.[block] ?? run.whole;
    isNear(lastLoss(path), trainLoss, "training loss");
    isNear(await behaviour(tasks, path, run.inputs, data), said, "gone on with");
  });
}
