/** @module The documents of explanations have every method and measure that there is, with the sentences of its row. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EXPLANATIONS_FILE, withTables } from "../../scripts/explanation-methods.js";
import { MEASURE_NAMES, METHOD_NAMES } from "../../src/explain/index.js";
import { ROOT } from "./markdown.js";

test(`${EXPLANATIONS_FILE}: the tables are what the code gives`, () => {
  const committed = readFileSync(join(ROOT, EXPLANATIONS_FILE), "utf8");
  assert.ok(committed === withTables(committed), `${EXPLANATIONS_FILE} is not what the methods' rows say: npm run docs:methods`);
});

test("docs/zh/explanations.md has a row for each method and each measure, in their order", () => {
  const rows = readFileSync(join(ROOT, "docs/zh/explanations.md"), "utf8")
    .split("\n")
    .flatMap((line) => /^\| `([\w-]+)` \| \p{Script=Han}/u.exec(line)?.[1] ?? []);
  assert.deepEqual(rows, [...METHOD_NAMES, ...MEASURE_NAMES]);
});
