/**
 * @module `descent sweep`: killed again and again it comes to the table of a sweep that was left alone; what is no recipe is refused.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/util/random.js";
import { isRefused, run, scratchFolder, start, succeeds } from "./command.js";
import { startRanks, withoutMpi } from "./ranks.js";

const folder = scratchFolder();
const KILLS = 5;

const random = new Random(12, "rows");
const rows = Array.from({ length: 80 }, () => {
  const [a, b] = [random.normal(), random.normal()];
  return `${a.toFixed(3)},${b.toFixed(3)},${a * b > 0 ? "yes" : "no"}`;
});
writeFileSync(join(folder, "rows.csv"), `a,b,label\n${rows.join("\n")}\n`);
writeFileSync(
  join(folder, "halving.yaml"),
  `task: tabular-classification
options: { data: rows.csv, check: false }
search:
  lr: { from: 0.0005, to: 0.1, scale: log }
  batch-size: [8, 16]
method: asha
trials: 4
halving: { from: 4, to: 16, factor: 2 }
`,
);
writeFileSync(
  join(folder, "grid.yaml"),
  "task: tabular-classification\noptions: { data: rows.csv, check: false, epochs: 2 }\nsearch: { lr: [0.01, 0.001] }\nmethod: grid\n",
);

/** Files of results that a sweep has. */
const resultsIn = (out: string): number =>
  existsSync(join(folder, out, "results"))
    ? readdirSync(join(folder, out, "results")).filter((name) => name.endsWith(".json")).length
    : 0;

test(`a sweep killed ${KILLS} times comes to the same table`, async (t) => {
  const whole = await succeeds(folder, ["sweep", "halving.yaml", "--out", "whole", "--parallel", "2", "--quiet"]);
  const chance = new Random(Date.now(), "kill");
  for (let kill = 0; kill < KILLS; kill++) {
    const sweep = start(folder, ["sweep", "halving.yaml", "--out", "killed", "--parallel", "2", "--quiet"]);
    const before = resultsIn("killed");
    const over = sweep.ended.then(() => true);
    // Some time into a training: once a sweep has begun, or a training has ended.
    const pause = (): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(false), 5));
    if (kill > 0) while (resultsIn("killed") === before && !(await Promise.race([over, pause()])));
    await new Promise((resolve) => setTimeout(resolve, 300 + chance.integer(600)));
    sweep.kill("SIGKILL");
    await sweep.ended;
    t.diagnostic(`killed with ${resultsIn("killed")} results`);
  }
  const again = await succeeds(folder, ["sweep", "halving.yaml", "--out", "killed", "--parallel", "2", "--quiet"]);
  assert.equal(again.stdout.replaceAll("killed/", "whole/"), whole.stdout);
  assert.ok(readFileSync(join(folder, "killed", "sweep.html"), "utf8").includes("<svg"));
  // What is done is not done again.
  const done = await succeeds(folder, ["sweep", "halving.yaml", "--out", "killed", "--parallel", "2", "--json"]);
  const { trials } = JSON.parse(done.stdout) as { trials: { mean: number; epochs: number }[] };
  assert.equal(trials.length, 4);
  assert.ok(trials.every(({ mean, epochs }) => Number.isFinite(mean) && [4, 8, 16].includes(epochs)));
  await isRefused(
    folder,
    ["sweep", "halving.yaml", "--out", "killed", "--parallel", "1"],
    /killed: expected 2 trainings at once, as when this sweep began, since successive halving depends on it, got 1; continue with --parallel 2/,
  );
});

test("ranks take turns at the trainings of a sweep, and come to the same table", { skip: withoutMpi }, async () => {
  const alone = await succeeds(folder, ["sweep", "grid.yaml", "--out", "alone", "--quiet"]);
  const ranks = await startRanks(2, folder, ["sweep", "grid.yaml", "--out", "ranks", "--quiet"]).ended;
  assert.equal(ranks.status, 0, ranks.stderr);
  assert.equal(ranks.stdout.replaceAll("ranks/", "alone/"), alone.stdout);
});

test("no recipe, other recipes' folders and too many trainings at once are refused in one line", async () => {
  await isRefused(folder, ["sweep", "none.yaml"], /none\.yaml: expected a readable recipe/);
  await isRefused(folder, ["sweep", "grid.yaml", "--parallel", "1000"], /--parallel: expected at most the \d+ cores/);
  await succeeds(folder, ["sweep", "grid.yaml", "--out", "alone", "--quiet"]);
  await isRefused(folder, ["sweep", "halving.yaml", "--out", "alone"], /alone: expected a new folder or one of this sweep/);
  writeFileSync(join(folder, "wrong.yaml"), "task: tabular-classification\noptions: { data: rows.csv }\nsearch: { lrr: [1] }\n");
  await isRefused(folder, ["sweep", "wrong.yaml"], /wrong\.yaml: search: unknown option "lrr"; did you mean "lr"\?/);
  // A training that fails is shown as one; where all fail, the sweep does.
  writeFileSync(
    join(folder, "fails.yaml"),
    "task: tabular-classification\noptions: { data: rows.csv, labelColumn: x }\nsearch: { lr: [0.1] }\n",
  );
  const { status, stderr } = await run(folder, ["sweep", "fails.yaml"]);
  assert.equal(status, 1);
  assert.match(stderr, /expected at least one training to finish, got none; the first said: .*"x"/);
});
