/**
 * The short form of `npm run fuzz`: each reader with some hundred changed inputs of recorded seeds, in child processes. No crash, no hang
 * over 5 s, no memory over 1 GiB, no error but one line of the library's own.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite, test } from "node:test";
import { READERS } from "../../scripts/fuzz/readers.js";

const MAIN = join(import.meta.dirname, "../../scripts/fuzz/main.js");

suite("readers of strangers' files", () => {
  for (const { name, short } of READERS) {
    test(`${name}: ${short} inputs`, () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "--short", "--reader", name], { encoding: "utf8" });
      assert.equal(status, 0, `${stdout}${stderr}`);
    });
  }

  test("there are a million inputs in all, and 20,000 for each reader", () => {
    assert.ok(READERS.every(({ inputs }) => inputs >= 20_000));
    assert.ok(READERS.reduce((sum, { inputs }) => sum + inputs, 0) >= 1_000_000);
  });
});
