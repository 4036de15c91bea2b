import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError } from "../src/util/errors.js";
import { parseBenchArguments } from "./arguments.js";
import { CASES } from "./cases/index.js";
import type { BenchCase } from "./cases/types.js";
import { compare, disagreements, median, stepsPerTurn, turns } from "./harness.js";
import { keep, table } from "./report.js";
import { runCase, type CaseResult } from "./run-case.js";
import { readTensors, rowsOf, tensorOf, writeTensors } from "./tensor-file.js";

test("the median is the middle, whatever the order, and lets the input be", () => {
  const values = [9, 1, 5];
  assert.equal(median(values), 5);
  assert.deepEqual(values, [9, 1, 5]);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9, 100]), 10, "numbers, not texts, are sorted");
  assert.ok(Number.isNaN(median([])));
});

test("turns go A B C A B C", () => {
  assert.deepEqual(
    [...turns(["A", "B", "C"], 2)].map(({ round, contender }) => `${contender}${round}`),
    ["A0", "B0", "C0", "A1", "B1", "C1"],
  );
  assert.equal(stepsPerTurn(4, 400), 100);
  assert.equal(stepsPerTurn(900, 400), 1);
  assert.equal(stepsPerTurn(0, 400), 500);
});

test("who computes something else is named, and only he", () => {
  const losses = new Map([
    ["a", [2.3, 2.1]],
    ["b", [2.3004, 2.1004]],
    ["wrong", [2.3, 2.2]],
  ]);
  assert.deepEqual([...disagreements(losses, 1e-3).keys()], ["wrong"]);
  assert.deepEqual([...disagreements(losses, 0.2).keys()], []);
  const two = new Map([
    ["a", [1]],
    ["b", [2]],
  ]);
  assert.deepEqual([...disagreements(two, 1e-3).keys()], ["a", "b"], "of two that differ nobody knows which is right");
  assert.deepEqual([...disagreements(new Map([["alone", [1]]]), 1e-3).keys()], []);
  assert.deepEqual([...disagreements(new Map([["alone", [NaN]]]), 1e-3).keys()], ["alone"]);
  assert.deepEqual(
    [...disagreements(new Map([...two, ["b again", [2]], ["short", []]]), 1e-3).keys()],
    ["a", "b", "b again", "short"],
  );
});

test("the ratio is the peer's fastest variant over Descent's time", () => {
  const timings = [
    { name: "descent", msPerStep: [2, 2, 50] },
    { name: "pytorch", variant: "eager", msPerStep: [5, 5, 5] },
    { name: "pytorch", variant: "compile", msPerStep: [4, 3, 9] },
  ];
  assert.deepEqual(compare("x", timings), [{ case: "x", descentMs: 2, peer: "pytorch", peerMs: 4, ratio: 2 }]);
  assert.deepEqual(compare("x", timings.slice(1)), [{ case: "x", descentMs: null, peer: "pytorch", peerMs: 4, ratio: null }]);
});

test("the command line", () => {
  const parsed = parseBenchArguments(["mlp-step", "--peers", "pytorch, jax-js", "--rounds", "3", "--json"], CASES);
  assert.deepEqual(
    [parsed.cases.map(({ name }) => name), parsed.peers, parsed.rounds, parsed.json],
    [["mlp-step"], ["pytorch", "jax-js"], 3, true],
  );
  assert.equal(parsed.save, false, "a run without all peers is not kept");
  assert.equal(parseBenchArguments([], CASES).cases, CASES);
  assert.equal(parseBenchArguments([], CASES).save, true);
  const wrong: [string[], RegExp][] = [
    [["mlp-stpe"], /^bench: unknown case "mlp-stpe"; did you mean "mlp-step"\?$/],
    [["--peers", "pytorhc"], /^bench: --peers: unknown peer "pytorhc"; did you mean "pytorch"\?$/],
    [["--peers", "descent"], /unknown peer "descent"/],
    [["--rounds", "0"], /^bench: --rounds: expected a whole number of at least 1, got "0"$/],
    [["--threads", "two"], /^bench: --threads: .*got "two"$/],
    [["--slice-ms", "1.5"], /^bench: --slice-ms/],
    [["--fast"], /^bench: Unknown option '--fast'/],
  ];
  for (const [argv, message] of wrong) {
    assert.throws(
      () => parseBenchArguments(argv, CASES),
      (error) => error instanceof ConfigError && error.exitCode === 2 && message.test(error.message),
    );
  }
});

test("inputs survive the file, and are the same each time", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "descent-bench-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "inputs.safetensors");
  const tensors = [
    { name: "odd", shape: [3], values: new Int32Array([1, -2, 3]) },
    { name: "rows", shape: [2, 2], values: new Float32Array([1.5, 2.5, 3.5, 4.5]) },
  ];
  writeTensors(file, tensors);
  const back = readTensors(file);
  assert.deepEqual([...back.values()], tensors);
  assert.deepEqual(
    rowsOf(tensorOf(back, "rows")).map(({ shape, values }) => [shape, [...values]]),
    [
      [[2], [1.5, 2.5]],
      [[2], [3.5, 4.5]],
    ],
  );
  assert.throws(() => tensorOf(back, "even"), /no tensor even; the file has odd, rows/);
  assert.throws(() => writeTensors(file, [{ name: "x", shape: [2], values: new Float32Array(3) }]), /x: expected 2 values/);
  for (const benchCase of CASES) assert.deepEqual(benchCase.inputs(), benchCase.inputs(), benchCase.name);
});

