import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { guessRoles } from "../guess.js";
import { openTable, readTable } from "./table-node.js";
import type { TableOptions } from "./table-file-node.js";
import { DataLoader } from "../loader.js";

const folder = mkdtempSync(join(tmpdir(), "descent-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const rows = async (source: string, options?: TableOptions) => [...(await readTable(source, options)).data.rows()];

test("CSV: types are guessed, missing values stay missing", async () => {
  const path = file(
    "people.csv",
    'name,age,height,member,born\n"Lee, Ann",31,1.5,true,1990-01-02\nBo,,NA,false,\n,7,2,,2000-05-06\n',
  );
  const { data } = await readTable(path);
  assert.equal(
    data.toString(),
    "Dataset of 3 rows: name text (1 missing), age int64 (1 missing), height float64 (1 missing), member bool (1 missing), born date (1 missing)",
  );
  assert.deepEqual(
    [...data.rows()],
    [
      { name: "Lee, Ann", age: 31, height: 1.5, member: true, born: new Date("1990-01-02") },
      { name: "Bo", age: null, height: null, member: false, born: null },
      { name: null, age: 7, height: 2, member: null, born: new Date("2000-05-06") },
    ],
  );
  assert.deepEqual(await rows(path, { columns: ["age"], columnTypes: { age: "text" } }), [
    { age: "31" },
    { age: null },
    { age: "7" },
  ]);
});

test("columns that are named by numbers keep the order of the file, and so do guesses of the last one", async () => {
  const cases: [string, string[], string][] = [
    ["2019,2020,label\n1,2,a\n3,4,b\n", ["2019", "2020", "label"], "label"],
    ["plan,2020,2019\nx,1,5\ny,2,6\n", ["plan", "2020", "2019"], "2019"],
    ["7,3,kind\n1,2,a\n3,4,b\n", ["7", "3", "kind"], "kind"],
  ];
  for (const [text, names, target] of cases) {
    const { data } = await readTable(file("years.csv", text), { header: true });
    const parts = [data, data.select([1, 0]), data.slice(0, 1), data.concat(data), data.with({ [target]: ["p", "q"] })];
    for (const part of parts) assert.deepEqual(part.names, names);
    assert.deepEqual(
      data.entries().map(([name]) => name),
      names,
    );
    assert.equal(guessRoles(data).target, target);
    assert.deepEqual(data.pick(...names.toReversed()).names, names.toReversed());
    assert.deepEqual(data.rename({ [target]: "1" }).names, [...names.slice(0, 2), "1"]);
  }
});

test("the same rows from gzip, semicolons, TSV, JSON lines, Parquet and SQL", async () => {
  const csv = file("t.csv", "a,b\n1,x y\n2,\n");
  const expected = [
    { a: 1, b: "x y" },
    { a: 2, b: null },
  ];
  const parquet = join(folder, "t.parquet");
  await rows(`FROM (SELECT 1)`);
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (FROM '${csv}') TO '${parquet}'`);
  connection.closeSync();
  const sources = [
    csv,
    file("t.csv.gz", gzipSync("a,b\n1,x y\n2,\n")),
    file("semicolon.csv", "a;b\n1;x y\n2;\n"),
    file("t.tsv", "a\tb\n1\tx y\n2\t\n"),
    file("t.jsonl", '{"a":1,"b":"x y"}\n{"a":2,"b":null}\n'),
    file("t.jsonl.gz", gzipSync('{"a":1,"b":"x y"}\n{"a":2}\n')),
    file("we[i]rd name*.csv", "a,b\n1,x y\n2,\n"),
    parquet,
    `SELECT * FROM '${csv}' ORDER BY a;`,
  ];
  for (const source of sources) assert.deepEqual(await rows(source), expected, source);
});

test("a corpus in TSV: no header, bare quotation marks", async () => {
  const path = file("sst.tsv", 'a "fine" film\t1\n"never again\t0\n');
  assert.deepEqual(await rows(path), [
    { column0: 'a "fine" film', column1: 1 },
    { column0: '"never again', column1: 0 },
  ]);
});

test("lists of numbers become rows of a tensor, fields of objects columns; other nested values JSON text", async () => {
  const path = file("nested.jsonl", '{"v":[1,2.5],"tokens":["a","b"],"o":{"k":1}}\n{"v":[3,4],"tokens":["c"],"o":{"k":2}}\n');
  const { data } = await readTable(path);
  assert.deepEqual(data.tensor("v"), {
    dtype: "float64",
    shape: [2, 2],
    data: Float64Array.of(1, 2.5, 3, 4),
    positions: { rows: Uint32Array.of(1, 2) },
  });
  assert.deepEqual(JSON.parse(data.texts("tokens")[1] ?? ""), ["c"]);
  assert.deepEqual([...data.tensor("o.k").data], [1n, 2n]);
  const deep = file("deep.jsonl", '{"a":{"b":{"c":"x"},"d e":1.5},"a.f":1}\n{"a":{"b":{"c":"y"},"d e":2}}\n');
  const read = await readTable(deep);
  assert.deepEqual(read.data.row(1), { "a.b.c": "y", "a.d e": 2, "a.f": null });
  // A field of another column's name would hide that one.
  const twice = await readTable(file("twice.jsonl", '{"a":{"b":1},"a.b":2}\n'.repeat(3)));
  assert.deepEqual(twice.data.row(0), { a: '{"b":1}', "a.b": 2 });
  assert.deepEqual((await readTable(deep, { asText: true })).data.names, ["a", "a.f"]);
  await assert.rejects(
    rows(file("ragged.jsonl", '{"v":[1,2]}\n{"v":[3]}\n')),
    /column "v": expected lists of 2 numbers, got one of 1/,
  );
});

const many = Array.from({ length: 30_000 }, (_, i) => `${i},${i * 2}`).join("\n");
const bad: [string, string | Uint8Array, RegExp, number | undefined][] = [
  [
    "short.csv",
    "a,b,c\n1,2,3\n4,5\n6,7,8\n",
    /short\.csv: row 2 \(line 3\): expected 3 columns, got 2; mend the row, or .*--skip-bad-rows/,
    1,
  ],
  ["long.csv", "a,b,c\n1,2,3\n6,7,8\n1,2,3,4\n", /long\.csv: row 3 \(line 4\): expected 3 columns, got 4/, 1],
  ["multiline.csv", 'a,b,c\n1,"x\ny",3\n4,5\n', /row 2 \(line 4\): expected 3 columns, got 2/, 1],
  [
    "quote.csv",
    'a,b\n1,"x\n',
    /quote\.csv: row 1 \(line 2\): expected a closing quote right before a delimiter, got none/,
    undefined,
  ],
  ["late.csv", `a,b\n${many}\n3\n`, /late\.csv: row 30001 \(line 30002\): expected 2 columns, got 1/, 1],
  [
    "torn.csv",
    Buffer.concat([Buffer.from("a,b\n1,é\n2,ü\n3,"), Uint8Array.of(0xff, 10)]),
    /torn\.csv: row 3 \(line 4\): expected UTF-8, got other bytes; save the file as UTF-8/,
    1,
  ],
  ["broken.jsonl", '{"a":1}\n{"a":2\n{"a":3}\n', /broken\.jsonl: row 2: expected JSON, got text that does not parse/, 1],
];
for (const [name, content, message, skipped] of bad) {
  test(`a broken row is refused with file and row number: ${name}`, async () => {
    const path = file(name, content);
    await assert.rejects(
      rows(path),
      (error: Error) => error.name === "DataError" && message.test(error.message) && !error.message.includes("\n"),
    );
    if (skipped === undefined)
      await assert.rejects(rows(path, { skipBadRows: true }), /expected at least one row, got only 1 that/);
    else {
      const read = await readTable(path, { skipBadRows: true });
      assert.equal(read.badRows, skipped);
      assert.equal(
        read.data.length,
        { "late.csv": 30_000, "short.csv": 2, "long.csv": 2, "torn.csv": 2, "broken.jsonl": 2 }[name] ?? 1,
      );
    }
  });
}

const refused: [string, () => string, RegExp][] = [
  ["missing", () => join(folder, "none.csv"), /none\.csv: expected a file that can be read, got an error: no such file/],
  ["a folder", () => folder, /expected a file that can be read, got an error: a folder/],
  ["unknown format", () => file("a.xyz", "a,b\n"), /a\.xyz: expected a \.csv, \.tsv, \.xlsx, \.jsonl, \.json or \.parquet file/],
  ["empty", () => file("empty.csv", ""), /empty\.csv: expected at least one row, got an empty file/],
  ["header only", () => file("header.csv", "a,b\n"), /header\.csv: expected at least one row, got none/],
  [
    "truncated gzip",
    () => file("cut.csv.gz", gzipSync(`a,b\n${many}`).subarray(0, 9000)),
    /cut\.csv\.gz: expected a whole gzip file/,
  ],
  ["not gzip", () => file("plain.csv.gz", "a,b\n1,2\n"), /plain\.csv\.gz: expected a gzip file, got other bytes/],
  ["not Parquet", () => file("x.parquet", "hello, world"), /x\.parquet: expected a parquet file that DuckDB can read/],
  ["not objects", () => file("values.jsonl", '{"a":1}\n[4]\n'), /values\.jsonl: row 2: expected a JSON object, got a list/],
  ["bad SQL", () => "SELECT * FROM nowhere", /query: expected SQL that DuckDB can run, got an error: Catalog Error/],
];
for (const [name, make, message] of refused) {
  test(`refused in one line: ${name}`, async () => {
    await assert.rejects(
      rows(make()),
      (error: Error) => error.name === "DataError" && message.test(error.message) && !error.message.includes("\n"),
    );
  });
}

test("an unknown column is named with the nearest right one", async () => {
  const path = file("names.csv", "price,colour\n1,x\n");
  await assert.rejects(rows(path, { columns: ["color"] }), /unknown column "color"; did you mean "colour"/);
  await assert.rejects(rows(path, { columnTypes: { prize: "text" } }), /unknown column "prize"; did you mean "price"/);
});

test("a large file streams in chunks, any number of times, and can be left early", async () => {
  const table = await openTable(file("large.csv", `a,b\n${many}\n`));
  for (let epoch = 0; epoch < 2; epoch++) {
    let count = 0;
    let sum = 0;
    let largest = 0;
    for await (const chunk of table) {
      count += chunk.length;
      largest = Math.max(largest, chunk.length);
      for (const value of chunk.tensor("b").data) sum += Number(value);
    }
    assert.deepEqual([count, sum], [30_000, 30_000 * 29_999]);
    assert.ok(largest <= 4096, `chunks of ${largest} rows`);
  }
  const loader = new DataLoader(table, { batchSize: 64, shuffle: true, shuffleBuffer: 4096 });
  const seen = new Set<number>();
  for await (const batch of loader) for (const a of batch["a"]?.data ?? []) seen.add(Number(a));
  assert.equal(seen.size, 30_000);
  for await (const batch of loader) {
    assert.equal(batch["a"]?.shape[0], 64);
    break;
  }
});
