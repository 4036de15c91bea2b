/**
 * @module Trainings on two hosts, one of which may see other files. As root on Linux alone.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Random } from "../../src/util/random.js";
import type { Ended } from "./command.js";
import { MAIN, scratchFolder, startProcess, succeeds, traceOf } from "./command.js";
import { RANK_ENVIRONMENT } from "./ranks.js";
import { makeHosts, onHosts, removeHosts } from "./two-hosts.js";

const folder = scratchFolder();
const skip = makeHosts();
after(removeHosts);

const random = new Random(13, "rows");
const rows = Array.from({ length: 120 }, () => {
  const [a, b] = [random.normal(), random.normal()];
  return `${a.toFixed(3)},${b.toFixed(3)},${a * b > 0 ? "yes" : "no"}`;
});
mkdirSync(join(folder, "data"));
mkdirSync(join(folder, "own"));
writeFileSync(join(folder, "data", "rows.csv"), `a,b,label\n${rows.join("\n")}\n`);
const others = rows.map((row) => row.replace(/^[^,]+/, "0.5"));
writeFileSync(join(folder, "other.csv"), `a,b,label\n${others.join("\n")}\n`);

/** Trains in a rank on each host; `beforehand` is done on the second one, which sees what is mounted there alone. */
function train(beforehand: string, args: string): Promise<Ended> {
  const [command, words] = onHosts(folder, [process.execPath, MAIN, "train", ...args.split(" ")], beforehand);
  return startProcess(command, words, folder, RANK_ENVIRONMENT).ended;
}

const TRAINING = "tabular-classification --data data/rows.csv --steps 30 --batch-size 32 --exact --no-check --threads 1";

test("ranks on two hosts train to the bits of one process; a folder that one host does not see is named", { skip }, async () => {
  await succeeds(folder, ["train", ...TRAINING.split(" "), "--out", "alone"]);
  const { status, stderr } = await train(`mount -t tmpfs none ${folder}/own;`, `${TRAINING} --out own/run`);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /2 ranks on 2 hosts \(Open MPI/);
  assert.match(
    stderr,
    /own\/run lies on host-a alone, rank 1 \(host-b\) does not see it: to resume, start rank 0 on that host again/,
  );
  assert.deepEqual(traceOf(join(folder, "own", "run")), traceOf(join(folder, "alone")));
  assert.ok(readFileSync(join(folder, "own", "run", "report.html"), "utf8").length > 0);
});

test("a host with other data is named before the first step", { skip }, async () => {
  const { status, stderr } = await train(`mount --bind ${folder}/other.csv ${folder}/data/rows.csv;`, `${TRAINING} --out never`);
  assert.equal(status, 2, stderr);
  assert.match(
    stderr,
    /descent: ranks: expected the same training data on all of them, got [0-9a-f]+ on rank 0 \(host-a\) and [0-9a-f]+ on rank 1 \(host-b\)/,
  );
  assert.doesNotMatch(stderr, /epoch 1/);
});
