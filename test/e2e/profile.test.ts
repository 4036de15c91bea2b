/**
 * @module `descent train` with settings that are found, and with a profile.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scratchFolder } from "./command.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

test("train: a profile names each layer, the batch size and the learning rate are found and said once, a sample is measured", () => {
  const folder = scratchFolder();
  const rows = Array.from({ length: 900 }, (_, i) => `${i % 7},${(i * 31) % 11},${i % 7 > 3 ? "yes" : "no"}`);
  writeFileSync(join(folder, "rows.csv"), `a,b,label\n${rows.join("\n")}\n`);
  const args = [
    "train",
    "tabular-classification",
    "--data",
    "rows.csv",
    "--label-column",
    "label",
    "--device",
    "cpu",
    "--out",
    "run",
  ];
  const found = ["--steps", "20", "--batch-size", "auto", "--lr", "find", "--profile", "--no-check"];
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args, ...found], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stderr.match(/--batch-size auto: \d+, [\d.,]+ examples\/s; /g)?.length, 1, stderr);
  assert.equal(stderr.match(/--lr find: [\d.e-]+, where the loss fell fastest/g)?.length, 1, stderr);
  const read = (...path: readonly string[]): string => readFileSync(join(folder, "run", ...path), "utf8");
  const { options } = JSON.parse(read("config.json")) as {
    readonly options: { readonly batchSize: number; readonly lr: number };
  };
  assert.ok(Number.isInteger(options.batchSize) && options.batchSize >= 8);
  assert.ok(options.lr > 1e-6 && options.lr < 10);
  const profile = JSON.parse(read("profile", "profile.json")) as {
    readonly opsMs: number;
    readonly loadingMs: number;
    readonly ops: readonly { readonly path: string; readonly op: string; readonly milliseconds: number }[];
  };
  const paths = new Set(profile.ops.map(({ path }) => path));
  assert.ok(paths.has("(optimizer)"));
  assert.ok(
    [...paths].some((path) => /^\w+(\.\w+)*$/.test(path)),
    [...paths].join(", "),
  );
  assert.ok(profile.ops.every(({ milliseconds }) => milliseconds >= 0) && profile.opsMs > 0 && profile.loadingMs >= 0);
  const { traceEvents } = JSON.parse(read("profile", "trace.json")) as {
    readonly traceEvents: readonly { readonly ph: string }[];
  };
  assert.ok(traceEvents.length > 100 && traceEvents.every(({ ph }) => ph === "X"));
  const report = read("report.html");
  for (const part of [/Where the time goes/, /How the learning rate was found/, /predicted: /]) assert.match(report, part);
  assert.match(read("lr-range.svg"), /learning-rate range test/);
  const summary = JSON.parse(read("summary.json")) as {
    readonly peakMemoryMiB: number;
    readonly predicted: { readonly peakMemoryMiB: number };
  };
  // Four trainings were tried in this process before.
  assert.ok(summary.predicted.peakMemoryMiB > 50 && summary.predicted.peakMemoryMiB < 2 * summary.peakMemoryMiB);

  // Two steps of eight see 16 examples: of 720 a sample is measured at the end, and said so.
  const short = ["--overwrite", "--steps", "2", "--batch-size", "8", "--no-check"];
  const brief = spawnSync(process.execPath, [MAIN, ...args, ...short], { cwd: folder, encoding: "utf8" });
  assert.equal(brief.status, 0, brief.stderr);
  assert.equal((JSON.parse(read("summary.json")) as { readonly measuredTrainExamples?: number }).measuredTrainExamples, 500);
  assert.match(read("report.html"), /measured on a sample of 500 examples/);

  const wrong = spawnSync(process.execPath, [MAIN, ...args, "--batch-size", "0"], { cwd: folder, encoding: "utf8" });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--batch-size: expected a whole number at least 1, got 0/);
  const fitted = spawnSync(process.execPath, [MAIN, ...args, "--overwrite", "--model", "random-forest", "--profile"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(fitted.status, 2);
  assert.match(fitted.stderr, /--profile: expected a model that is trained in steps, got random-forest/);
});
