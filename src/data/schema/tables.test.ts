import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Dataset } from "../dataset.js";
import { loadData } from "../load-node.js";
import type { LoadOptions } from "../load-node.js";
import type { TableOptions } from "../readers/table-file-node.js";
import { readBoth, readTable } from "../readers/table-node.js";
import { classesOf } from "../labels.js";
import { fromRows, TabularPreprocessor } from "../tabular.js";

const folder = mkdtempSync(join(tmpdir(), "descent-kinds-"));
after(() => rmSync(folder, { recursive: true }));

/** A file of a table; an encoding of `Buffer`'s, or bytes as they are. */
function file(name: string, content: string | Uint8Array, encoding: "utf8" | "utf16le" | "latin1" = "utf8"): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? Buffer.from(content, encoding) : content);
  return path;
}
const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => `${line(i)}\n`).join("");

interface Kind {
  readonly what: string;
  readonly content: string | Uint8Array;
  readonly name?: string;
  readonly encoding?: "utf8" | "utf16le" | "latin1";
  readonly options?: TableOptions;
  /** The data set's own account of its columns. */
  readonly columns: RegExp;
  /** The first row. */
  readonly first: Readonly<Record<string, unknown>>;
  /** The expected notes, in order. */
  readonly notes?: readonly RegExp[];
}

const GB18030 = Uint8Array.from([
  0xc4, 0xea, 0xc1, 0xe4, 0x2c, 0xc1, 0xf7, 0xca, 0xa7, 10, 0x33, 0x2c, 0xb7, 0xf1, 10, 0x34, 0x2c, 0xca, 0xc7, 10,
]);
const SHIFT_JIS = Uint8Array.from([
  0x94, 0x4e, 0x97, 0xee, 0x2c, 0x89, 0xf0, 0x96, 0xf1, 10, 0x33, 0x2c, 0x82, 0xcd, 0x82, 0xa2, 10, 0x34, 0x2c, 0x82, 0xa2, 0x82,
  0xa2, 0x82, 0xa6, 10,
]);
const WINDOWS_1251 = Uint8Array.from([
  0xe2, 0xee, 0xe7, 0xf0, 0xe0, 0xf1, 0xf2, 0x2c, 0xee, 0xf2, 0xe2, 0xe5, 0xf2, 10, 0x33, 0x2c, 0xed, 0xe5, 0xf2, 10, 0x34, 0x2c,
  0xe4, 0xe0, 10,
]);

