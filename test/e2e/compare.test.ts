/**
 * @module `descent compare`: one split, one metric, figures of each model; it goes on after a kill, and refuses what cannot be compared.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import type { Comparison } from "../../src/compare/figures.js";
import { parseBudget } from "../../src/compare/verdict.js";
import { Random } from "../../src/util/random.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const THREADS = { DESCENT_THREADS: "1" };
const LINE = ["compare", "--data", "plants.csv", "--label-column", "kind", "--no-curve", "--json", "--out", "plants"];
const compared = async (...more: string[]): Promise<Comparison> =>
  JSON.parse((await succeeds(folder, [...LINE, ...more], THREADS)).stdout) as Comparison;

before(() => {
  const random = new Random(6, "plants");
  const lines = Array.from({ length: 300 }, () => {
    const [a, b] = [random.normal(), random.normal()];
    return `${a.toFixed(2)},${b.toFixed(2)},${a + b + random.normal(0, 0.3) > 0 ? "tall" : "small"}`;
  });
  writeFileSync(join(folder, "plants.csv"), `a,b,kind\n${lines.join("\n")}\n`);
  writeFileSync(join(folder, "one.csv"), `a,b,kind\n${lines.map((line) => line.replace("small", "tall")).join("\n")}\n`);
});

test("models are judged on the same rows, with intervals, costs and a verdict; what is done is not done again", async () => {
  const models = ["logistic-regression", "naive-bayes", "gradient-boosting"];
  const first = await compared(...models);
  assert.equal(first.examples.test, 30);
  assert.deepEqual(first.models.map(({ name }) => name).sort(), [...models].sort());
  for (const { low, value, high, sizeBytes, one, memoryMiB, calibrationError = Number.NaN, run, curve } of first.models) {
    assert.ok(low <= value && value <= high, `${low} ≤ ${value} ≤ ${high}`);
    assert.equal(sizeBytes, statSync(join(folder, run, "model.onnx")).size);
    assert.ok(one.p50 > 0 && one.p50 <= one.p95 && memoryMiB > 0 && calibrationError >= 0 && curve.length === 0);
  }
  assert.equal(first.differences.length, 2);
  assert.ok(models.includes(first.recommended ?? ""));
  const page = readFileSync(join(folder, "plants", "report.html"), "utf8");
  for (const words of ["Findings", "结论", "gradient-boosting"]) assert.ok(page.includes(words), words);

  const made = statSync(join(folder, "plants", "runs", "naive-bayes", "summary.json")).mtimeMs;
  const { recommended, budget } = await compared(...models, "--budget", "size 1B");
  assert.equal(statSync(join(folder, "plants", "runs", "naive-bayes", "summary.json")).mtimeMs, made);
  assert.deepEqual([recommended, budget], [undefined, { sizeBytes: 1 }]);
});

test("a network whose training was interrupted goes on from its last checkpoint", async () => {
  const models = ["logistic-regression", "mlp", "--out", "interrupted"];
  const whole = await compared(...models);
  const run = join(folder, "interrupted", "runs", "mlp");
  const metrics = (): string => readFileSync(join(run, "metrics.jsonl"), "utf8");
  const lines = metrics();
  // As a kill after the last checkpoint leaves it. Lines hold seconds: a training begun anew would have others.
  for (const name of ["summary.json", "model.onnx"]) rmSync(join(run, name));
  const again = await compared(...models);
  assert.equal(metrics(), lines);
  assert.deepEqual(
    again.models.map(({ name, value }) => [name, value]),
    whole.models.map(({ name, value }) => [name, value]),
  );
});

test("several seeds train on the split of the first, and differences count both test rows and seeds", async () => {
  const models = ["random-forest", "logistic-regression"];
  const out = ["--out", "seeded", "--seeds", "2"];
  const { seeds, models: found, differences } = await compared(...models, ...out);
  const forest = found.find(({ name }) => name === "random-forest");
  const [linear] = found.filter(({ name }) => name === "logistic-regression");
  assert.equal(seeds, 2);
  assert.equal(new Set(linear?.bySeed).size, 1);
  for (const [s, run] of ["random-forest", "random-forest-seed-2"].entries()) {
    const { stdout } = await succeeds(folder, ["eval", join("seeded", "runs", run), "--json"], THREADS);
    const { metrics, examples } = JSON.parse(stdout) as {
      readonly metrics: { readonly accuracy: number };
      readonly examples: number;
    };
    assert.equal(examples, 30);
    assert.ok(Math.abs(metrics.accuracy - (forest?.bySeed?.[s] ?? Number.NaN)) < 1e-9);
  }
  const [first = Number.NaN, second = Number.NaN] = forest?.bySeed ?? [];
  assert.ok(Math.abs((forest?.value ?? 0) - (first + second) / 2) < 1e-9);
  const [difference] = differences;
  assert.ok(difference?.mcNemar === undefined && (difference?.overSeeds ?? -1) >= 0 && (difference?.overSeeds ?? 2) <= 1);
  assert.match(readFileSync(join(folder, "seeded", "report.html"), "utf8"), /seeds 1 to 2/);

  // Other columns are another training.
  const without = await compared(...models, ...out, "--ignore-column", "a");
  assert.ok(without.models.every(({ value }) => value < 0.9));
});

test("a run of another split is measured again, and that is said", async () => {
  const out = ["--out", "elsewhere", "--seed", "7"];
  await succeeds(
    folder,
    ["train", "tabular-classification", "--model", "naive-bayes", "--data", "plants.csv", "--label-column", "kind", ...out],
    THREADS,
  );
  const { models } = await compared("logistic-regression", "elsewhere");
  const other = models.find(({ name }) => name === "elsewhere");
  assert.match(other?.remarks[0] ?? "", /trained on another split .*seed 7.*measured again/);
});

test("what cannot be compared is refused in one line", async () => {
  const to = ["--label-column", "kind", "--out", "no"];
  await isRefused(folder, ["compare", "--data", "plants.csv", "naive-bayes", ...to], /expected at least two models, got 1/);
  await isRefused(folder, ["compare", "--data", "plants.csv", "naive-bayes", "resnet", ...to], /model "resnet"/);
  await isRefused(folder, ["compare", "--data", "one.csv", ...to], /"kind": expected at least two classes/);
  await isRefused(folder, ["compare", "--data", "plants.csv", "--budget", "cheap", ...to], /--budget: expected a list such as/);
  writeFileSync(join(folder, "renamed.csv"), readFileSync(join(folder, "plants.csv"), "utf8").replaceAll("small", "short"));
  const renamed = ["compare", "--data", "renamed.csv", "naive-bayes", "elsewhere", "--no-curve", ...to];
  await isRefused(folder, renamed, /compare: elsewhere: column "kind".*expected one of small, tall, got "short"/);
  await isRefused(folder, ["compare"], /expected --data/);
  assert.ok(!existsSync(join(folder, "no", "compare.json")));
});

test("a budget is read in its units", () => {
  assert.deepEqual(parseBudget("latency 250us, size 2MB,training 3min, memory 1GiB"), {
    latencyMs: 0.25,
    sizeBytes: 2e6,
    trainSeconds: 180,
    memoryMiB: 1024,
  });
});
