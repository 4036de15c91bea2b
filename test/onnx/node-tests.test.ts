/**
 * ONNX's own node tests, of every op the smallest ones (Apache-2.0: test/onnx/node-tests/LICENSE), through Descent: values, and gradients against
 * difference quotients of the engine. All of them: `npm run onnx-tests`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { readNodeTests, subjectOf } from "../../scripts/onnx-tests/cases.js";
import { type Recorded, RESULT_FILE } from "../../scripts/onnx-tests/report.js";
import { runTest } from "../../scripts/onnx-tests/run.js";
import { SUBSET_FILE } from "../../scripts/onnx-tests/subset.js";

const root = join(import.meta.dirname, "../../..");
const { tests } = readNodeTests(join(root, SUBSET_FILE));
const recorded = JSON.parse(readFileSync(join(root, RESULT_FILE), "utf8")) as Recorded;
const untraced = new Set(recorded.untraced);
const byName = new Map(tests.map((each) => [each.name, each]));
const byOp = new Map<string, (typeof tests)[number][]>();
for (const each of tests) {
  const op = subjectOf(each, byName);
  byOp.set(op, [...(byOp.get(op) ?? []), each]);
}

suite("ONNX's own tests", () => {
  for (const [op, cases] of byOp) {
    test(op, async () => {
      for (const each of cases) {
        const result = await runTest(each);
        const faults = [result.asIs, result.constants, result.gradient].filter((said) => /^(wrong|failed)/.test(said));
        assert.deepEqual(faults, [], each.name);
        const isTraced = result.asIs === "pass" || result.constants === "pass";
        assert.ok(
          isTraced || untraced.has(each.name),
          `${each.name}: ${result.constants}; it was read when the tests were recorded`,
        );
      }
    });
  }
});
