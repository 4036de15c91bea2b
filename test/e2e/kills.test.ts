/**
 * @module A training killed at any fsync, rename or mkdir ends, once it goes on or is begun again, with the bits of one that was left
 * alone. `npm run kill-test` tries every call, before and after it; a plain test run tries some of each kind.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Ended } from "./command.js";
import { lastStep, run, scratchFolder, traceOf } from "./command.js";

const isFull = process.env["DESCENT_KILLS"] === "all";
const KILL_AT = new URL("./kill-at.js", import.meta.url).href;
const folder = scratchFolder();

// Small, with several checkpoints, a best one that moves, dropout and a schedule with memory: 24 steps.
const RECIPE =
  "train image-classification --data digits --model mlp --device cpu --epochs 4 --batch-size 240 --optimizer adamw " +
  "--schedule reduce-on-plateau --lr 0.01 --seed 3 --no-check --quiet";

const killing = (env: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import ${KILL_AT}`,
  ...env,
});

const train = (name: string, more: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> =>
  run(folder, [...RECIPE.split(" "), "--out", name, ...more], env);

/** Goes on with what is left of a run, or begins it again, as the command's own messages say. */
async function goOn(name: string): Promise<Ended> {
  const path = join(folder, name);
  if (existsSync(join(path, "summary.json")) && existsSync(join(path, "report.html"))) {
    // It was whole already.
    return { status: 0, signal: null, stdout: "", stderr: "" };
  }
  if (lastStep(path) > 0) return run(folder, ["train", "--resume", name, "--quiet"]);
  return train(name, existsSync(path) ? ["--overwrite"] : []);
}

/** Kills a training at a call, lets it end, and holds it against the one that was left alone. */
async function killAt(call: number, isAfter: boolean, overwrite: boolean, expected: unknown): Promise<void> {
  const name = `kill-${call}-${isAfter ? "after" : "before"}${overwrite ? "-over" : ""}`;
  const where = `call ${call}, ${isAfter ? "after" : "before"} it${overwrite ? ", over another run" : ""}`;
  if (overwrite) {
    const first = await train(name, []);
    assert.equal(first.status, 0, first.stderr);
  }
  const env = killing({ DESCENT_KILL_AT: String(call), DESCENT_KILL_AFTER: isAfter ? "1" : "0" });
  const killed = await train(name, overwrite ? ["--overwrite"] : [], env);
  assert.equal(killed.signal, "SIGKILL", `${where}: ${killed.stderr}`);
  const ended = await goOn(name);
  assert.equal(ended.status, 0, `${where}: ${ended.stderr}`);
  assert.deepEqual(traceOf(join(folder, name)), expected, where);
}

/** All calls, or one of each kind from the beginning, the middle and the end. */
function chosen(calls: readonly string[]): number[] {
  const all = calls.map((_, i) => i + 1);
  if (isFull) return all;
  const kinds = [...new Set(calls)];
  const some = kinds.flatMap((kind, k) => {
    const own = all.filter((i) => calls[i - 1] === kind);
    // Different places for each kind, so that few runs meet much.
    return [own[Math.floor(((k + 0.5) / kinds.length) * own.length)] as number];
  });
  return [...new Set([1, ...some, all.length])].sort((a, b) => a - b);
}

test(
  "a training killed at an fsync, a rename or a mkdir ends with the same bits",
  { skip: process.platform === "win32" },
  async (t) => {
    mkdirSync(folder, { recursive: true });
    const counted = join(folder, "calls.json");
    const whole = await train("whole", [], killing({ DESCENT_KILL_COUNT: counted }));
    assert.equal(whole.status, 0, whole.stderr);
    const expected = traceOf(join(folder, "whole"));
    const calls = JSON.parse(readFileSync(counted, "utf8")) as string[];
    for (const kind of ["mkdirSync", "sync", "rename", "mkdir", "fdatasyncSync"])
      assert.ok(calls.includes(kind), `${kind} is never called: is it still watched?`);
    const kills = chosen(calls);
    t.diagnostic(`${kills.length} of ${calls.length} calls`);
    for (const call of kills)
      for (const isAfter of isFull ? [false, true] : [call % 2 === 0]) await killAt(call, isAfter, false, expected);
    // Replacing a run removes the old one first: the calls at its beginning are others.
    for (const call of isFull ? [1, 2, 3, 4, 5, 6] : [3]) await killAt(call, false, true, expected);
  },
);

test("the module that kills is found", () => {
  assert.ok(existsSync(fileURLToPath(KILL_AT)));
});
