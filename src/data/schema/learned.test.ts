import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dataset } from "../dataset.js";
import { loadData } from "../load-node.js";
import type { LoadOptions } from "../load-node.js";
import { readBoth, readTable } from "../readers/table-node.js";
import { classesOf } from "../labels.js";
import { fromRows, TabularPreprocessor } from "../tabular.js";
import { file, lines } from "./table-kinds.test.util.js";

const DAYS = ["29/09/2024", "30/10/2024", "01/02/2023", "13/03/2023", "05/11/2023"];
const american = (day: string): string => day.replace(/^(..)\/(..)/, "$2/$1");

/** Makes a preprocessor that learned from such days. */
async function learned(days: readonly string[]): Promise<TabularPreprocessor> {
  const path = file(`days-${days[0]?.slice(0, 2)}.csv`, `day,sales\n${days.map((day, i) => `${day},${i}.5\n`).join("")}`);
  const { data, schema } = await readTable(path);
  assert.ok(schema !== undefined);
  const fitted = TabularPreprocessor.fit(data, { target: "sales", schema });
  return TabularPreprocessor.fromJSON(JSON.parse(JSON.stringify(fitted)));
}
const numbersOf = (table: TabularPreprocessor, rows: Dataset): number[] =>
  [...table.apply(rows).tensor("features").data].map(Number);

