/**
 * @module Memory does not grow with trainings and steps: a short `npm run leak-check`, with the same bounds. That it would be seen is shown by
 * leaking on purpose.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isExact } from "../../scripts/held-memory.js";

const SCRIPT = fileURLToPath(new URL("../../scripts/leak-check.js", import.meta.url));
const SAID = /^second half of 74 trainings: -?[\d.]+ MiB, .*; of 1000 steps: -?[\d.]+ MiB, .*\n$/;

/** 74 trainings: the widths begin anew in the middle, so that equal sessions are kept at both ends. */
const check = (kept: string, trainings = "74", steps = "1000"): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, ["--expose-gc", SCRIPT, trainings, steps, kept], { encoding: "utf8" });

test("trainings one after another, and steps, leave nothing behind", () => {
  const { status, stdout, stderr } = check("nothing");
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, SAID);
});

for (const kept of ["batch", "native", "state"]) {
  const skip = isExact ? false : "only glibc tells what it has given out; resident memory is too coarse here";
  test(`a leak on purpose is seen: ${kept}`, { skip }, () => {
    const { status, stdout, stderr } = check(kept, "20", "400");
    assert.equal(status, 1, stdout);
    assert.equal(stderr, "leak-check: memory grows\n");
  });
}