/** A case whose contenders are the module below in its variants: no peer is needed to run the whole course. */
const course: BenchCase = {
  name: "course",
  title: "a step that takes no time",
  settings: { base: 1 },
  inputs: () => [{ name: "start", shape: [1], values: new Float32Array([3]) }],
  agreement: { steps: 4, tolerance: 1e-3 },
  contenders: ["descent", "slow", "wrong", "missing", "crashes", "dies"].map((variant) => ({
    name: variant,
    ...(variant === "descent" ? {} : { variant }),
    program: { module: "harness-test-contender.js" },
  })),
};

test("a whole run: processes are set up, compared, timed in turns, and what went wrong is said", async () => {
  const lines: string[] = [];
  const result = await runCase(course, { threads: 1, rounds: 3, sliceMs: 20, log: (line) => lines.push(line) });
  const status = Object.fromEntries(result.contenders.map((c) => [c.name, [c.status, c.reason]]));
  assert.deepEqual(
    Object.keys(status).filter((name) => status[name]?.[0] === "timed"),
    ["descent", "slow"],
  );
  assert.deepEqual(status["missing"], ["skipped", "no such package; run: npm ci --prefix bench"]);
  assert.equal(status["wrong"]?.[0], "refused");
  assert.match(String(status["wrong"]?.[1]), /losses differ .* by up to 0\.500/);
  assert.match(String(status["crashes"]?.[1]), /crashes \(crashes\): broken on purpose/);
  assert.match(String(status["dies"]?.[1]), /its process ended \(exit 7\): last words/);
  assert.ok(lines.some((line) => line === "course: missing (missing) SKIPPED: no such package; run: npm ci --prefix bench"));
  assert.equal(result.comparisons.length, 1);
  assert.ok((result.comparisons[0]?.ratio as number) > 1, "the slow one is slower");
  assert.deepEqual(result.contenders[0]?.losses, [4, 5, 6, 7], "settings and inputs arrive, and losses follow the steps");
  const steps = result.contenders.find(({ name }) => name === "slow")?.steps as number;
  assert.ok(steps >= 3 && steps <= 12, `3 turns of 1 to 4 steps of 5 ms, the first of each not counted, got ${steps}`);
});

test("a peer without interpreter is skipped with what to do", async () => {
  const python = process.env["DESCENT_BENCH_PYTHON"];
  delete process.env["DESCENT_BENCH_PYTHON"];
  try {
    const contenders = [{ name: "pytorch", program: { python: "peers/torch_mlp.py" } }];
    const result = await runCase({ ...course, contenders }, { threads: 1, rounds: 1, sliceMs: 1, log: () => {} });
    assert.match(String(result.contenders[0]?.reason), /no Python is named; run: DESCENT_BENCH_PYTHON=/);
  } finally {
    if (python !== undefined) process.env["DESCENT_BENCH_PYTHON"] = python;
  }
});

test("a case about rates shows work per second and its share of the base's; other cases have neither", async () => {
  const options = { threads: 1, rounds: 1, sliceMs: 1, log: () => {} };
  const program = { module: "harness-test-contender.js" };
  const rate = { flops: 2e9, base: "slow" };
  const contenders = [
    { name: "slow", variant: "slow", program, rate },
    { name: "descent", variant: "quick", program, rate: { ...rate, flops: 1e9 } },
  ];
  const rated = await runCase({ ...course, contenders }, options);
  const [slow, quick] = rated.contenders;
  assert.equal(slow?.gflops, 2e9 / (slow?.medianMs as number) / 1e6);
  assert.equal(slow?.shareOfBase, 1);
  assert.equal(quick?.shareOfBase, (quick?.gflops as number) / slow.gflops);
  assert.match(table(rated), /GFLOP\/s +of the base's/);
  const plain = await runCase({ ...course, contenders: [{ name: "descent", program }] }, options);
  assert.ok(plain.contenders.every((c) => !("gflops" in c) && !("shareOfBase" in c)));
  assert.match(table(plain), /× Descent's time/);
});

test("results are kept as JSON and one table, the latest of each case", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "descent-bench-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const result = (medianMs: number): CaseResult => ({
    case: "x",
    title: "a step",
    threads: 2,
    rounds: 1,
    load: [0, 0],
    comparisons: [],
    contenders: [
      { name: "descent", status: "timed", version: "1", notes: "n", steps: 3, medianMs, minMs: medianMs, maxMs: medianMs },
      { name: "slow", variant: "v", status: "timed", version: "2", notes: "m", steps: 3, medianMs: 30, minMs: 1, maxMs: 99 },
      { name: "gone", status: "skipped", reason: "not installed" },
    ],
  });
  keep(folder, [result(20)], new Date("2026-01-02T03:04:05Z"));
  keep(folder, [result(10)], new Date("2026-01-03T00:00:00Z"));
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  assert.equal(readme.match(/^## x$/gm)?.length, 1);
  assert.match(readme, /\| slow \(v\) \| 2 \| 30\.0 \| 1\.00 \| 99\.0 \| 3 \| 3\.00 \|/);
  assert.match(readme, /- gone: skipped, not installed/);
  const kept = JSON.parse(readFileSync(join(folder, "2026-01-02-x.json"), "utf8")) as { date: string; machine: { node: string } };
  assert.deepEqual([kept.date, kept.machine.node], ["2026-01-02", process.version]);
  assert.match(table(result(10)), /^descent +1 +10\.0 +10\.0 +10\.0 +3 +1\.00$/m);
});
