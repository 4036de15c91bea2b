/**
 * @module `descent plan`: what it shows, what it refuses, and a learning curve over runs.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "descent-plan-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const plan = (...args: readonly string[]) => spawnSync(process.execPath, [main, "plan", ...args], { encoding: "utf8" });
const SIZES = ["--layers", "12", "--width", "768", "--heads", "12", "--vocabulary", "50257", "--tokens", "3e9"];

/** A run folder with no more than a plan reads. */
function makeRun(name: string, examples: number, accuracy: number, more: Readonly<Record<string, number>> = {}): string {
  const path = join(folder, name);
  mkdirSync(path);
  const options = { batchSize: 10, epochs: 2, accumulate: 1 };
  writeFileSync(join(path, "config.json"), JSON.stringify({ descent: "0.1.0", task: "text-classification", options }));
  const summary = {
    task: "text-classification",
    model: "text-cnn",
    data: "reviews",
    seed: 1,
    device: "cpu",
    parameters: 1000,
    flopsPerStep: 1,
    steps: (examples * 2) / 10,
    stepMs: 1,
    trainSeconds: 1,
    peakMemoryMiB: 1,
    metrics: { test: { accuracy, loss: 1 - accuracy } },
    ...more,
  };
  writeFileSync(join(path, "summary.json"), JSON.stringify(summary));
  return path;
}

test("plan: figures with formulas and sources, in text and as JSON", () => {
  const shown = plan(...SIZES, "--on", "a100-sxm4-80gb");
  assert.equal(shown.status, 0, shown.stderr);
  for (const part of [/parameters +124 M/, /time +\d/, /energy/, /CO₂/, /money/, /arXiv:1910\.02054/, /Besiroglu et al\. 2024/])
    assert.match(shown.stdout, part);
  const { status, stdout, stderr } = plan(...SIZES, "--on", "a100-sxm4-80gb", "--json");
  assert.equal(status, 0, stderr);
  const found = JSON.parse(stdout) as { readonly devices: number; readonly figures: readonly { readonly source: string }[] };
  assert.equal(found.devices, 1);
  assert.ok(found.figures.every(({ source }) => source !== ""));
});

test("plan: bad input is refused in one line", () => {
  const broken = join(folder, "hardware.json");
  writeFileSync(broken, JSON.stringify([{ name: "mine", memoryBytes: 1e9 }]));
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /plan: expected a model or its sizes/],
    [[...SIZES, "--on", "a100-sxm4-80gb", "--devices", "1", "--days", "0.01"], /limits contradict each other/],
    [
      [...SIZES, "--on", "a100"],
      /--on: unknown hardware "a100"; did you mean "a100-sxm4-80gb"\? \(--hardware FILE adds entries\)/,
    ],
    [[...SIZES, "--hardware", broken, "--on", "mine"], /hardware\.json: mine: peakFlops/],
    [["--layers", "12", "--tokens", "1e9"], /expected --layers, --width, --heads and --vocabulary together, got no --width/],
    [["resnet-50", "--tokens", "1e9"], /--tokens: expected --examples of a model/],
    [["resnet-50", ...SIZES], /expected a model or sizes, got resnet-50/],
    [["resnet-50"], /expected --examples beside the model, got none/],
    [["--runs", join(folder, "none")], /none: expected a run folder/],
  ];
  for (const [args, message] of refused) {
    const { status, stderr } = plan(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    // What was decided (the type of the products) may be said before.
    assert.equal(stderr.split("\n").filter((line) => line.startsWith("descent: ")).length, 1, stderr);
  }
});

test("plan: a learning curve over runs predicts ten times the data, with an interval and a picture", () => {
  // 1 − accuracy = 0.05 + 2·n^(−0.4)
  const sizes = [500, 1000, 2000, 4000, 8000];
  const runs = sizes.map((n) => makeRun(`run-${n}`, n, 1 - (0.05 + 2 * n ** -0.4)));
  const picture = join(folder, "curve.svg");
  const { status, stdout, stderr } = plan(
    ...runs.flatMap((run) => ["--runs", run]),
    "--metric",
    "accuracy",
    "--draw",
    picture,
    "--json",
  );
  assert.equal(status, 0, stderr);
  const found = JSON.parse(stdout) as {
    readonly by: string;
    readonly curve: { readonly exponent: number };
    readonly predictions: readonly { readonly x: number; readonly y: number; readonly low: number; readonly high: number }[];
  };
  assert.equal(found.by, "examples");
  const [, far] = found.predictions;
  assert.equal(far?.x, 80_000);
  const truth = 0.05 + 2 * 80_000 ** -0.4;
  assert.ok(far !== undefined && Math.abs(far.y / truth - 1) < 0.01, `${far?.y}, expected ${truth}`);
  assert.ok(far.low <= far.y + 1e-9 && far.y <= far.high + 1e-9);
  assert.match(readFileSync(picture, "utf8"), /learning curve: accuracy by examples/);
  const few = plan(...runs.slice(0, 3).flatMap((run) => ["--runs", run]));
  assert.equal(few.status, 2);
  assert.match(few.stderr, /expected runs of at least 4 sizes/);
  const unknown = plan("--runs", runs[0] ?? "", "--metric", "f1");
  assert.match(unknown.stderr, /expected the metric f1, got accuracy, loss; choose one with --metric/);
});

test("plan: runs of models that are fitted at once, and what runs do not differ in", () => {
  const of = (runs: readonly string[], ...more: string[]) =>
    plan(...runs.flatMap((run) => ["--runs", run]), "--metric", "accuracy", ...more);
  const fitted = [500, 1000, 2000, 4000].map((n) =>
    makeRun(`fitted-${n}`, 0, 1 - (0.05 + 2 * n ** -0.4), { steps: 0, trainExamples: n, parameters: 1000 + n / 500 }),
  );
  const [first = "", second = ""] = fitted;
  const both = of(fitted);
  assert.equal(both.status, 2);
  assert.match(both.stderr, /got runs that differ in examples and parameters; say which with --by examples\n$/);
  const curve = of(fitted, "--by", "examples");
  assert.equal(curve.status, 0, curve.stderr);
  assert.match(curve.stdout, /accuracy at 40,000 examples, 10 times the largest run/);
  assert.match(of([first]).stderr, /got one run; train with other values of --train-fraction\n$/);
  assert.match(of([first, first]).stderr, /got runs that differ in none; train with other/);
  assert.match(
    of([first, second], "--by", "steps").stderr,
    /runs of different steps, got 0 in all of them; train with other values of --steps/,
  );
});
