/**
 * @module Memory that must not grow: sessions, steps, trainings, workers and values, each over a bounded loop. The longer
 * loops and their figures are in docs/runtime.md: `DESCENT_LEAK_FACTOR=10` makes these ten times as long.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isExact } from "../../scripts/held-memory.js";

const factor = Number(process.env["DESCENT_LEAK_FACTOR"] ?? 1);

/**
 * Each loop runs in a process of its own. The limit is on steady growth over the last two thirds of the rounds (pools and code are warm by
 * then), in MiB of what V8 and the C library hold (`scripts/held-memory.ts`).
 */
const LOOPS = [
  { name: "sessions opened, run and closed", loop: "sessions", count: 300, limitMiB: 4 },
  { name: "steps into preallocated outputs", loop: "steps", count: 3000, limitMiB: 1 },
  { name: "steps with fresh outputs, disposed of", loop: "fresh", count: 3000, limitMiB: 1.5 },
  { name: "trainings of one shape, one after another", loop: "trainings", count: 600, limitMiB: 1 },
  { name: "trainings of many shapes, one after another", loop: "shapes", count: 90, limitMiB: 4 },
  { name: "workers started and disposed of", loop: "workers", count: 15, limitMiB: 4 },
  { name: "values made in a worker, read and disposed of", loop: "values", count: 300, limitMiB: 25 },
  { name: "values made in a worker and dropped", loop: "dropped", count: 300, limitMiB: 40 },
] as const;

/** Twice the distance between the least of the first and of the second half: what is garbage in a worker comes and goes by tens of MiB. */
function steadyGrowth(samples: readonly number[]): number {
  const half = samples.length >> 1;
  return 2 * (Math.min(...samples.slice(half)) - Math.min(...samples.slice(0, half)));
}

function run(loop: string, count: number, ...flags: readonly string[]): { growth: number; samples: string } {
  const program = fileURLToPath(new URL("leak-loop.js", import.meta.url));
  const argv = ["--expose-gc", "--max-semi-space-size=4", program, loop, String(Math.round(count * factor)), ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const samples = JSON.parse(stdout) as number[];
  return { growth: steadyGrowth(samples), samples: samples.map((mib) => mib.toFixed(1)).join(", ") };
}

const coarse = isExact ? false : "only glibc tells what it has given out; resident memory is too coarse here";
for (const { name, loop, count, limitMiB } of LOOPS) {
  test(`memory stays flat: ${name}`, { skip: coarse }, () => {
    const { growth, samples } = run(loop, count);
    assert.ok(growth < limitMiB, `grew by ${growth.toFixed(1)} MiB over ${count} rounds: ${samples}`);
  });

  // A collection a round, with all that is kept, takes minutes; "values" shows the same.
  if (loop === "dropped") continue;
  test(`a leak on purpose is seen: ${name}`, { skip: coarse }, () => {
    const { growth, samples } = run(loop, count, "keep");
    assert.ok(growth > 1.3 * limitMiB, `grew by ${growth.toFixed(1)} MiB over ${count} rounds: ${samples}`);
  });
}
