/**
 * @module Memory that must not grow: sessions, steps, trainings, workers and values, each over a bounded loop. The longer
 * loops and their figures are in docs/runtime.md: `DESCENT_LEAK_FACTOR=10` makes these ten times as long.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const factor = Number(process.env["DESCENT_LEAK_FACTOR"] ?? 1);

/**
 * Each loop runs in a process of its own, with a fixed young generation: what is measured is then what the loop itself holds. The limit
 * is on steady growth from the end of the first third (pools and code are warm by then) to the end, in MiB.
 */
const LOOPS = [
  { name: "sessions opened, run and closed", loop: "sessions", count: 300, limitMiB: 10 },
  { name: "steps into preallocated outputs", loop: "steps", count: 3000, limitMiB: 6 },
  { name: "steps with fresh outputs, disposed of", loop: "fresh", count: 3000, limitMiB: 8 },
  { name: "trainings of one shape, one after another", loop: "trainings", count: 300, limitMiB: 15 },
  { name: "trainings of many shapes, one after another", loop: "shapes", count: 90, limitMiB: 20 },
  { name: "workers started and disposed of", loop: "workers", count: 15, limitMiB: 12 },
  { name: "values made in a worker, read and disposed of", loop: "values", count: 300, limitMiB: 25 },
  { name: "values made in a worker and dropped", loop: "dropped", count: 300, limitMiB: 40 },
] as const;

/**
 * What a steady leak adds from the first sample to the last: 3/2 of the distance between the medians of the first and the last third.
 * Single samples differ by tens of MiB with the moment of the last collection. Six runs each of "values" with 0 and 40 MB leaked on
 * purpose in the window gave −23 … 3 and 31 … 37 so, and −23 … 17 and 9 … 28 as the last sample less the first.
 */
function steadyGrowth(samples: readonly number[]): number {
  const third = Math.ceil(samples.length / 3);
  const median = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
  return 1.5 * (median(samples.slice(-third)) - median(samples.slice(0, third)));
}

for (const { name, loop, count, limitMiB } of LOOPS) {
  test(`memory stays flat: ${name}`, () => {
    const program = fileURLToPath(new URL("leak-loop.js", import.meta.url));
    const argv = ["--expose-gc", "--max-semi-space-size=4", program, loop, String(Math.round(count * factor))];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const samples = JSON.parse(stdout) as number[];
    const growth = steadyGrowth(samples);
    assert.ok(growth < limitMiB, `grew by ${growth.toFixed(1)} MiB over ${count} rounds: ${samples.map(Math.round).join(", ")}`);
  });
}
