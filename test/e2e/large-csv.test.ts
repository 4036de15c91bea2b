/** 200 MB of CSV, imported and inspected within bounds of memory; `npm run inspect-speed` times 5 GB. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { sha256 } from "../../src/data/files-node.js";
import { inspectData } from "../../src/data/inspect/inspect-node.js";
import type { DataCard } from "../../src/data/card.js";

const MEGABYTES = 200;
/** The least that DuckDB takes for such a table with two threads, and far less than the file. */
const LIMIT_MIB = 128;

const folder = mkdtempSync(join(tmpdir(), "large-csv-"));
const path = join(folder, "table.csv");
after(() => rmSync(folder, { recursive: true }));

/** The same thousand rows again and again: what is in them is known, and how often. */
const block = Array.from(
  { length: 1000 },
  (_, i) =>
    `${i},${i % 10 === 9 ? "" : (i / 8).toFixed(3)},2025-03-${String((i % 28) + 1).padStart(2, "0")},${["Oslo", "北京"][i % 2]},"row ${i} of these, with a comma and ""quotes"""\n`,
).join("");
let blocks = 0;

before(() => {
  const file = openSync(path, "w");
  const piece = block.repeat(100);
  for (let written = writeSync(file, "id,amount,day,city,text\n"); written < MEGABYTES * 1e6; blocks += 100)
    written += writeSync(file, piece);
  closeSync(file);
});

async function work(kind: string): Promise<{ memoryMiB: number; rows: number }> {
  const script = new URL("../../scripts/inspect-speed.js", import.meta.url).pathname;
  const args = [script, "--work", kind, "--file", path, "--memory", String(LIMIT_MIB)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as { memoryMiB: number; rows: number };
}

test("200 MB of CSV are imported and inspected as they are, in a fraction of their size and a gigabyte more than SUMMARIZE at most", async () => {
  const rows = blocks * 1000;
  const summarized = await work("summarize");
  const ours = await work("import-and-inspect");
  assert.deepEqual([summarized.rows, ours.rows], [rows, rows]);
  assert.ok(ours.memoryMiB <= summarized.memoryMiB + 1024, `${ours.memoryMiB} MiB, SUMMARIZE ${summarized.memoryMiB} MiB`);
  const profile = await inspectData(`${path}.imported`);
  assert.equal(profile.kind, "table");
  const of = (name: string) => profile.kind === "table" && profile.columns.find((column) => column.name === name);
  const [amount, city, text, day] = [of("amount"), of("city"), of("text"), of("day")];
  assert.ok(amount && city && text && day);
  assert.deepEqual([amount.type, amount.missing, amount.count], ["number", rows / 10, (rows / 10) * 9]);
  assert.equal(amount.number?.maximum, 124.75);
  // The mean of i / 8 over the i that do not end on 9.
  assert.ok(Math.abs((amount.number?.mean ?? 0) - 62.375) < 0.01, String(amount.number?.mean));
  assert.deepEqual(city.top, [
    { value: "Oslo", count: rows / 2 },
    { value: "北京", count: rows / 2 },
  ]);
  assert.deepEqual(day.dates, { first: "2025-03-01 00:00:00", last: "2025-03-28 00:00:00" });
  assert.equal(text.examples?.[0]?.endsWith('of these, with a comma and "quotes"'), true);
  const card = JSON.parse(readFileSync(`${path}.imported/card.json`, "utf8")) as DataCard;
  const sum = sha256(readFileSync(path));
  assert.deepEqual(card.steps[0]?.inputs, [{ name: "table.csv", bytes: statSync(path).size, sha256: sum }]);
  assert.equal(sha256(readFileSync(`${path}.imported/table.csv`)), sum);
});
