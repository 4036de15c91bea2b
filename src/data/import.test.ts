import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { zip } from "./archives.test.util.js";
import { sha256 } from "./files-node.js";
import { loadData } from "./load-node.js";
import { importData } from "./import-node.js";
import { inspectData } from "./inspect/inspect-node.js";
import { inspectTable } from "./inspect/table-profile-node.js";
import { addStep } from "../report/data-card-node.js";
import { DataError } from "../util/errors.js";

let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "import-"))));
after(() => rm(folder, { recursive: true, force: true }));
const at = (...names: string[]): string => join(folder, ...names);

/** Rows of more bytes than an encoding is seen in. */
const rows = Array.from({ length: 20_000 }, (_, i) => `${i},${(i * 37) % 1000},${"ab"[i % 2]},"text ${i}, and so on"`);
const long = `id,amount,label,text\n${rows.join("\n")}\n`;

test("an imported table is described by its card, as it would be anew, until it is touched", async () => {
  await writeFile(at("t.csv"), long);
  const imported = await importData([at("t.csv")], { out: at("t") });
  const card = await addStep(at("t"), { verb: "import", command: "descent data import", name: "t", ...imported });
  const hash = sha256(Buffer.from(long));
  assert.deepEqual(imported.inputs, [{ name: "t.csv", bytes: long.length, sha256: hash }]);
  assert.deepEqual(card.steps[0]?.outputs, [{ name: "t.csv", bytes: long.length, sha256: hash }]);
  assert.deepEqual(imported.counts, { rows: 20_000, files: 1 });
  const anew = { ...(await inspectTable(at("t", "t.csv"))), name: "t" };
  assert.deepEqual(await inspectData(at("t")), anew);
  assert.match(await readFile(at("t", "card.html"), "utf8"), /Distribution of amount/);
  // What is in the card is what is shown, as long as the file is the one that was imported.
  const path = at("t", "card.json");
  await writeFile(path, (await readFile(path, "utf8")).replace('"rows": 20000,\n    "columns"', '"rows": 77,\n    "columns"'));
  const told = await inspectData(at("t"));
  assert.equal(told.kind === "table" && told.rows, 77);
  const asked = await inspectData(at("t"), { labelColumn: "label" });
  assert.equal(asked.kind === "table" && asked.rows, 20_000);
  await utimes(at("t", "t.csv"), new Date(), new Date(2020, 1, 1));
  assert.deepEqual(await inspectData(at("t")), anew);
});

test("bytes of another encoding far behind the beginning are noticed", async () => {
  const gbk = Buffer.concat([Buffer.from(long), Buffer.from("20000,1,a,\xb1\xb1\xbe\xa9\xb5\xc4\xcc\xec\xc6\xf8\n", "latin1")]);
  await writeFile(at("gbk.csv"), gbk);
  const profile = await inspectTable(at("gbk.csv"));
  assert.equal(profile.rows, 20_001);
  assert.match(profile.notes.join(), /read as GB18030/);
  const imported = await importData([at("gbk.csv")], { out: at("gbk") });
  assert.match(imported.decisions.join("\n"), /read as GB18030[^]*written as a CSV in UTF-8/);
  assert.match(await readFile(at("gbk", "gbk.csv"), "utf8"), /北京的天气/);
  assert.notEqual(imported.inputs[0]?.sha256, sha256(await readFile(at("gbk", "gbk.csv"))));
});

test("what was seen in a file and not asked for is said, also of its copy", async () => {
  await writeFile(at("semi.csv"), "a;b\n1,5;x\n2,5;y\n3,5;z\n");
  const imported = await importData([at("semi.csv")], { out: at("semi") });
  assert.deepEqual(imported.decisions, [`${at("semi.csv")}: semicolons part the columns; --delimiter says otherwise`]);
  await addStep(at("semi"), { verb: "import", command: "descent data import", name: "semi", ...imported });
  assert.deepEqual((await inspectData(at("semi"))).notes, imported.decisions);
  // A name that promises tabs where there are none.
  await writeFile(at("semi.tsv"), "a;b\n1,5;x\n2,5;y\n3,5;z\n");
  const { notes, columns } = await inspectTable(at("semi.tsv"));
  assert.deepEqual(notes, [`${at("semi.tsv")}: semicolons part the columns; --delimiter says otherwise`]);
  assert.equal(columns.length, 2);
  await writeFile(at("one.tsv"), "text\na, b\nc, d\n");
  assert.equal((await inspectTable(at("one.tsv"))).columns.length, 1);
  await writeFile(at("wide.csv"), Buffer.from("\ufeffa,b\n1,x\n2,y\n", "utf16le"));
  assert.match((await inspectTable(at("wide.csv"))).notes.join(), /read as UTF-16LE; --encoding says otherwise/);
});

