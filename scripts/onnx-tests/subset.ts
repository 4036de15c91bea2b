/**
 * @module The part of ONNX's node tests that is kept in the repository: of every op the smallest ones, under a megabyte together.
 */
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type NodeTest, subjectOf } from "./cases.js";
import type { TestResult } from "./run.js";

export const SUBSET_FILE = "test/onnx/node-tests/cases.jsonl.gz";

const LIMIT_BYTES = 900_000;
/** Number of tests of one op that are enough, where a hundred differ only in an element type. */
const MOST_OF_AN_OP = 24;

/** Chooses in rounds, one test of every op in each, from the smallest on, among those that the engine passes; writes them. */
export function writeSubset(tests: readonly NodeTest[], results: readonly TestResult[], source: string): string {
  const byName = new Map(tests.map((test) => [test.name, test]));
  const packed = (list: readonly NodeTest[]): Uint8Array => {
    const head = JSON.stringify({ source, licence: "Apache-2.0", cases: list.length });
    return gzipSync([head, ...list.map((test) => JSON.stringify(test)), ""].join("\n"), { level: 9 });
  };
  const byOp = new Map<string, { test: NodeTest; bytes: number }[]>();
  for (const { name, engine } of results) {
    const test = byName.get(name);
    if (engine !== "pass" || test === undefined) continue;
    const op = subjectOf(test, byName);
    byOp.set(op, [...(byOp.get(op) ?? []), { test, bytes: packed([test]).length }]);
  }
  for (const list of byOp.values()) list.sort((a, b) => a.bytes - b.bytes || (a.test.name < b.test.name ? -1 : 1));
  const chosen: NodeTest[] = [];
  let bytes = 0;
  for (let round = 0; round < MOST_OF_AN_OP; round++) {
    for (const list of byOp.values()) {
      const next = list[round];
      if (next === undefined || bytes + next.bytes > LIMIT_BYTES) continue;
      bytes += next.bytes;
      chosen.push(next.test);
    }
  }
  chosen.sort((a, b) => (a.name < b.name ? -1 : 1));
  const file = packed(chosen);
  writeFileSync(SUBSET_FILE, file);
  return `${SUBSET_FILE}: ${chosen.length} tests of ${byOp.size} ops, ${file.length} bytes`;
}