for (const zone of ["UTC", "America/New_York", "Asia/Tokyo"])
  test(`the order of dates that was learned holds on every way in (${zone})`, async (t) => {
    const before = process.env["TZ"];
    process.env["TZ"] = zone;
    t.after(() => {
      if (before === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before;
    });
    const [european, usual] = [await learned(DAYS), await learned(DAYS.map(american))];
    const expected = numbersOf(european, fromRows([{ day: "2023-12-03" }]));
    const sources = [
      file("new.csv", "day\n03/12/2023\n"),
      file("new.jsonl", '{"day":"03/12/2023"}\n'),
      "SELECT '03/12/2023' AS day",
    ];
    const { schema } = european;
    assert.ok(schema !== undefined);
    for (const source of sources) {
      const { data, raw } = await readBoth(source, { schema });
      assert.deepEqual(numbersOf(european, data), expected, source);
      assert.deepEqual(raw.row(0), { day: "03/12/2023" }, "the user's own text stays");
    }
    assert.deepEqual(numbersOf(european, fromRows([{ day: "03/12/2023" }])), expected);
    assert.deepEqual(numbersOf(european, fromRows([{ day: new Date("2023-12-03Z") }])), expected);
    assert.deepEqual(numbersOf(usual, fromRows([{ day: "12/03/2023" }])), numbersOf(usual, fromRows([{ day: "2023-12-03" }])));
    assert.throws(() => numbersOf(european, fromRows([{ day: "12/25/2023" }])), {
      name: "DataError",
      message: /column "day", example 1: expected a date, day first as in 29\/09\/2024, got "12\/25\/2023"; .*--date-order/,
    });
    await assert.rejects(readBoth(file("wrong.csv", "day\n12/03/2023\n12/25/2023\n"), { schema }), {
      message: /wrong\.csv: column "day", row 2 \(line 3\): expected a date, day first/,
    });
    const skipped = await readBoth(file("wrong.csv", "day\n12/03/2023\n12/25/2023\n"), { schema, skipBadRows: true });
    assert.deepEqual([skipped.raw.length, skipped.badRows], [1, 1]);
    const asked = await readBoth(file("wrong.csv", "day\n12/25/2023\n"), { schema, dateOrder: "mdy" });
    assert.deepEqual(asked.data.row(0), { day: new Date("2023-12-25Z") });
  });

test("numbers by the convention that was learned; others are refused, not read anew", async () => {
  const { data, schema } = await readTable(file("comma.csv", `n;y\n${lines(9, (i) => `1.80${i},5;${i},5`)}`));
  assert.ok(schema !== undefined);
  const table = TabularPreprocessor.fit(data, { target: "y", schema });
  const expected = numbersOf(table, data.take(1));
  assert.deepEqual(numbersOf(table, fromRows([{ n: "1.800,5" }])), expected);
  assert.deepEqual(numbersOf(table, fromRows([{ n: 1800.5 }])), expected);
  assert.throws(() => numbersOf(table, fromRows([{ n: "1800.5" }])), /expected a number with a decimal comma, got "1800\.5"/);
});

test("units and multipliers that were learned hold on every way in; others are refused", async () => {
  const { data, schema } = await readTable(file("units.csv", `w,n,y\n${lines(30, (i) => `${60 + i} kg,${i}.5k,${i}.5`)}`));
  assert.ok(schema !== undefined);
  const table = TabularPreprocessor.fromJSON(JSON.parse(JSON.stringify(TabularPreprocessor.fit(data, { target: "y", schema }))));
  const expected = numbersOf(table, data.take(1));
  for (const row of [
    { w: "60 kg", n: "0.5k" },
    { w: "60KG", n: "500" },
    { w: 60, n: 500 },
    { w: "60", n: "0.0005M" },
  ])
    assert.deepEqual(numbersOf(table, fromRows([row])), expected, JSON.stringify(row));
  const { data: read, raw } = await readBoth(file("units.jsonl", '{"w":"60 kg","n":"0.5k"}\n'), { schema });
  assert.deepEqual([numbersOf(table, read), raw.row(0)], [expected, { w: "60 kg", n: "0.5k" }]);
  assert.throws(
    () => numbersOf(table, fromRows([{ w: "132 lb", n: 1 }])),
    /column "w", example 1: expected a number in kg, got "132 lb"/,
  );
  assert.throws(() => numbersOf(table, fromRows([{ w: 60, n: "5 kg" }])), /column "n", example 1: expected a number, got "5 kg"/);
});

test("what training had not is said once for a column, and counted", async () => {
  const { data, schema } = await readTable(
    file("plans.csv", `age,plan,y\n${lines(20, (i) => `${i},${i % 2 ? "basic" : "plus"},${i}.5`)}`),
  );
  assert.ok(schema !== undefined);
  const table = TabularPreprocessor.fit(data, { target: "y", schema });
  const rows = fromRows([
    { age: "1", plan: "gold" },
    { age: "", plan: "gold" },
    { age: "3", plan: "basic" },
  ]);
  assert.deepEqual(table.remarks(rows, "new.csv"), [
    'new.csv: column "age": 1 missing value, of which training had none',
    'new.csv: column "plan": 2 rows with a value that training had not, or too rarely ("gold")',
  ]);
  assert.deepEqual(table.remarks(fromRows([{ plan: "basic" }]), "input"), [
    'input: column "age": it is absent, and counts as missing in 1 row',
  ]);
  assert.throws(() => table.remarks(fromRows([{ age: 1, plann: "basic" }])), /did you mean "plann"/);
  assert.throws(() => table.remarks(fromRows([{ other: 1 }])), /expected a column "age", "plan"; got other/);
});

/** A table of rows with a class each, loaded as `train` does. */
const loaded = (name: string, labels: readonly string[], options: LoadOptions = {}) =>
  loadData(file(name, `n,class\n${labels.map((label, i) => `${i},${label}\n`).join("")}`), {
    labelColumn: "class",
    tableOf: "rows",
    ...options,
  });

test("labels keep their spelling, without blanks; a class of one example is learned", async () => {
  const label = (i: number): string => [" no", "yes ", "no  ", "yes"][i % 4] as string;
  const data = await loaded(
    "labels.csv",
    Array.from({ length: 40 }, (_, i) => label(i)),
  );
  assert.deepEqual(classesOf(data.train.column("class"), "class"), ["no", "yes"]);
  for (let seed = 0; seed < 20; seed++) {
    const rare = await loaded("rare.csv", [...Array.from({ length: 40 }, (_, i) => (i % 2 ? "yes" : "no")), "maybe"], { seed });
    assert.deepEqual(classesOf(rare.train.column("class"), "class"), ["maybe", "no", "yes"]);
    assert.match(rare.notes.join("\n"), /column "class": class "maybe" has 1 example, which is kept for training/);
  }
  const folded = await loaded("rare.csv", [...Array.from({ length: 40 }, (_, i) => (i % 2 ? "yes" : "no")), "maybe"], {
    fold: { number: 2, count: 5 },
  });
  assert.ok(classesOf(folded.train.column("class"), "class").includes("maybe"));
});

test("a quantity that is none is refused in one line, by the row of the file", async () => {
  const read = async (cell: (i: number) => string) => {
    const { data, schema } = await readTable(file("quantity.csv", `n,y\n${lines(20, (i) => `${i},${cell(i)}`)}`));
    return TabularPreprocessor.fit(data, { target: "y", task: "regression", ...(schema === undefined ? {} : { schema }) });
  };
  await assert.rejects(
    read((i) => (i % 2 ? "yes" : "no")),
    /column "y": expected numbers to predict, got no, yes; tabular-classification/,
  );
  await assert.rejects(
    read((i) => (i === 7 ? "inf" : `${i * 3}`)),
    /column "y", row 8 \(line 9\): expected a finite number, got inf/,
  );
  await assert.rejects(
    read((i) => `2024-01-${10 + i}`),
    /expected numbers to predict, got dates/,
  );
  const classes = fromRows(Array.from({ length: 120 }, (_, i) => ({ n: i % 7, y: i + 0.5 })));
  assert.throws(
    () => TabularPreprocessor.fit(classes, { target: "y", task: "classification" }),
    /120 of 120 rows; tabular-regression/,
  );
});

test("texts and labels of tables without a header, and of several columns", async () => {
  const news = lines(
    40,
    (i) => `"${1 + (i % 4)}","Title of the news ${i}","The text of the news that has number ${i} is longer"`,
  );
  const data = await loadData(file("news.csv", news), { tableOf: "texts" });
  assert.deepEqual(data.roles, { text: "column1,column2", target: "column0" });
  assert.match(data.train.texts("column1,column2")[0] ?? "", /^Title of the news \d+\nThe text of the news/);
  assert.match(data.notes.join("\n"), /"column0" is taken for what is to be predicted; --label-column names another/);
  assert.match(data.notes.join("\n"), /texts are read from columns "column1", "column2"; --text-column/);
  const reviews = `title,review,stars\n${lines(40, (i) => `"Thing ${i}","It hums all day, said buyer ${i}",${i % 2 ? "bad" : "good"}`)}`;
  const path = file("reviews.csv", reviews);
  assert.equal((await loadData(path, { labelColumn: "stars", tableOf: "texts" })).roles.text, "title,review");
  assert.equal((await loadData(path, { labelColumn: "stars", textColumn: "review" })).roles.text, "review");
  const both = await loadData(path, { labelColumn: "stars", textColumn: "review, title" });
  assert.match(both.train.texts("review,title")[0] ?? "", /^It hums all day, said buyer \d+\nThing/);
  await assert.rejects(loadData(path, { textColumn: "review,titel" }), /unknown column "titel"; did you mean "title"/);
});

test("a schema is learned from rows of the library as from a file", () => {
  const rows = fromRows(
    Array.from({ length: 20 }, (_, i) => ({
      spend: `$1,80${i % 10}.50`,
      day: `2${i % 10}/03/2024`,
      y: ` ${i % 2 ? "no" : "yes"} `,
    })),
  );
  const table = TabularPreprocessor.fit(rows, { target: "y" });
  assert.deepEqual(table.target, { kind: "classes", name: "y", classes: ["no", "yes"] });
  assert.deepEqual(
    table.spec.schema?.fields.map(({ type }) => type),
    ["number", "date", "boolean"],
  );
  assert.ok(table.warnings.some((warning) => /"\$1,800\.50" are read as 1800\.5/.test(warning)));
});

test("files that are no tables are called by what they are", async () => {
  for (const [content, expected] of [
    ["<!DOCTYPE html>\n<html><body>Not found</body></html>\n", /expected a table, got a web page/],
    ["\uFEFF\n<HTML><body>", /expected a table, got a web page/],
    [
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12345\n",
      /got a pointer of Git LFS; fetch the file itself/,
    ],
    ["%PDF-1.7\n1 0 obj\n", /got a PDF/],
    [Uint8Array.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0]), /got a workbook of Excel before 2007/],
  ] as const)
    await assert.rejects(readTable(file("foreign.csv", content)), expected);
  assert.equal((await readTable(file("tags.csv", `<p>a</p>,y\n${lines(9, (i) => `<p>${i}</p>,${i}`)}`))).data.length > 8, true);
});

test("JSON that is no table is refused in one line", async () => {
  const rows = Array.from({ length: 9 }, (_, i) => ({ a: i }));
  for (const [content, expected] of [
    [JSON.stringify(rows).slice(0, -5), /broken\.json: expected JSON, got text that does not parse/],
    [
      `[${'{"a":'.repeat(300)}1${"}".repeat(300)}]`,
      /line 1: expected JSON that nests at most 200 deep, got a deeper one; flatten it/,
    ],
    [`[\n${"[\n".repeat(50_000)}`, /line \d+: expected JSON that nests at most 200 deep/],
  ] as const)
    await assert.rejects(readTable(file("broken.json", content)), expected);
});

test("where nothing is left to predict from, it is said why", async () => {
  const { data, schema } = await readTable(
    file("codes.csv", `code,n,y\n${lines(200, (i) => `k${i}x,5,${i % 2 ? "yes" : "no"}`)}`),
  );
  assert.throws(
    () => TabularPreprocessor.fit(data, { target: "y", task: "classification", ...(schema === undefined ? {} : { schema }) }),
    /found none of use; column "code" is left out: most rows have a value of their own.*; column "n" is left out: all its values are equal/,
  );
});
