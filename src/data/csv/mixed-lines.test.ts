import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readTable } from "../readers/table-node.js";
import type { TableOptions } from "../readers/table-file-node.js";
import { parseTable } from "./parse-table.js";
import { inspectData } from "../inspect/inspect-node.js";

const folder = mkdtempSync(join(tmpdir(), "descent-mixed-"));
after(() => rmSync(folder, { recursive: true }));

/** A text in GB 18030, which Node does not write: its bytes from Python's codec. */
const GB = Buffer.from("b7fecef1ccacb6c8b7c7b3a3b2eea3acd4d9d2b2b2bbc0b4c1cb", "hex");
const GB_TEXT = "服务态度非常差，再也不来了";
const line = (i: number, text: Uint8Array | string, label: string): Buffer =>
  Buffer.concat([Buffer.from(`${i},`), Buffer.from(text), Buffer.from(`,${label}\n`)]);
const HEAD = Buffer.from("id,text,label\n");
const lines = (count: number, one: (i: number) => Buffer): Buffer[] => Array.from({ length: count }, (_, i) => one(i));
const CHINESE = lines(20, (i) => line(i, `这家酒店很干净${i}`, "good"));
const OLD_CHINESE = lines(10, (i) => line(20 + i, GB, "bad"));
const GERMAN = lines(20, (i) => line(i, `Größe und Qualität passen${i}`, "good"));
const OLD_GERMAN = lines(10, (i) => line(20 + i, Buffer.from(`schöne Straße übermüdet${i}`, "latin1"), "bad"));

const whole = (...parts: readonly Buffer[][]): Buffer => Buffer.concat([HEAD, ...parts.flat()]);

/** The texts of a file and what was said of it, by the reader of files and by the one for pages, which agree. */
async function textsOf(
  bytes: Buffer,
  options: Pick<TableOptions, "encoding"> = {},
): Promise<{ texts: unknown[]; notes: readonly string[] }> {
  const path = join(folder, "a.csv");
  writeFileSync(path, bytes);
  const read = await readTable(path, options);
  const { data } = await parseTable(new Blob([new Uint8Array(bytes)]), options);
  const texts = [...read.data.rows()].map(({ text }) => text);
  assert.deepEqual(
    [...data.rows()].map(({ text }) => text),
    texts,
  );
  return { texts, notes: read.notes };
}

describe("a table whose lines are of two encodings", () => {
  test("UTF-8 and GB 18030, whichever has more lines", async () => {
    for (const parts of [
      [CHINESE, OLD_CHINESE],
      [OLD_CHINESE, CHINESE.slice(0, 3)],
    ]) {
      const { texts, notes } = await textsOf(whole(...parts));
      assert.equal(texts.filter((text) => text === GB_TEXT).length, 10);
      assert.ok(texts.includes("这家酒店很干净0"));
      assert.match(notes.join(), /lines are UTF-8, and 10 lines are not \(\d+, .*…\) and read as GB18030/);
    }
  });

  test("UTF-8 and Windows-1252, with the numbers of lines", async () => {
    const { texts, notes } = await textsOf(whole(GERMAN.slice(0, 5), OLD_GERMAN, GERMAN.slice(5)));
    assert.equal(texts[4], "Größe und Qualität passen4");
    assert.equal(texts[5], "schöne Straße übermüdet0");
    assert.match(
      notes.join(),
      /a\.csv: beyond ASCII, 20 lines are UTF-8, and 10 lines are not \(7, 8, 9, 10, 11, …\) and read as Windows-1252/,
    );
  });

  test("seen where the first part of a large file is UTF-8 alone", async () => {
    const bytes = whole(
      lines(20_000, (i) => line(i, `Größe und Qualität passen${i}`, "good")),
      OLD_GERMAN,
    );
    const { texts } = await textsOf(bytes);
    assert.equal(texts.at(-1), "schöne Straße übermüdet9");
    const path = join(folder, "large.csv");
    writeFileSync(path, bytes);
    const profile = await inspectData(path);
    assert.ok(profile.kind === "table");
    assert.match(profile.notes.join(), /20000 lines are UTF-8, and 10 lines are not \(20002, /);
    assert.equal(profile.rows, 20_010);
  });

  test("the user names another encoding, or none but UTF-8", async () => {
    const bytes = whole(GERMAN, OLD_GERMAN);
    const { texts, notes } = await textsOf(bytes, { encoding: "utf-8,windows-1251" });
    assert.equal(texts[20], "schцne StraЯe ьbermьdet0");
    assert.deepEqual(
      notes.filter((note) => /encoding/.test(note)),
      [],
    );
    await assert.rejects(textsOf(bytes, { encoding: "utf-8" }), /row 21 \(line 22\): expected UTF-8, got other bytes/);
    const left = await readTable(join(folder, "a.csv"), { encoding: "utf-8", skipBadRows: true });
    assert.deepEqual([left.data.length, left.badRows], [20, 10]);
    await assert.rejects(textsOf(bytes, { encoding: "gbk,utf-8" }), /--encoding: expected one encoding, or utf-8 and that of/);
  });

  test("one encoding stays one, and a torn character is no encoding", async () => {
    const old = await textsOf(whole(OLD_CHINESE, [line(30, Buffer.from("c2a5", "hex"), "bad")]));
    assert.equal(old.texts.at(-1), "楼");
    assert.match(old.notes.join(), /not UTF-8, read as GB18030/);
    const torn = lines(2, (i) => line(50 + i, Buffer.from("这家酒店").subarray(0, 11), "good"));
    writeFileSync(join(folder, "torn.csv"), whole(CHINESE, torn));
    await assert.rejects(readTable(join(folder, "torn.csv")), /row 21 \(line 22\): expected UTF-8/);
  });
});
