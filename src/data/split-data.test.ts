import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { splitData } from "./split-data-node.js";
import { splitByTime, splitGroups } from "./split-groups.js";

let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "split-"))));
after(() => rm(folder, { recursive: true, force: true }));

const linesOf = async (...names: string[]): Promise<string[]> =>
  (await readFile(join(folder, ...names), "utf8")).trim().split("\n").slice(1);
const words = (i: number): string => Array.from({ length: 8 }, (_, k) => `w${(i * 37 + k * 11) % 5003}x${i}`).join(" ");

test("groups are never cut, sizes and classes keep their shares", () => {
  const groups = Array.from({ length: 2000 }, (_, i) => Math.floor(i / (1 + (i % 7))) % 400);
  const classes = groups.map((group, i) => (group + (i % 3 === 0 ? 1 : 0)) % 4);
  const parts = splitGroups(groups, classes, [0.7, 0.1, 0.2], 3);
  const partOf = new Map<number, number>();
  groups.forEach((group, i) => {
    assert.equal(partOf.get(group) ?? parts[i], parts[i]);
    partOf.set(group, parts[i] as number);
  });
  for (const [part, share] of [0.7, 0.1, 0.2].entries()) {
    const rows = groups.map((_, i) => i).filter((i) => parts[i] === part);
    assert.ok(Math.abs(rows.length / 2000 - share) < 0.02, `${part}: ${rows.length}`);
    for (let k = 0; k < 4; k++) {
      const [own, all] = [rows.filter((i) => classes[i] === k).length, classes.filter((label) => label === k).length];
      assert.ok(Math.abs(own / all - share) < 0.03, `part ${part}, class ${k}: ${own} of ${all}`);
    }
  }
  assert.deepEqual(splitGroups(groups, classes, [0.7, 0.1, 0.2], 3), parts);
  assert.throws(() => splitGroups([0, 0], [0, 0], [0.5, 0.5, 0]), /at least 2 groups/);
});

test("by time: the earliest first, one instant on one side, groups with their earliest", () => {
  const times = [5, 1, 2, 2, 2, 3, 4, 6, 7, 8];
  const alone = times.map((_, i) => i);
  assert.deepEqual([...splitByTime(times, alone, [0.3, 0.2, 0.5])], [2, 0, 0, 0, 0, 1, 2, 2, 2, 2]);
  const grouped = alone.map((i) => (i === 9 ? 1 : i));
  assert.equal(splitByTime(times, grouped, [0.5, 0, 0.5])[9], 0);
});

test("a table: stratified, with near duplicates on one side, every row once, seeded", async () => {
  const rows = Array.from({ length: 300 }, (_, i) => `"${words(i)}",${i % 3 === 0 ? "a" : "b"}`);
  // Every tenth text once more, with a word changed.
  const doubles = Array.from({ length: 30 }, (_, k) => `"${words(k * 10)} indeed",${(k * 10) % 3 === 0 ? "a" : "b"}`);
  await writeFile(join(folder, "a.csv"), `text,label\n${[...rows, ...doubles].join("\n")}\n`);
  const options = { fractions: [0.8, 0.1, 0.1] as const, seed: 2 };
  const { counts, decisions } = await splitData(join(folder, "a.csv"), { ...options, out: join(folder, "s1") });
  assert.match(decisions.join(), /30 near duplicates/);
  const parts = await Promise.all(["train", "validation", "test"].map((name) => linesOf("s1", `${name}.csv`)));
  assert.deepEqual(
    parts.map(({ length }) => length),
    [counts["train"], counts["validation"], counts["test"]],
  );
  assert.deepEqual(parts.flat().sort(), [...rows, ...doubles].map((line) => line.replace(/,(.)$/, ',"$1"')).sort());
  for (const lines of parts) {
    const texts = new Set(lines.map((line) => line.slice(1).split('"')[0]));
    for (const text of texts) if (text?.endsWith(" indeed")) assert.ok(texts.has(text.replace(/ indeed$/, "")), text);
    const share = lines.filter((line) => line.endsWith('"a"')).length / lines.length;
    assert.ok(Math.abs(share - 1 / 3) < 0.06, String(share));
  }
  await splitData(join(folder, "a.csv"), { ...options, out: join(folder, "s2") });
  assert.deepEqual(await linesOf("s2", "test.csv"), parts[2]);
});

test("by time and by group of a file; what is no time is named", async () => {
  const rows = Array.from({ length: 100 }, (_, i) => `${i},2026-01-${String((i % 28) + 1).padStart(2, "0")},p${i % 9}`);
  await writeFile(join(folder, "t.csv"), `n,day,person\n${rows.join("\n")}\n`);
  await splitData(join(folder, "t.csv"), { out: join(folder, "t1"), fractions: [0.5, 0, 0.5], timeColumn: "day" });
  const days = async (part: string): Promise<string[]> =>
    (await linesOf("t1", part)).map((line) => line.split(",")[1] ?? "").sort();
  assert.ok(((await days("train.csv")).at(-1) ?? "") < ((await days("test.csv"))[0] ?? ""));
  await splitData(join(folder, "t.csv"), { out: join(folder, "t2"), groupColumn: "person", fractions: [0.6, 0.2, 0.2] });
  const people = await Promise.all(
    ["train", "validation", "test"].map(
      async (part) => new Set((await linesOf("t2", `${part}.csv`)).map((line) => line.split(",")[2])),
    ),
  );
  assert.equal(
    people.reduce((n, { size }) => n + size, 0),
    9,
  );
  await writeFile(join(folder, "bad.csv"), `n,day\n1,2026-01-01\n2,soon\n${"3,2026-01-02\n".repeat(30)}`);
  await assert.rejects(
    splitData(join(folder, "bad.csv"), { out: join(folder, "t3"), timeColumn: "day" }),
    /column "day", row 2: expected a date/,
  );
});

test("a part that was asked for and gets no rows is refused, and nothing is written", async () => {
  await writeFile(join(folder, "few.csv"), "text,label\na b,x\nc d,y\n");
  await assert.rejects(
    splitData(join(folder, "few.csv"), { out: join(folder, "few") }),
    /few\.csv: expected enough rows for each part, got 2, and validation/,
  );
  await assert.rejects(stat(join(folder, "few")));
  const { counts } = await splitData(join(folder, "few.csv"), { out: join(folder, "few"), fractions: [1, 0, 0] });
  assert.deepEqual(counts, { train: 2, validation: 0, test: 0 });
});
