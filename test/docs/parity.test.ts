/**
 * The table of ONNX ops in the documentation is the one that the code gives.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { PARITY_FILE, parityDocument } from "../../scripts/parity.js";

test("docs/onnx-ops.md is current", () => {
  const committed = readFileSync(fileURLToPath(new URL(`../../../${PARITY_FILE}`, import.meta.url)), "utf8");
  assert.ok(committed === parityDocument(), `${PARITY_FILE} is not what the table of ops says: npm run docs:parity`);
});