const KINDS: readonly Kind[] = [
  {
    what: "digits as wide as ideographs",
    content: `age,spend\n${lines(9, (i) => `３${"０１２３４５６７８"[i]},${i}`)}`,
    columns: /age int/,
    first: { age: 30, spend: 0 },
    notes: [/column "age": numbers such as "３０" are read as 30/],
  },
  {
    what: "days without signs between",
    content: `day,n\n${lines(12, (i) => `2024${String(i + 1).padStart(2, "0")}15,${i}`)}`,
    columns: /day date/,
    first: { day: new Date(Date.UTC(2024, 0, 15)), n: 0 },
    notes: [/column "day": numbers such as "20240115" are read as days \(2024-01-15\)/],
  },
  {
    what: "numbers of eight digits that are no days",
    content: `code,n\n${lines(12, (i) => `2024${String(i + 2).padStart(2, "0")}15,${i}`)}`,
    columns: /code int/,
    first: { code: 20240215, n: 0 },
    notes: [],
  },
  {
    what: "dates that contradict each other",
    content: `day,n\n${lines(12, (i) => `${i % 2 ? "03/25/2024" : "25/03/2024"},${i}`)}`,
    columns: /day text/,
    first: { day: "25/03/2024", n: 0 },
    notes: [
      /column "day": "03\/25\/2024" \(row 2 .*\) is no date with the day first, "25\/03\/2024" \(row 1 .*\) none with the month first/,
    ],
  },
  {
    what: "a list of objects in one JSON file",
    name: "list.json",
    content: JSON.stringify(
      Array.from({ length: 9 }, (_, i) => ({ age: 30 + i, plan: i % 2 ? "a" : "b" })),
      null,
      2,
    ),
    columns: /age int64, plan text/,
    first: { age: 30, plan: "b" },
  },
  {
    what: "an object a line, called .json",
    name: "lines.json",
    content: lines(9, (i) => JSON.stringify({ age: 30 + i, plan: i % 2 ? "a" : "b" })),
    columns: /age int64, plan text/,
    first: { age: 30, plan: "b" },
  },
  {
    what: "JSON lines behind a byte order mark",
    name: "marked.jsonl",
    content: `\uFEFF${lines(9, (i) => JSON.stringify({ age: 30 + i, plan: i % 2 ? "a" : "b" }))}`,
    columns: /age int64, plan text/,
    first: { age: 30, plan: "b" },
  },
  {
    what: "decimal commas between semicolons",
    content: `age;spend;plan\n${lines(9, (i) => `3${i},9;180${i},86;${i % 2 ? "a" : "b"}`)}`,
    columns: /age float64, spend float64, plan text/,
    first: { age: 30.9, spend: 1800.86, plan: "b" },
    notes: [/column "age": numbers such as "30,9" are read as 30\.9/, /column "spend": .*1800\.86/],
  },
  {
    what: "decimal commas between tabs, points between thousands",
    name: "t.tsv",
    content: `n\tm\n${lines(9, (i) => `1.80${i},5\t${i},25`)}`,
    columns: /n float64, m float64/,
    first: { n: 1800.5, m: 0.25 },
  },
  {
    what: "decimal commas in quotes between commas",
    content: `n,m\n${lines(9, (i) => `"1.80${i},50","${i},25"`)}`,
    columns: /n float64, m float64/,
    first: { n: 1800.5, m: 0.25 },
  },
  {
    what: "thousands that may be decimals go by the rest of the file",
    content: `n;m\n${lines(9, (i) => `1.80${i};${i},25`)}`,
    columns: /n int64, m float64/,
    first: { n: 1800, m: 0.25 },
  },
  {
    what: "blanks and apostrophes between thousands",
    content: `n;m\n${lines(9, (i) => `1 234 50${i};1'80${i}.5`)}`,
    columns: /n int64, m float64/,
    first: { n: 1_234_500, m: 1800.5 },
  },
  {
    what: "amounts and percentages; below zero in parentheses",
    content: `a,b,c,d\n${lines(9, (i) => `"$1,80${i}.50",1${i}%,"(2${i}.5)",12${i} €`)}`,
    columns: /a float64, b int64, c float64, d int64/,
    first: { a: 1800.5, b: 10, c: -20.5, d: 120 },
    notes: [/"\$1,800\.50" are read as 1800\.5/, /"10%" are read as 10/, /are read as -20\.5/, /"120 €" are read as 120/],
  },
  {
    what: "blanks around names and values",
    content: `x , y \n${lines(9, (i) => ` ${i}.5 , ${i % 2 ? "a" : "b "} `)}`,
    columns: /x float64, y text/,
    first: { x: 0.5, y: "b" },
    notes: [/columns "x", "y": blanks around values do not count/],
  },
  {
    what: "marks of missing values in numbers and categories",
    content: `n,c\n${lines(12, (i) => (i === 3 ? "?, ?" : i === 4 ? "-,a" : `${i},${i % 2 ? "a" : "b"}`))}`,
    columns: /n int64 \(2 missing\), c text \(1 missing\)/,
    first: { n: 0, c: "b" },
    notes: [/"n": "\?", "-" count as missing \(2 rows/, /"c": blanks around/, /"c": "\?" counts as missing \(1 row/],
  },
  {
    what: "marks that the user names, and no others",
    content: `n,c\n${lines(12, (i) => (i === 3 ? "-9,NA" : `${i},${i % 2 ? "a" : "b"}`))}`,
    options: { missing: ["-9"] },
    columns: /n int64 \(1 missing\), c text$/,
    first: { n: 0, c: "b" },
  },
  {
    what: "words for yes and no by their spelling",
    content: `a,b,c\n${lines(9, (i) => (i % 2 ? "Yes,T,true" : "No,F,false"))}`,
    columns: /a bool, b bool, c bool/,
    first: { a: "No", b: "F", c: false },
  },
  {
    what: "codes that begin with 0 are no numbers",
    content: `zip,n\n${lines(9, (i) => `0123${i},0${i}.5`)}`,
    columns: /zip text, n float64/,
    first: { zip: "01230", n: 0.5 },
    notes: [/column "zip": "01230" \(row 1 \(line 2\)\) is a code and no number/],
  },
  {
    what: "dates of every form",
    content: `a,b,c,d\n${lines(9, (i) => `2${i}/03/2024 14:30,03-2${i}-24,"Mar 2${i}, 2024",2024年3月2${i}日`)}`,
    columns: /a date, b date, c date, d date/,
    first: {
      a: new Date("2024-03-20T14:30Z"),
      b: new Date("2024-03-20Z"),
      c: new Date("2024-03-20Z"),
      d: new Date("2024-03-20Z"),
    },
    notes: [/column "a": .* read day first \(2024-03-20\)/, /column "b": .* read month first \(2024-03-20\)/],
  },
  {
    what: "dates that both orders fit: the first of months, and what the user says",
    content: `a,b\n${lines(9, (i) => `0${i + 1}/01/2024,0${i + 1}/05/2024`)}`,
    columns: /a date, b date/,
    first: { a: new Date("2024-01-01Z"), b: new Date("2024-01-05Z") },
    notes: [/read month first \(2024-01-01\); day first fits as well: --date-order dmy says otherwise/, /month first/],
  },
  {
    what: "dates with --date-order",
    content: `a\n${lines(9, (i) => `0${i + 1}/01/2024`)}`,
    options: { dateOrder: "dmy" },
    columns: /a date/,
    first: { a: new Date("2024-01-01Z") },
    notes: [/read day first \(2024-01-01\)$/],
  },
  {
    what: "dates with two digits of the year, last and first, and with names in other languages",
    content: `a,b,c\n${lines(9, (i) => `1${i}/01/23,23-01-1${i},${i + 1} août 2023`)}`,
    columns: /a date, b date, c date/,
    first: { a: new Date("2023-01-10Z"), b: new Date("2023-01-10Z"), c: new Date("2023-08-01Z") },
    notes: [/read day first \(2023-01-10\)/, /read year first \(2023-01-10\)/],
  },
  {
    what: "names of columns that are years",
    content: `country,2019,2020\n${lines(9, (i) => `c${i % 3},${i},${i}.5`)}`,
    columns: /country text, 2019 int64, 2020 float64/,
    first: { country: "c0", 2019: 0, 2020: 0.5 },
    notes: [],
  },
  {
    what: "names that stand twice",
    content: `a,a,b\n${lines(9, (i) => `${i},${i}.5,x`)}`,
    columns: /a int64, a_1 float64, b text/,
    first: { a: 0, a_1: 0.5, b: "x" },
    notes: [/several columns are called "a"; all but the first got a number/],
  },
  {
    what: "titles before the table",
    content: `# exported\nAll customers\n\na,b\n${lines(9, (i) => `${i},x`)}`,
    columns: /of 9 rows: a int64, b text/,
    first: { a: 0, b: "x" },
    notes: [/the first 2 lines are no part of the table/],
  },
  {
    what: "UTF-16 with a mark, tabs, .txt",
    name: "unicode.txt",
    content: `\uFEFFage\tplan\r\n${lines(9, (i) => `${i}.5\tüber`)}`,
    encoding: "utf16le",
    options: { format: "csv" },
    columns: /age float64, plan text/,
    first: { age: 0.5, plan: "über" },
    notes: [],
  },
  {
    what: "UTF-16 without a mark",
    content: `age,plan\n${lines(9, (i) => `${i}.5,über`)}`,
    encoding: "utf16le",
    columns: /age float64, plan text/,
    first: { age: 0.5, plan: "über" },
  },
  {
    what: "Windows-1252",
    content: "prix,âge\n3,1\n4,2\n",
    encoding: "latin1",
    columns: /prix int64, âge int64/,
    first: { prix: 3, âge: 1 },
    notes: [/not UTF-8, read as Windows-1252; --encoding says otherwise/],
  },
  {
    what: "GB 18030",
    content: GB18030,
    columns: /年龄 int64, 流失 text/,
    first: { 年龄: 3, 流失: "否" },
    notes: [/read as GB18030/],
  },
  {
    what: "Shift_JIS",
    content: SHIFT_JIS,
    columns: /年齢 int64, 解約 text/,
    first: { 年齢: 3, 解約: "はい" },
    notes: [/read as Shift_JIS/],
  },
  {
    what: "Windows-1251",
    content: WINDOWS_1251,
    columns: /возраст int64, ответ text/,
    first: { возраст: 3, ответ: "нет" },
    notes: [/read as Windows-1251/],
  },
  {
    what: "an encoding that the user names",
    content: Uint8Array.from([0x61, 10, 0xa4, 10, 0x62, 10]),
    options: { encoding: "iso-8859-15" },
    columns: /a text/,
    first: { a: "€" },
    notes: [],
  },
  {
    what: "Excel's hint of the delimiter",
    content: "sep=;\r\na;b\r\n1;x, y\r\n2;z\r\n",
    columns: /a int64, b text/,
    first: { a: 1, b: "x, y" },
    notes: [],
  },
  {
    what: "line ends of three kinds",
    content: 'a,b\r\n1,x\n2,"y\nz"\r3,w\r\n',
    columns: /of 3 rows: a int64, b text/,
    first: { a: 1, b: "x" },
    notes: [],
  },
  {
    what: "a delimiter that the user names",
    content: "a:b\n1:x,y\n2:z,w\n",
    options: { delimiter: ":" },
    columns: /a int64, b text/,
    first: { a: 1, b: "x,y" },
  },
  {
    what: "no header",
    content: lines(9, (i) => `"${1 + (i % 2)}","Title of news number ${i}","A longer text of news that has number ${i}"`),
    columns: /column0 int64, column1 text, column2 text/,
    first: { column0: 1, column1: "Title of news number 0", column2: "A longer text of news that has number 0" },
    notes: [/the first row is no header, so columns are called column0, column1, column2/],
  },
  {
    what: "a header that stands again later, as in files that were joined",
    content: "width,kind\n1,a\n2,b\n3,a\n4,b\n".repeat(3),
    columns: /of 12 rows: width int64, kind text/,
    first: { width: 1, kind: "a" },
    notes: [/2 lines repeat the header and are no rows/],
  },
  {
    what: "a header of names that texts have, over texts as short",
    content: `source,target\n${lines(9, (i) => `${i % 2 ? "cat" : "source"},${i % 2 ? "chat" : "source"}`)}`,
    columns: /of 9 rows: source text, target text/,
    first: { source: "source", target: "source" },
    notes: [],
  },
  {
    what: "one name that texts have",
    content: `Review,stars of the guests\n${lines(9, (i) => `too ${i},${i % 2 ? "good in all that one may say" : "bad in all that one may say"}${i}`)}`,
    columns: /of 9 rows: Review text, stars of the guests text/,
    first: { Review: "too 0", "stars of the guests": "bad in all that one may say0" },
  },
  {
    what: "no header, though the first row stands again",
    content: "a,x\nb,y\na,x\nb,x\na,y\na,x\n",
    columns: /of 6 rows: column0 text, column1 text/,
    first: { column0: "a", column1: "x" },
    notes: [/the first row is no header/],
  },
  {
    what: "names that JavaScript's objects have",
    content: `constructor,toString,__proto__,hasOwnProperty\n${lines(9, (i) => `${i},b,c,${i}.5`)}`,
    columns: /constructor int64, toString text, __proto__ text, hasOwnProperty float64/,
    first: Object.fromEntries([
      ["constructor", 0],
      ["toString", "b"],
      ["__proto__", "c"],
      ["hasOwnProperty", 0.5],
    ]),
  },
];
for (const [at, { what, content, name, encoding, options, columns, first, notes }] of KINDS.entries()) {
  test(`read as it was meant: ${what}`, async () => {
    const read = await readTable(file(name ?? `kind-${at}.csv`, content, encoding), options);
    assert.match(String(read.data), columns);
    assert.deepEqual(read.data.row(0), first);
    if (notes === undefined) return;
    assert.equal(read.notes.length, notes.length, read.notes.join("\n"));
    for (const [i, note] of notes.entries()) assert.match(read.notes[i] ?? "", note);
  });
}

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
