/**
 * @module Hostile machines and files, and what they do to a command: terminals that fail, folders that vanish or cannot be made,
 * few open files, interrupts anywhere; queries in a run's own files, and names that steer a terminal.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { isRefused, lastStep, MAIN, reaches, run, scratchFolder, start, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const LINEAR = "train image-classification --data digits --model linear --device cpu --no-check".split(" ");
const TABLE = "train tabular-classification --device cpu --no-check --quiet --epochs 2".split(" ");
const isLinux = process.platform === "linux";

/** Runs a command in a shell, which can redirect and limit it. */
const shell = (line: string): { status: number | null; stderr: string; stdout: string } =>
  spawnSync("sh", ["-c", line.replaceAll("DESCENT", `'${process.execPath}' '${MAIN}'`)], { cwd: folder, encoding: "utf8" });

before(() => {
  const rows = Array.from({ length: 80 }, (_, i) => `${i % 7},${(i * 3) % 11},${i % 7 > 3 ? "yes" : "no"}`);
  writeFileSync(path("data.csv"), `a,b,y\n${rows.join("\n")}\n`);
});

test("a training goes on where nobody reads standard error, or a full disk does not take it", { skip: !isLinux }, () => {
  const line = `DESCENT ${LINEAR.join(" ")} --epochs 2`;
  assert.equal(shell(`${line} --out full 2>/dev/full >/dev/null`).status, 0);
  assert.equal(shell(`(${line} --out head 2>&1; echo $? > head.status) | head -1`).status, 0);
  assert.equal(readFileSync(path("head.status"), "utf8"), "0\n");
  for (const name of ["full", "head"]) assert.ok(existsSync(path(name, "report.html")), name);
  const stdout = shell(`${line} --out stdout --quiet >/dev/full`);
  assert.equal(stdout.status, 1);
  assert.match(stdout.stderr, /^descent: standard output: ENOSPC[^\n]*\n$/);
});

test("a place where no folder can be made is refused in one line", { skip: !isLinux }, async () => {
  for (const out of ["/proc/nope", "/proc/nope/a/b", path("data.csv")])
    await isRefused(folder, [...LINEAR, "--epochs", "1", "--quiet", "--out", out], /^descent: .*expected a/);
  const rows = path("rows.csv");
  writeFileSync(
    rows,
    `text,label\n${Array.from({ length: 40 }, (_, i) => `film ${i},${i % 2 === 0 ? "good" : "bad"}\n`).join("")}`,
  );
  const others = [
    ["data", "import", rows, "--out"],
    ["data", "split", rows, "--out"],
    ["data", "clean", rows, "--out"],
    ["compare", "--data", rows, "--task", "text-classification", "--out"],
    ["label", rows, "--labels", "good,bad", "--store"],
  ];
  for (const words of others)
    await isRefused(
      folder,
      [...words, "/proc/nope/a"],
      /^descent: \/proc\/nope[^\n]*: expected a folder to write to, got a place/,
    );
});

test("too few open files are said in one line", { skip: !isLinux }, () => {
  for (const most of [48, 24]) {
    const { status, stderr } = shell(`ulimit -n ${most}; DESCENT ${LINEAR.join(" ")} --epochs 1 --quiet --out few`);
    assert.equal(status, 1);
    assert.match(stderr, /^descent: [^\n]*too many open files; raise the limit \(ulimit -n\)[^\n]*\n$/, `${most}`);
  }
});

test("a folder that a killed process left is taken with --overwrite, and not without; other folders are not", async () => {
  mkdirSync(path("left", "checkpoints"), { recursive: true });
  await isRefused(folder, [...LINEAR, "--epochs", "1", "--out", "left"], /expected a new or empty folder/);
  await succeeds(folder, [...LINEAR, "--epochs", "1", "--out", "left", "--overwrite", "--quiet"]);
  mkdirSync(path("own", "checkpoints", "mine"), { recursive: true });
  await isRefused(folder, [...LINEAR, "--epochs", "1", "--out", "own", "--overwrite"], /expected a new or empty folder/);
});

test("a run that somebody removes ends its training in one line, and is not made anew", { skip: !isLinux }, async () => {
  const training = start(folder, [...LINEAR, "--epochs", "3000", "--quiet", "--out", "removed"]);
  await reaches(path("removed"), 1, training);
  // A folder that is written to while it is emptied is not empty again: it is moved away first.
  renameSync(path("removed"), path("moved"));
  rmSync(path("moved"), { recursive: true });
  const { status, stderr } = await training.ended;
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^descent: [^\n]*somebody removed it[^\n]*\n$/);
  assert.ok(!existsSync(path("removed")));
});

