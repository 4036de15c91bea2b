import assert from "node:assert/strict";
import { test } from "node:test";
import { readTable } from "../readers/table-node.js";
import { file, lines, testKinds } from "../schema/table-kinds.test.util.js";

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

/** A text in UTF-32. */
const utf32 = (text: string, order: "le" | "be" = "le"): Uint8Array => {
  const codes = Array.from(text, (sign) => sign.codePointAt(0) as number);
  const view = new DataView(new ArrayBuffer(4 * codes.length));
  for (const [i, code] of codes.entries()) view.setUint32(4 * i, code, order === "le");
  return new Uint8Array(view.buffer);
};

const TEN = Array.from({ length: 10 }, (_, i) => i);

testKinds([
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
    what: "UTF-32 with a mark",
    content: utf32(`\uFEFFage;plan\n${lines(9, (i) => `${i},5;über 🤗`)}`),
    columns: /age float64, plan text/,
    first: { age: 0.5, plan: "über 🤗" },
    notes: [/numbers such as/],
  },
  {
    what: "UTF-32 without a mark, the highest bytes first",
    content: utf32(`age,plan\n${lines(9, (i) => `${i}.5,über`)}`, "be"),
    columns: /age float64, plan text/,
    first: { age: 0.5, plan: "über" },
  },
  {
    what: "JSON lines in UTF-16, as PowerShell writes them",
    name: "power.jsonl",
    content: `\uFEFF${lines(9, (i) => `{"age":${i},"plan":"über"}\r`)}`,
    encoding: "utf16le",
    columns: /of 9 rows: age int64, plan text/,
    first: { age: 0, plan: "über" },
  },
  {
    what: "JSON in UTF-32",
    name: "wide.json",
    content: utf32(
      JSON.stringify(
        Array.from({ length: 9 }, (_, i) => ({ age: i, plan: "🤗" })),
        null,
        1,
      ),
    ),
    columns: /of 9 rows: age int64, plan text/,
    first: { age: 0, plan: "🤗" },
  },
  {
    what: "UTF-32 that the user names",
    content: utf32(`a,b\n${lines(9, (i) => `${i},x`)}`),
    options: { encoding: "UTF-32" },
    columns: /a int64, b text/,
    first: { a: 0, b: "x" },
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
    what: "Windows-1252, two letters beside each other within words of Latin ones",
    content: Buffer.from("créée,n\nthéé,1\nnaïïf,2\n", "latin1"),
    columns: /créée text, n int64/,
    first: { créée: "théé", n: 1 },
    notes: [/read as Windows-1252/],
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
  {
    what: "names of columns that are days and months",
    content: `place,1/22/20,1/23/20,Mar 2020\n${lines(9, (i) => `p${i},${i},${i * 2},5`)}`,
    columns: /place text, 1\/22\/20 int64, 1\/23\/20 int64, Mar 2020 int64/,
    first: { place: "p0", "1/22/20": 0, "1/23/20": 0, "Mar 2020": 5 },
    notes: [],
  },
  {
    what: "quotes behind a backslash",
    content: `a,b\n${lines(9, (i) => `"He said \\"no, ${i}\\" and \\\\left",${i}`)}`,
    columns: /a text, b int64/,
    first: { a: 'He said "no, 0" and \\left', b: 0 },
    notes: [/a backslash stands before quotes inside of fields/],
  },
  {
    what: "backslashes that end fields",
    content: `a,b\n${lines(9, (i) => `"C:\\dir, ${i}\\",${i}`)}`,
    columns: /a text, b int64/,
    first: { a: "C:\\dir, 0\\", b: 0 },
    notes: [],
  },
  {
    what: "columns parted by blanks, as in fixed widths, with a tab and a quoted name among them",
    content: lines(9, (i) => ` ${i}.5   8  ${300 + i}\t"chevrolet chevelle"  `),
    columns: /column0 float64, column1 int64, column2 int64, column3 text/,
    first: { column0: 0.5, column1: 8, column2: 300, column3: "chevrolet chevelle" },
    notes: [/blanks part the columns/, /the first row is no header/],
  },
  {
    what: "sentences of as many words are no columns",
    content: `text\n${lines(9, (i) => `this is number ${i}`)}`,
    columns: /of 9 rows: text text/,
    first: { text: "this is number 0" },
    notes: [],
  },
  {
    what: "zeros within texts are no encoding",
    content: `a,b\n${lines(30, (i) => `x\u0000${i},${i}`)}`,
    columns: /of 30 rows: a text, b int64/,
    first: { a: "x\u00000", b: 0 },
  },
  {
    what: "a header that stands again with a byte order mark and other capitals",
    content: `age,plan\n${lines(9, (i) => `${i},x`)}\ufeffAge, PLAN\n${lines(9, (i) => `${i},y`)}`,
    columns: /of 18 rows: age int64, plan text/,
    first: { age: 0, plan: "x" },
    notes: [/a line repeats the header and is no row/],
  },
  {
    what: "sums behind the rows, by their numbers, an empty cell, or the word among numbers",
    content: `age,n\n${lines(9, (i) => `${i},${i + 1}`)}Total,45\nAverage,5\n`,
    columns: /of 9 rows: age int64, n int64/,
    first: { age: 0, n: 1 },
    notes: [/2 rows add up others and are left out, first "Total" \(row 10 \(line 11\)\)/],
  },
  {
    what: "a sum with a decimal comma, by its numbers alone",
    content: `name;n;m\n${lines(9, (i) => `p${i};${i + 1},5;7`)}Summe;49,5;63\n`,
    columns: /of 9 rows: name text, n float64, m int64/,
    first: { name: "p0", n: 1.5, m: 7 },
    notes: [/"Summe" \(row 10 \(line 11\)\) adds up other rows and is left out/, /"1,5" are read as 1\.5/],
  },
  {
    what: "sums of parts, and footnotes behind an empty line",
    content: `城市,人口\n${lines(4, (i) => `北${i},${i + 3}`)}小计,18\n${lines(4, (i) => `南${i},${i + 1}`)}小计2,10\n合计,28\n\n数据来源:统计局,2023年\n注:估计值\n`,
    columns: /of 8 rows: 城市 text, 人口 int64/,
    first: { 城市: "北0", 人口: 3 },
    notes: [/3 rows add up others and are left out, first "小计"/, /2 lines behind the table are footnotes/],
  },
  {
    what: "a row that names a sum and is none, and a category of that name",
    content: `firm,n\n${lines(9, (i) => `p${i},${i + 1}`)}Total,7\n`,
    columns: /of 10 rows: firm text, n int64/,
    first: { firm: "p0", n: 1 },
    notes: [/the last row begins with "Total", and counts as a row like others/],
  },
  {
    what: "men, women and all of them",
    content: `sex,n\n${lines(9, (i) => `male,${i}\nfemale,${i + 1}\nTotal,${2 * i + 1}`)}`,
    columns: /of 27 rows: sex text, n int64/,
    first: { sex: "male", n: 0 },
    notes: [/rows of "Total" stand between others, and count as rows like these/],
  },
  {
    what: "units under the names",
    content: `age,spend,plan\nyears,[USD],\n${lines(9, (i) => `${i},${i}.5,${"ab"[i % 2]}`)}`,
    columns: /of 9 rows: age int64, spend float64, plan text/,
    first: { age: 0, spend: 0.5, plan: "a" },
    notes: [/the line under the header holds units and is no row/],
  },
  {
    what: "names under names of groups",
    content: `,Q1,,Q2,,label\nname,sales,cost,sales,cost,\n${lines(9, (i) => `p${i},${i},${i}.5,${i + 1},2,${"ab"[i % 2]}`)}`,
    columns: /of 9 rows: name text, Q1 sales int64, Q1 cost float64, Q2 sales int64, Q2 cost int64, label text/,
    first: { name: "p0", "Q1 sales": 0, "Q1 cost": 0.5, "Q2 sales": 1, "Q2 cost": 2, label: "a" },
    notes: [/the line under the header holds names, too, and is no row/],
  },
  {
    what: "a first row of a word that others have not is a row",
    content: `name,age,plan\nAnn,thirty,x\n${lines(9, (i) => `p${i},${i},${"ab"[i % 2]}`)}`,
    columns: /of 10 rows: name text, age text, plan text/,
    first: { name: "Ann", age: "thirty", plan: "x" },
    notes: [/"thirty" \(row 1 .* is not a number/],
  },
  {
    what: "lines of delimiters alone, and one name over a part of the rows",
    content: `name,n,m\nNorth,,\n${lines(4, (i) => `p${i},${i},2`)},,\n${lines(4, (i) => `q${i},${i},2`)},,\n,,\n`,
    columns: /of 9 rows: name text, n int64 \(1 missing\), m int64 \(1 missing\)/,
    first: { name: "North", n: null, m: null },
    notes: [/3 lines without any value are no rows/],
  },
  {
    what: "GB18030 with characters of four bytes",
    content: Uint8Array.from([...GB18030, 0x35, 0x2c, 0x95, 0x34, 0xb6, 0x37, 0xd2, 0xb0, 10]),
    columns: /of 3 rows: 年龄 int64, 流失 text/,
    first: { 年龄: 3, 流失: "否" },
    notes: [/not UTF-8, read as GB18030/],
  },
  {
    what: "a Latin letter within words is no sign of Chinese",
    content: `name,n\n${lines(9, (i) => `Ána ${i},${i}`)}`,
    encoding: "latin1",
    columns: /name text, n int64/,
    first: { name: "Ána 0", n: 0 },
    notes: [/not UTF-8, read as Windows-1252/],
  },
  {
    what: "files that are called by numbers",
    content: `file,label\n${lines(9, (i) => `${i}.jpg,${"ab"[i % 2]}`)}`,
    columns: /file text, label text/,
    first: { file: "0.jpg", label: "a" },
    notes: [],
  },
  {
    what: "commas of Chinese",
    content: `年龄，城市\n${lines(9, (i) => `${20 + i}，北京`)}`,
    columns: /年龄 int64, 城市 text/,
    first: { 年龄: 20, 城市: "北京" },
  },
  {
    what: "carets",
    content: `a^b\n${lines(9, (i) => `${i}^x${i % 3 === 0 ? ", y" : ""}`)}`,
    columns: /a int64, b text/,
    first: { a: 0, b: "x, y" },
  },
  {
    what: "names of rows that the header has none for, as R writes them",
    content: `"a","b"\n${lines(9, (i) => `"row ${i}",${i},"x"`)}`,
    columns: /row_name text, a int64, b text/,
    first: { row_name: "row 0", a: 0, b: "x" },
    notes: [/rows have a cell more than the header; the first column is called row_name/],
  },
  {
    what: "lines drawn by Markdown, a line of zeros and DOS's end",
    content: `| a | b |\n|---|:--:|\n${lines(9, (i) => `| ${i} | x\0 |`)}\0\0\0\n\u001a`,
    columns: /column0 .*a int64, b text/,
    first: { column0: null, a: 0, b: "x", column3: null },
  },
  {
    what: "a table as psql shows it",
    content: ` a | b\n---+---\n${lines(9, (i) => ` ${i} | x`)}(9 rows)\n`,
    columns: /of 9 rows: a int64, b text/,
    first: { a: 0, b: "x" },
    notes: [/a line without any value is no row/, /the line behind the table is a footnote/, /blanks/],
  },
  {
    what: "rows that end before their last, empty cells",
    content: `a,b,note\n${lines(20, (i) => (i % 3 ? `${i},x` : `${i},x,late`))}`,
    columns: /of 20 rows: a int64, b text, note text \(13 missing\)/,
    first: { a: 0, b: "x", note: "late" },
    notes: [/13 rows end before the last columns, whose values are missing/, /"note": only 7 of 20 rows/],
  },
  {
    what: "signs without a width around a name",
    content: `\u200Ba,b\u00A0\n${lines(9, (i) => `${i},x`)}`,
    columns: /a int64, b text/,
    first: { a: 0, b: "x" },
  },
  ...Object.entries({
    "columns of numbered cells": {
      a: Object.fromEntries(TEN.map((i) => [i, i])),
      b: Object.fromEntries(TEN.map((i) => [i, "x"])),
    },
    "lists by column": { a: TEN, b: TEN.map(() => "x") },
    "columns, index, data": { columns: ["a", "b"], index: TEN, data: TEN.map((i) => [i, "x"]) },
    "numbered rows": Object.fromEntries(TEN.map((i) => [i, { a: i, b: "x" }])),
    "rows under a name": { version: 1, data: TEN.map((i) => ({ a: i, b: "x" })) },
  }).map(([what, value]) => ({
    what: `one object of JSON, as pandas and services write it: ${what}`,
    name: `${what.replaceAll(/\W+/g, "-")}.json`,
    content: JSON.stringify(value, undefined, what.length % 2 === 0 ? 2 : 0),
    columns: /of 10 rows: a int64, b text/,
    first: { a: 0, b: "x" },
  })),
]);

test("text that is another program's is called by what it is", async () => {
  for (const [name, content, pattern] of [
    ["rows.txt", "+1 1:0.5 3:1\n-1 2:1\n", /got rows of LIBSVM/],
    ["iris.csv", "% made by hand\n@RELATION iris\n@ATTRIBUTE a NUMERIC\n@DATA\n1\n", /got an ARFF file of Weka/],
    ["rows.csv", '[{"a": 1, "label": "x"}]', /got JSON; call the file \.json, or \.jsonl/],
    ["lines.csv", '{"a": 1, "label": "x"}\n', /got JSON; call the file/],
    ["rows.xml.csv", "<?xml version='1.0'?><rows/>", /got XML; save it as CSV or JSON/],
    ["columns.csv", "PAR1\0\0", /got a Parquet file; call it \.parquet/],
    [
      "array.csv",
      Uint8Array.from([0x93, ...Buffer.from("NUMPY\x01\0v\0{'descr'")]),
      /got a file of another program \(HDF5, NumPy, /,
    ],
    ["packed.csv", Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 4, 0, 9]), /got an archive of a kind that is not read; unpack it/],
    ["noise.csv", Uint8Array.from({ length: 2000 }, (_, i) => (i * i * 7) % 251), /got bytes that are no text/],
    ["export.xls", "<html><table><tr><td>a</td></tr></table></html>", /expected a workbook, got a web page by its name/],
  ] as const)
    await assert.rejects(readTable(file(name, content), { format: "csv" }), pattern);
  assert.equal((await readTable(file("obj.tsv", `Obj\t€\n${lines(9, (i) => `${i}\tx`)}`))).data.length, 9);
});

test("a last row that was cut off is no footnote", async () => {
  const path = file("cut.csv", `name,n,m\n${lines(9, (i) => `p${i},${i},2`)}p9`);
  await assert.rejects(readTable(path), /row 10 \(line 11\): expected 3 columns, got 1/);
});
