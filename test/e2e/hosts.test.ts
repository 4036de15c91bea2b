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
for (const name of ["own", "there"]) mkdirSync(join(folder, name));
writeFileSync(join(folder, "data", "rows.csv"), `a,b,label\n${rows.join("\n")}\n`);
const others = rows.map((row) => row.replace(/^[^,]+/, "0.5"));
writeFileSync(join(folder, "other.csv"), `a,b,label\n${others.join("\n")}\n`);

/** Runs the command in a rank on each host; `beforehand` is done on the second one, which sees what is mounted there alone. */
function runOnBoth(beforehand: string, args: string): Promise<Ended> {
  const [command, words] = onHosts(folder, [process.execPath, MAIN, ...args.split(" ")], beforehand);
  return startProcess(command, words, folder, RANK_ENVIRONMENT).ended;
}

const TRAINING = "train tabular-classification --data data/rows.csv --steps 30 --batch-size 32 --exact --no-check --threads 1";

test("ranks on two hosts train to the bits of one process; a folder that one host does not see is named", { skip }, async () => {
  await succeeds(folder, [...TRAINING.split(" "), "--out", "alone"]);
  // The other host has a folder of the same name.
  const apart = `mount -t tmpfs none ${folder}/own; cp -r ${folder}/alone ${folder}/own/run;`;
  const { status, stderr } = await runOnBoth(apart, `${TRAINING} --out own/run`);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /2 ranks on 2 hosts \(Open MPI/);
  assert.match(
    stderr,
    /own\/run lies on host-a alone, rank 1 \(host-b\) does not see it: to resume, start rank 0 on that host again/,
  );
  assert.deepEqual(traceOf(join(folder, "own", "run")), traceOf(join(folder, "alone")));
  assert.ok(readFileSync(join(folder, "own", "run", "report.html"), "utf8").length > 0);

  // Another place for rank 0, and the run is not there.
  const elsewhere = await runOnBoth(`mount --bind ${folder}/own/run ${folder}/there;`, "train --resume there");
  assert.equal(elsewhere.status, 2, elsewhere.stderr);
  assert.match(
    elsewhere.stderr,
    /descent: --resume there: expected the run on host-a, the host of rank 0, got one on host-b alone; start rank 0 there \(mpirun --host host-b,…\), or copy the run into a folder that all hosts share/,
  );
});

test("a sweep in a folder that one host does not see is refused before it trains", { skip }, async () => {
  const search = "options: { data: data/rows.csv, epochs: 1 }\nsearch: { lr: [0.01, 0.001] }\nmethod: grid\n";
  writeFileSync(join(folder, "grid.yaml"), `task: tabular-classification\n${search}`);
  const { status, stderr } = await runOnBoth(`mount -t tmpfs none ${folder}/own;`, "sweep grid.yaml --out own/sweep");
  assert.equal(status, 2, stderr);
  assert.match(
    stderr,
    /descent: --out own\/sweep: expected a folder that all hosts share, got one on host-a that rank 1 \(host-b\) does not see; put --out into a shared folder, or sweep on one host/,
  );
});

test("a host with other data is named before the first step", { skip }, async () => {
  const other = `mount --bind ${folder}/other.csv ${folder}/data/rows.csv;`;
  const { status, stderr } = await runOnBoth(other, `${TRAINING} --out never`);
  assert.equal(status, 2, stderr);
  assert.match(
    stderr,
    /descent: ranks: expected the same training data on all of them, got [0-9a-f]+ on rank 0 \(host-a\) and [0-9a-f]+ on rank 1 \(host-b\)/,
  );
  assert.doesNotMatch(stderr, /epoch 1/);
});
