import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rowsOf, withConnection } from "./duckdb-node.js";
import { checkRepeated, isQuery, parseQuery, refuseStatement } from "./query-node.js";
import { openQuery, readTable } from "./table-node.js";

const folder = mkdtempSync(join(tmpdir(), "descent-query-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const written = join(folder, "WRITTEN");
const quoted = (name: string): string => `'${join(folder, name).replaceAll("'", "''")}'`;
const NAMES = ["plain.csv", "it's.csv", 'double "quotes".csv', "all [x] *.csv", "with; semicolon.csv"];
for (const name of NAMES) writeFileSync(join(folder, name), "a,b\n1,x\n2,y\n");
await mkdir(join(folder, "many"));
for (const name of ["1.csv", "2.csv"]) writeFileSync(join(folder, "many", name), "a,b\n1,x\n");
writeFileSync(join(folder, "secret.txt"), "secret\n");

const rowsIn = async (sql: string): Promise<number> => (await readTable(sql)).data.length;

test("a query reads the files that it names, whatever their names hold", async () => {
  for (const name of NAMES.filter((each) => !each.includes("*"))) assert.equal(await rowsIn(`SELECT * FROM ${quoted(name)}`), 2);
  assert.equal(await rowsIn(`SELECT * FROM ${quoted("many/*.csv")}`), 2);
  assert.equal(await rowsIn(`FROM read_csv([${quoted("many/1.csv")}, ${quoted("plain.csv")}], header = true)`), 3);
  assert.equal(await rowsIn(`WITH t AS (FROM ${quoted("plain.csv")}) SELECT * FROM t JOIN ${quoted("it's.csv")} USING (a)`), 2);
  assert.equal(await rowsIn(`SELECT * FROM ${quoted("plain.csv")} WHERE a IN (SELECT a FROM ${quoted("many/1.csv")}) -- all`), 1);
  assert.equal(await rowsIn(`SELECT * FROM ${quoted("plain.csv")} ;`), 2);
});

test("what a query names inside itself is no file", async () => {
  const { access } = await parseQuery(
    "WITH One AS (FROM 'a.csv'), two AS (WITH three AS (FROM one) FROM three) FROM 'b.csv', TWO",
  );
  assert.deepEqual(access.files, ["a.csv", "b.csv"]);
});

test("files with quotes and patterns in their names are read by name as well", async () => {
  for (const name of NAMES) assert.equal(await rowsIn(join(folder, name)), 2, name);
});

test("dates that DuckDB guesses out of text are said, unless the query says how they are written", async () => {
  writeFileSync(join(folder, "days.csv"), "day,y\n03/04/2023,1\n05/04/2023,2\n");
  const days = quoted("days.csv");
  const remarks = async (sql: string): Promise<readonly string[]> =>
    (await readTable(sql)).notes.filter((note) => /DuckDB/.test(note));
  const [said = ""] = await remarks(`SELECT * FROM ${days}`);
  assert.match(
    said,
    /^query: column "day" comes as dates, whose order of day and month DuckDB guesses in each file anew; .*dateformat/,
  );
  assert.deepEqual(await remarks(`SELECT y FROM ${days}`), []);
  assert.deepEqual(await remarks("SELECT DATE '2023-04-03' AS day"), []);
  const given = `FROM read_csv(${days}, dateformat = '%d/%m/%Y')`;
  assert.deepEqual(await remarks(given), []);
  assert.deepEqual((await readTable(given)).data.row(0)["day"], new Date("2023-04-03"));
});

const refused: [string, string][] = [
  ["a second statement", `SELECT 1; COPY (SELECT 1) TO '${written}'`],
  ["a second SELECT", "SELECT 1; SELECT 2"],
  ["a wrapper that is closed early", `SELECT 1) t; COPY (SELECT 1) TO '${written}' (HEADER false); SELECT * FROM (SELECT 1`],
  ["a wrapper that is closed in a comment", `SELECT 1 /*) t; */) t; COPY (SELECT 1) TO '${written}'; --`],
  ["COPY in a query", `SELECT * FROM query('COPY (SELECT 1) TO ''${written}''')`],
  ["a file that is written by a table function", `FROM enable_logging('QueryLog', storage='file', storage_path='${written}')`],
  ["a file whose name is put together", `SELECT * FROM read_text('${folder}/' || 'secret.txt')`],
  ["a folder that is looked through", `SELECT * FROM glob(concat('${folder}', '/*'))`],
  ["an address", "SELECT * FROM 'https://example.org/a.csv'"],
  ["ATTACH", `SELECT 1; ATTACH '${written}' AS other`],
  ["settings", "SELECT 1; SET enable_external_access=true"],
  ["extensions", "SELECT 1; INSTALL httpfs"],
  ["data that are changed", "WITH x AS (INSERT INTO y VALUES (1)) SELECT 1"],
  ["nothing", "SELECT "],
];
for (const [name, sql] of refused) {
  test(`refused in one line: ${name}`, async () => {
    await assert.rejects(
      rowsIn(sql),
      (error: Error) => error.name === "DataError" && error.message.startsWith("query: ") && !error.message.includes("\n"),
    );
    assert.ok(!existsSync(written), "nothing is written");
  });
}

test("no name of a column gets out of its quotes", async () => {
  const path = join(folder, "columns.csv");
  writeFileSync(path, `"a"" FROM x; COPY (SELECT 1) TO '${written}'; --",b\n1,2\n`);
  assert.equal(await rowsIn(path), 1);
  assert.ok(!existsSync(written));
});

test("a running query ends where its signal is aborted", async () => {
  const endless = "SELECT count(*) AS n FROM range(10000000000) a, range(1000000) b WHERE a.range % 7 = b.range % 11";
  const reason = new Error("stopped");
  let stop = new AbortController();
  // While the connection is made, while a statement begins, and while it runs.
  for (const delayMs of [0, 1, 5, 10, 20, 50, 200]) {
    stop = new AbortController();
    const reading = readTable(endless, { signal: stop.signal });
    setTimeout(() => stop.abort(reason), delayMs);
    await assert.rejects(reading, (error) => error === reason);
  }
  await assert.rejects(openQuery("SELECT 1", { signal: stop.signal }), (error) => error === reason);
});

test("a query that wants more memory than it may have ends with an error", async () => {
  const run = withConnection({ memoryMiB: 256 }, (connection) =>
    rowsOf(connection, "SELECT list(range) AS n FROM range(100000000000)"),
  );
  await assert.rejects(run, /Out of Memory/);
});

test("a file that is not there is called so", async () => {
  await assert.rejects(
    rowsIn("SELECT * FROM 'nowhere/none.csv'"),
    /query: expected files that are there, got nowhere\/none\.csv, which is not/,
  );
});

test("what a query reads is known before it runs", async () => {
  const { access } = await parseQuery("SELECT 'text.csv' AS a, 'b' || c FROM 'd.csv' JOIN read_json('e/*.json') USING (x)");
  assert.deepEqual([access.files, access.folders], [["d.csv"], ["e/"]]);
});

test("statements in place of a file are named, files that begin alike are not", async () => {
  const statements = ["COPY (SELECT 1) TO 'a.csv'", "attach 'a.db'", "DROP TABLE x", "PRAGMA version", "INSTALL httpfs"];
  for (const text of statements)
    assert.throws(
      () => refuseStatement(text),
      /expected one SELECT over files that it names, got a statement that begins with [A-Z]+$/,
    );
  for (const name of ["copy of a.csv", "set 1.csv", "load.csv", "show me.csv", "values.csv", "call me"]) refuseStatement(name);
  await assert.rejects(rowsIn(`SELECT * FROM ${quoted("secret.txt")}`), /expected tables in files of \.csv.*read_csv\('FILE'\)/);
  await assert.rejects(
    rowsIn("SELECT * FROM plain.csv"),
    /expected files that the query names in quotes, and nothing else, got plain\.csv/,
  );
});

test("a query in somebody's file is not run unless it is repeated", () => {
  const query = "SELECT * FROM 'a.csv'";
  const check = (stored: unknown, given?: string): void => checkRepeated(stored, given, "run/config.json", "add --data");
  assert.throws(() => check(query), /run\/config\.json: expected its query to be repeated by you.*--data 'SELECT \* FROM /);
  assert.throws(() => check(query, "SELECT 2"), /got another/);
  check(query, ` ${query} `);
  check("iris.csv");
  check(undefined);
  assert.deepEqual([isQuery(" select 1"), isQuery("selection.csv"), isQuery("from.csv")], [true, false, false]);
});
