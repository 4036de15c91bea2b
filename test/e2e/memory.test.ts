/** @module Memory does not grow with trainings and steps: a short `npm run leak-check`, with the same bounds. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../scripts/leak-check.js", import.meta.url));

test("trainings one after another, and steps, leave nothing behind", () => {
  const said = execFileSync(process.execPath, ["--expose-gc", SCRIPT, "80", "3000"], { encoding: "utf8" });
  assert.match(said, /^second half of 80 trainings: -?[\d.]+ MiB, .*; of 3000 steps: -?[\d.]+ MiB\n$/);
});