const ENDLESS = "SELECT count(*) AS n FROM range(10000000000) a, range(1000000) b WHERE a.range % 7 = b.range % 11";

test(
  "SIGTERM and Ctrl-C end a running query, and a training with a checkpoint",
  { skip: process.platform === "win32" },
  async () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const query = start(folder, [...TABLE, "--data", ENDLESS, "--out", "query"]);
      // Long enough for the query to run; an interrupt before that ends it too.
      await new Promise((resolve) => setTimeout(resolve, 3000));
      query.kill(signal);
      const { status, stderr } = await query.ended;
      assert.equal(status, 130, stderr);
      assert.match(stderr, /descent: interrupted\n$/);
    }
    const training = start(folder, [...LINEAR, "--epochs", "3000", "--out", "stopped"]);
    await reaches(path("stopped"), 1, training);
    training.kill("SIGTERM");
    assert.equal((await training.ended).status, 130);
    assert.ok(lastStep(path("stopped")) > 0);
  },
);

test("a query in a run's own file, or in a recipe, writes nothing and runs only where it is repeated", async () => {
  await succeeds(folder, [...TABLE, "--data", "data.csv", "--out", "victim"]);
  const file = path("victim", "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as { options: { data: string } };
  const written = path("WRITTEN");
  const attack = `SELECT * FROM 'data.csv'); COPY (SELECT 1) TO '${written}' (HEADER false); SELECT * FROM (FROM 'data.csv'`;
  writeFileSync(file, JSON.stringify({ ...config, options: { ...config.options, data: attack } }));
  for (const line of [
    ["eval", "victim"],
    ["train", "--resume", "victim"],
    ["train", "tabular-classification", "--config", "victim/config.json", "--out", "other"],
  ])
    await isRefused(folder, line, /expected its query to be repeated by you/);
  for (const line of [
    ["eval", "victim", "--data", attack],
    ["train", "--resume", "victim", "--data", attack],
    [...TABLE, "--data", attack, "--out", "other"],
  ])
    await isRefused(folder, line, /query: expected SQL that DuckDB can run/);
  // What it answers needs no data.
  await succeeds(folder, ["predict", "victim", "a=1", "b=2"]);
  assert.ok(!existsSync(written));
});

test("a run on a query is measured and goes on where the query is repeated", async () => {
  const query = "SELECT * FROM 'data.csv'";
  await succeeds(folder, [...TABLE, "--data", query, "--out", "asked"]);
  await isRefused(folder, ["eval", "asked"], /expected its query to be repeated by you.*--data 'SELECT \* FROM/);
  await succeeds(folder, ["eval", "asked", "--data", query]);
  await isRefused(folder, ["train", "--resume", "asked"], /expected its query to be repeated by you/);
  await succeeds(folder, ["train", "--resume", "asked", "--data", query, "--quiet"]);
  await isRefused(folder, ["train", "--resume", "asked", "--data", "data.csv"], /expected the run's own data/);
});

test("names of files and classes do not steer the terminal", { skip: process.platform === "win32" }, async () => {
  const nasty = "a\u001B]0;title\u0007\u001B[2J\nb";
  mkdirSync(path("nasty"));
  writeFileSync(path("nasty", `${nasty}.csv`), "a,b\n");
  writeFileSync(
    path("classes.jsonl"),
    Array.from({ length: 40 }, (_, i) => `${JSON.stringify({ x: i % 4, y: i % 4 < 2 ? nasty : "plain" })}\n`).join(""),
  );
  const outputs = [
    await run(folder, [...TABLE, "--data", `nasty/${nasty}.csv`, "--out", "none"]),
    await run(folder, [
      "train",
      "tabular-classification",
      "--data",
      "classes.jsonl",
      "--epochs",
      "2",
      "--no-check",
      "--out",
      "steered",
    ]),
    await run(folder, ["predict", "steered", "x=1"]),
    await run(folder, ["predict", "steered", "x=1", "--json"]),
    await run(folder, ["eval", "steered"]),
    await run(folder, [`wr${nasty}ong`]),
    await run(folder, ["train", nasty]),
    await run(folder, ["eval", nasty]),
  ];
  for (const [i, { stdout, stderr }] of outputs.entries())
    assert.ok(
      !["\u001B", "\u0007"].some((c) => (stdout + stderr).includes(c)),
      `output ${i}: ${JSON.stringify(stdout + stderr)}`,
    );
  assert.match(outputs[2]?.stdout ?? "", /\\x1b\]0;title\\x07/);
});
