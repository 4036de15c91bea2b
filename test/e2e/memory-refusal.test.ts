/**
 * @module A training that there is no memory for is refused, in a process that really lacks it: one of a control group with a limit. What the
 * message says would fit is then tried there, where the kernel would kill what takes more.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { idx, scratchFolder } from "./command.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const LIMIT_MIB = 500;

/** Folders in which groups with a memory limit are made, in the first and the second version of the interface, and the file that limits. */
const PLACES = [
  { parent: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes" },
  { parent: "/sys/fs/cgroup", limit: "memory.max" },
];

/** A control group of at most so much memory; undefined where none can be made, as for most who are not root. */
function limitedGroup(mib: number): string | undefined {
  for (const { parent, limit } of PLACES) {
    const group = join(parent, `descent-test-${process.pid}`);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    after(() => rmdirSync(group));
    if (!existsSync(join(group, limit))) continue;
    writeFileSync(join(group, limit), String(mib * 2 ** 20));
    return group;
  }
  return undefined;
}

const group = process.platform === "linux" ? limitedGroup(LIMIT_MIB) : undefined;
const skip = group === undefined ? "no control group with a memory limit can be made here (needs Linux, and root)" : false;

test("a batch that does not fit is refused with one that does, and that one trains", { skip }, () => {
  const folder = scratchFolder();
  const count = 60_000;
  mkdirSync(join(folder, "images"));
  writeFileSync(join(folder, "images", "train-images-idx3-ubyte"), idx([count, 4, 4], new Uint8Array(count * 16).fill(7)));
  const labels = new Uint8Array(count).map((_, i) => i % 3);
  writeFileSync(join(folder, "images", "train-labels-idx1-ubyte"), idx([count], labels));
  const train = (batchSize: number): { status: number | null; stderr: string } => {
    const args = `train image-classification --data images --model mlp --device cpu --steps 2 --no-check --quiet --out run --batch-size ${batchSize}`;
    // The shell moves itself into the group, and becomes the command.
    const line = `echo $$ > "${group}/cgroup.procs" && exec "${process.execPath}" "${MAIN}" ${args}`;
    return spawnSync("/bin/sh", ["-c", line], { cwd: folder, encoding: "utf8" });
  };
  const refused = train(48_000);
  assert.equal(refused.status, 1, refused.stderr);
  const said = /^descent: memory: expected (\d+) MiB for training, got (\d+) MiB free; --batch-size (\d+) would fit\n$/;
  const [, needed, free, fitting] = (said.exec(refused.stderr) ?? []).map(Number);
  assert.ok(needed !== undefined && free !== undefined && fitting !== undefined, refused.stderr);
  assert.ok(free < LIMIT_MIB && needed > free, refused.stderr);
  assert.ok(!existsSync(join(folder, "run")));
  const trained = train(fitting);
  assert.equal(trained.status, 0, trained.stderr);
});
