import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { loadData } from "../load-node.js";
import { DEEPEST } from "./json-depth-node.js";
import { readTable } from "./table-node.js";

const folder = mkdtempSync(join(tmpdir(), "descent-depth-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const lists = (depth: number): string => `{"a":${"[".repeat(depth)}${"]".repeat(depth)},"label":"x"}\n`;
const objects = (depth: number): string => `{"text":"good","label":"x","more":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}\n`;
const plain = '{"text":"bad","label":"y"}\n';

for (const [name, content] of [
  ["lists.jsonl", plain + lists(100_000) + plain],
  ["objects.jsonl", plain + objects(100_000)],
  ["objects.jsonl.gz", gzipSync(plain + objects(100_000))],
  ["open.jsonl", `${plain}{"a":${"[".repeat(100_000)}`],
  ["a little.jsonl", plain + lists(DEEPEST)],
] as const)
  test(`JSON lines that nest too deep are refused in one line: ${name}`, async () => {
    const path = file(name, content);
    for (const read of [readTable, loadData])
      await assert.rejects(
        read(path),
        (error: Error) => error.name === "DataError" && /row 2: expected JSON that nests at most 200 deep/.test(error.message),
      );
  });

test("brackets in texts, long rows and deep ones within the bound are read", async () => {
  const brackets = JSON.stringify({ text: `${"[{".repeat(5000)}\\"${"[".repeat(5000)}`, label: "x" });
  for (const [name, content] of [
    ["texts.jsonl", `${brackets}\n`.repeat(400)],
    ["within.jsonl", plain + objects(DEEPEST / 2)],
  ] as const)
    assert.equal((await readTable(file(name, content))).data.length, content.trimEnd().split("\n").length);
});

test("rows that nest too deep are left out and counted where bad rows are to be skipped; the others keep their values", async () => {
  const row = (i: number): string => `{"a":${i},"label":"ü${i}"}\n`;
  const content = row(1) + lists(100_000) + row(2) + objects(DEEPEST + 1) + row(3);
  for (const [name, bytes] of [
    ["skipped.jsonl", content],
    ["skipped.jsonl.gz", gzipSync(content)],
    ["without an end.jsonl", content.trimEnd()],
  ] as const) {
    const { data, badRows } = await readTable(file(name, bytes), { skipBadRows: true });
    assert.deepEqual([data.texts("label"), badRows], [["ü1", "ü2", "ü3"], 2], name);
  }
});
