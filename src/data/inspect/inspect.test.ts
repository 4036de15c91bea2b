import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DataError } from "../../util/errors.js";
import { languageOf } from "./languages.js";
import type { ColumnProfile, TableProfile } from "./profile.js";
import { inspectData } from "./inspect-node.js";
import { dataPage } from "../../report/data-page.js";
import { neutralized, restored } from "./csv-text.js";

let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "inspect-"))));
after(() => rm(folder, { recursive: true, force: true }));

async function profileOf(name: string, content: string | Uint8Array): Promise<TableProfile> {
  await writeFile(join(folder, name), content);
  const profile = await inspectData(join(folder, name));
  assert.equal(profile.kind, "table");
  return profile;
}
const column = ({ columns }: TableProfile, name: string): ColumnProfile => {
  const found = columns.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
};

/** 2,000 rows whose figures are known by how they are made. */
const rows = Array.from({ length: 2000 }, (_, i) => {
  const amount = i === 7 ? "NA" : i === 9 ? "much" : i === 11 ? "100000" : String((i % 100) + 0.5);
  const day = `2024-01-${String((i % 28) + 1).padStart(2, "0")}`;
  return `${i},${amount},${day},${i % 4 === 0 ? "spam" : "ham"},${i % 2},"Text, number ${i} of the set and it is in English"`;
});
const csv = `id,amount,day,label,flag,text\n${rows.join("\n")}\n`;

test("a table: types, missing values, distributions, classes, strange values", async () => {
  const profile = await profileOf("a.csv", csv);
  assert.equal(profile.rows, 2000);
  assert.equal(profile.label, "label");
  const amount = column(profile, "amount");
  assert.equal(amount.type, "number");
  assert.equal(amount.missing, 1);
  assert.deepEqual(amount.unreadable, { count: 1, examples: ["much"] });
  assert.equal(amount.number?.outliers, 1);
  assert.equal(amount.number?.maximum, 100000);
  assert.ok(Math.abs((amount.number?.quantiles[2] ?? 0) - 50) < 1.5, String(amount.number?.quantiles));
  const flag = column(profile, "flag");
  assert.deepEqual([flag.number?.histogram.counts[0], flag.number?.histogram.counts.at(-1)], [1000, 1000]);
  assert.equal(column(profile, "day").dates?.last.slice(0, 10), "2024-01-28");
  assert.deepEqual(column(profile, "label").top, [
    { value: "ham", count: 1500 },
    { value: "spam", count: 500 },
  ]);
  const text = column(profile, "text");
  assert.equal(text.type, "text");
  assert.equal(text.languages?.[0]?.language, "en");
  assert.equal(
    text.lengths?.histogram.counts.reduce((a, b) => a + b),
    2000,
  );
});

test("the same table in another encoding, as JSON lines, and as a query", async () => {
  const german = "wort;zahl\n" + Array.from({ length: 300 }, (_, i) => `Größe für Straße ${i};${i}`).join("\n");
  const bytes = Uint8Array.from(german, (c) => c.charCodeAt(0));
  const latin = await profileOf("latin.csv", bytes);
  assert.equal(column(latin, "zahl").number?.maximum, 299);
  assert.match(column(latin, "wort").examples?.[0] ?? "", /^Größe für Straße/);
  assert.match(latin.notes.join(), /Windows-1252|ISO/);
  const lines = Array.from({ length: 50 }, (_, i) => JSON.stringify({ n: i, tags: ["a", "b"], ok: i % 2 === 0 })).join("\n");
  const json = await profileOf("a.jsonl", lines);
  assert.deepEqual(
    json.columns.map(({ type }) => type),
    ["number", "nested", "boolean"],
  );
  const query = await inspectData(`SELECT label, count(*) AS n FROM '${join(folder, "a.csv")}' GROUP BY label`);
  assert.equal(query.kind === "table" && query.rows, 2);
});

test("a column whose first values are numbers and whose others are not is one of texts", async () => {
  const mixed = `x\n${"1\n".repeat(6000)}${Array.from({ length: 9000 }, (_, i) => `word ${i}\n`).join("")}`;
  assert.equal(column(await profileOf("mixed.csv", mixed), "x").type, "text");
});