test("a table with a delimiter that has to be named is written anew, so that nobody has to name it again", async () => {
  await writeFile(at("odd.csv"), "a~b\n1,5~x\n2,5~y\n3,5~z\n");
  await importData([at("odd.csv")], { out: at("odd"), delimiter: "~" });
  assert.equal(await readFile(at("odd", "odd.csv"), "utf8"), '"a","b"\n"1,5","x"\n"2,5","y"\n"3,5","z"\n');
});

test("Rasa's examples are copied as they are", async () => {
  await writeFile(at("nlu.yml"), "nlu:\n- intent: a\n  examples: |\n    - b [c](d)\n");
  const { counts } = await importData([at("nlu.yml")], { out: at("rasa") });
  assert.deepEqual(counts, { files: 1 });
  assert.equal((await loadData(at("rasa"), { testFraction: 0, validationFraction: 0 })).train.length, 1);
});

test("files of one name, names that no disk takes, and nothing of a known kind are refused in a line", async () => {
  const csv = Buffer.from("text,label\na b,x\nc d,y\n");
  const refuse = async (sources: readonly string[], message: RegExp): Promise<void> => {
    const isLine = (error: unknown): boolean =>
      error instanceof DataError && message.test(error.message) && !/\n|EEXIST|ENAMETOOLONG/.test(error.message);
    await assert.rejects(importData(sources, { out: at("refused") }), isLine);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith("refused")),
      [],
    );
  };
  const archive = async (name: string, entries: readonly (readonly [string, Uint8Array])[]): Promise<string> => {
    await writeFile(at(name), zip(entries));
    return at(name);
  };
  const twice = /twice\.zip: expected a name that no other file has, got "a\.csv" again; rename one of them/;
  await refuse(
    [
      await archive("twice.zip", [
        ["a.csv", csv],
        ["a.csv", csv],
      ]),
    ],
    twice,
  );
  await refuse(
    [
      await archive("both.zip", [
        ["a.csv", csv],
        ["a.csv/b.csv", csv],
      ]),
    ],
    /got "a\.csv\/b\.csv" again/,
  );
  await refuse([await archive("long.zip", [[`${"x".repeat(300)}.csv`, csv]])], /names that the disk takes, got "x{80}…"/);
  const inner = await archive("inner.zip", [["a.csv", csv]]);
  await refuse(
    [await archive("outer.zip", [["inner.zip", await readFile(inner)]])],
    /outer\.zip: expected tables, texts or images, got only files of other kinds: "inner\.zip"; unpack archives/,
  );
  await writeFile(at("text.zip"), "a text");
  await refuse([at("text.zip")], /text\.zip: expected a ZIP archive, got another file/);
  await archive("none.zip", []);
  await refuse([at("none.zip")], /none\.zip: expected files in the archive, got none/);
  await mkdir(at("first"));
  await mkdir(at("second"));
  for (const place of ["first", "second"]) for (const name of ["train.csv", "x.csv"]) await writeFile(at(place, name), csv);
  await refuse([at("first", "train.csv"), at("second", "train.csv")], /second.train\.csv: expected a name .*"train\.csv" again/);
  // Rows say which of two files of one name they are from, and no column is written over.
  const files = [at("first", "x.csv"), at("second", "x.csv")];
  await importData(files, { out: at("joined") });
  const joined = await readFile(at("joined", "data.csv"), "utf8");
  for (const file of files) assert.ok(joined.includes(file));
  await writeFile(at("first", "y.csv"), "text,source\na,b\n");
  await writeFile(at("second", "z.csv"), "text,source\nc,d\n");
  await importData([at("first", "y.csv"), at("second", "z.csv")], { out: at("kept") });
  assert.match(await readFile(at("kept", "data.csv"), "utf8"), /^"text","source","source_file"\n"a","b","y\.csv"\n/);
});
