/**
 * @module ONNX's own node tests through Descent, beside the engine: `npm run onnx-tests -- [--python PYTHON] [--only REGEX] [--record] [--subset]`. A Python with the
 * `onnx` package writes the tests into a temporary folder; what comes of each goes to standard output, and with --record to benchmarks/onnx-tests.json,
 * which docs/onnx-ops.md is made from; --subset writes the part that `npm test` runs. Exit status 1 where a value or a gradient is wrong.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readNodeTests } from "./cases.js";
import { record, summary } from "./report.js";
import { writeSubset } from "./subset.js";
import { runTest, type TestResult } from "./run.js";

const { values: options } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    /** Tests that were written before, in place of new ones. */
    file: { type: "string" },
    only: { type: "string", default: "" },
    record: { type: "boolean", default: false },
    /** Writes the part of the tests that is kept in the repository. */
    subset: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

function generated(folder: string): string {
  const path = join(folder, "node-tests.jsonl.gz");
  const script = join(import.meta.dirname, "../../../scripts/onnx-tests/generate.py");
  const { status, stderr } = spawnSync(options.python, [script, path], { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) {
    const last = (stderr ?? "").trim().split("\n").at(-1) ?? "";
    console.error(
      `onnx-tests: expected a Python with the package onnx as --python, got "${options.python}": ${last || "it does not start"}`,
    );
    process.exit(2);
  }
  return path;
}

const folder = mkdtempSync(join(tmpdir(), "onnx-tests-"));
const { source, tests } = readNodeTests(options.file ?? generated(folder));
rmSync(folder, { recursive: true });
const wanted = new RegExp(options.only);
const results: TestResult[] = [];
for (const test of tests) {
  if (!wanted.test(test.name)) continue;
  const result = await runTest(test);
  results.push(result);
  if (options.verbose) console.log(JSON.stringify(result));
}
const chosen = tests.filter(({ name }) => wanted.test(name));
console.log(summary(chosen, results, source));
if (options.record) record(chosen, results, source);
if (options.subset) console.log(writeSubset(tests, results, source));
const isWrong = (outcome: string): boolean => outcome.startsWith("wrong");
const wrong = results.filter((r) => r.engine === "pass" && [r.asIs, r.constants, r.gradient].some(isWrong));
process.exit(wrong.length > 0 ? 1 : 0);