test("what is no data is refused in one line, with the row", async () => {
  const refused = async (name: string, content: string, pattern: RegExp): Promise<void> => {
    await assert.rejects(profileOf(name, content), (error: unknown) => {
      assert.ok(error instanceof DataError, String(error));
      assert.match(error.message, pattern);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  };
  await refused("bad.csv", `a,b\n1,2\n3,4,5\n${"6,7\n".repeat(50)}`, /bad\.csv: row 2.*expected 2 columns, got 3/);
  await refused("empty.csv", "", /empty file/);
  await refused("bad.jsonl", '{"a":1}\n{"a":\n', /row 2/);
  const late = `${'{"a":1}\n'.repeat(21_000)}\n{"a":1,"b":2,"a":3}\n`;
  await refused("twice.jsonl", late, /twice\.jsonl: row 21002: expected each key of an object once, got "a" again/);
  await refused("twice.json", '[{"a":1,"a":3}]', /twice\.json: expected each key of an object once, got "a" again/);
  await refused(
    "capitals.jsonl",
    '{"Text":"a","text":"b"}\n',
    /by more than capitals, got "Text" and "text"; rename one of them/,
  );
  await assert.rejects(inspectData("SELECT 1; DROP TABLE x"), /one SELECT and nothing else/);
  await assert.rejects(
    inspectData("SELECT * FROM read_text('/etc/passwd') WHERE (SELECT count(*) FROM glob('/*')) > 0"),
    DataError,
  );
});

test("what comes late in JSON lines is seen: keys, values of another kind", async () => {
  const rows = '{"text":"a b","n":1}\n'.repeat(21_000);
  const profile = await profileOf("late.jsonl", `${rows}{"text":"c","n":"many","extra":"zoo"}\n`);
  assert.deepEqual(
    profile.columns.map(({ name }) => name),
    ["text", "n", "extra"],
  );
  assert.equal(column(profile, "extra").count, 1);
  assert.equal(column(profile, "extra").type, "text");
  assert.match(profile.notes.join("\n") + JSON.stringify(profile.columns), /many/);
  // Named like a column that the engine would have made, and no twin of another.
  const numbered = await profileOf("numbered.jsonl", '{"a":"x","a_1":"y"}\n');
  assert.equal(column(numbered, "a_1").count, 1);
});

test("different values of a table that is not large are counted, not estimated", async () => {
  const days = Array.from(
    { length: 20_000 },
    (_, i) => `2024-01-${String((i % 28) + 1).padStart(2, "0")},text number ${i} here,${i}`,
  );
  const profile = await profileOf("few.csv", `day,text,n\n${days.join("\n")}\n`);
  assert.deepEqual(
    ["day", "text", "n"].map((name) => column(profile, name).distinct),
    [28, 20_000, 20_000],
  );
});

test("names that the engine would confuse, or that nobody wrote, are said", async () => {
  const capitals = await profileOf("capitals.csv", "Text,text\na b,x\nc d,y\n");
  assert.deepEqual(
    capitals.columns.map(({ name }) => name),
    ["Text", "text_1"],
  );
  assert.match(capitals.notes.join(), /other columns differ from "text" \(text_1\) by capitals alone/);
  assert.match((await profileOf("same.csv", "a,a\n1,2\n")).notes.join(), /several columns are called "a"/);
  assert.match((await profileOf("bare.csv", "a b,1\nc d,2\ne f,3\n")).notes.join(), /the first row is no header/);
});

test("names and texts of strangers are never markup in the page", async () => {
  const evil = `<script>alert(1)</script>`;
  const page = dataPage(
    await profileOf("evil.csv", `"${evil}","label"\n${`"<img src=x onerror=alert(1)>","${evil}"\n`.repeat(30)}`),
  );
  assert.ok(!page.includes("<script") && !page.includes("<img src=x"));
  assert.match(page, /&lt;script&gt;/);
});

test("languages by script and by frequent words", () => {
  const cases: [string, string][] = [
    ["The film was not what I had hoped for, but it is good.", "en"],
    ["Der Film war nicht das, was ich mir erhofft hatte, aber er ist gut.", "de"],
    ["Le film n'est pas ce que j'espérais, mais il est très bon pour une première.", "fr"],
    ["房间很干净，服务也很好。", "zh"],
    ["部屋はとてもきれいで、サービスも良かったです。", "ja"],
    ["방이 아주 깨끗하고 서비스도 좋았어요.", "ko"],
    ["Комната была очень чистой, и всё это хорошо.", "ru"],
    ["12345 !!!", "und"],
  ];
  for (const [text, language] of cases) assert.equal(languageOf(text), language, text);
});

test("cells that a spreadsheet would run are neutralized, and come back; numbers stay", () => {
  for (const cell of ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx"]) {
    assert.ok(neutralized(cell).startsWith("'"), cell);
    assert.equal(restored(neutralized(cell)), cell);
  }
  for (const cell of ["-12.5", "+3", "a=1", "", "'quoted'"]) assert.equal(neutralized(cell), cell);
});
