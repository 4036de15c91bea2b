import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { zip } from "./archives.test.util.js";
import { Dataset } from "./dataset.js";
import { sha256 } from "./files-node.js";
import { guessRoles, guessTask } from "./guess.js";
import { checkLabels, classesOf, encodeLabels, encodeLabelSets, labelSets } from "./labels.js";
import { loadData } from "./load-node.js";
import { KNOWN_DATASETS, knownDataset } from "./registry.js";
import type { KnownDataset } from "./registry.js";
import { findKnownFile } from "./registry-node.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "descent-"));
});
after(() => rm(folder, { recursive: true }));
const offline = { download: false } as const;
const oneLine = (pattern: RegExp) => (error: Error) =>
  error.name === "DataError" && pattern.test(error.message) && !error.message.includes("\n");

test("the bundled digits load without a network, split by class", async () => {
  const data = await loadData("digits", { ...offline, dataFolder: "", cacheFolder: join(folder, "none") });
  assert.deepEqual([data.train.length, data.validation.length, data.test.length], [1455, 162, 180]);
  assert.deepEqual(data.train.tensor("image").shape, [1455, 1, 8, 8]);
  assert.deepEqual([data.task, data.maximum, data.roles], ["image-classification", 16, { image: "image", target: "label" }]);
  assert.match(data.notes.join("; "), /test: 180 of 1797 examples held out \(stratified, seed 0\)/);
  const perClass = new Array<number>(10).fill(0);
  for (const label of data.test.tensor("label").data) (perClass[Number(label)] as number)++;
  for (const count of perClass) assert.ok(count >= 17 && count <= 19, `${count}`);
  const again = await loadData("digits", { ...offline, seed: 1 });
  assert.notDeepEqual(again.test.tensor("label").data, data.test.tensor("label").data);
  const whole = await loadData("digits", { ...offline, validationFraction: 0 });
  assert.deepEqual([whole.train.length, whole.validation.length], [1617, 0]);
});

const shared = process.env["DESCENT_DATA"];
const skip = shared === undefined ? "DESCENT_DATA is not set: the known data sets were NOT checked" : false;
/** Examples that each set has; rows without a text, and sentences without marked arguments, are left out. */
const ROWS: Readonly<Record<string, number>> = {
  digits: 1797,
  "fashion-mnist": 70_000,
  mnist: 70_000,
  cifar10: 60_000,
  iris: 150,
  titanic: 891,
  penguins: 344,
  mpg: 398,
  diamonds: 53_940,
  tips: 244,
  sst2: 6920 + 872 + 1821,
  bccd: 205 + 87 + 72,
  "chnsenticorp-hotel": 7766 - 1,
  "online-shopping": 62_774 - 1,
  "thucnews-titles": 20_000,
  wnut17: 3394 + 1009 + 1287,
  "resume-ner-zh": 3821 + 463 + 477,
  "msra-ner-zh": 55_289,
  "up-english-ewt": 2002 - 28 + 2077 - 15,
  "up-chinese": 1000,
  tinyshakespeare: 3,
};
for (const known of KNOWN_DATASETS) {
  test(`${known.name} is what the registry says`, { skip: known.name === "digits" ? false : skip }, async () => {
    const data = await loadData(known.name, offline);
    assert.equal(data.task, known.task);
    const rows = data.train.length + data.validation.length + data.test.length;
    assert.equal(rows, ROWS[known.name]);
    assert.ok(data.train.has((data.roles.target ?? data.roles.text) as string));
  });
}

test("files are looked for in order, downloaded, checked and kept; what is wrong is refused", async () => {
  const right = { name: "t.csv.gz", sha256: sha256(Buffer.from("a,b\n1,2\n")), url: "http://example.invalid/t.csv" };
  const layout = { kind: "table", file: right, target: "b" } as const;
  const known: KnownDataset = { ...knownDataset("iris"), name: "other", folder: "other", layout };
  const cacheFolder = join(folder, "cache");
  const options = { cacheFolder, dataFolder: join(folder, "data") };
  await assert.rejects(
    findKnownFile(known, right, { ...options, download: false }),
    oneLine(/other: expected t\.csv\.gz in \$DESCENT_DATA\/other/),
  );

  const answers: Record<string, () => Response> = {
    good: () => new Response("a,b\n1,2\n", { headers: { "content-length": "8" } }),
    altered: () => new Response("a,b\n1,3\n"),
    absent: () => new Response("no", { status: 404 }),
  };
  const get = (kind: string) => (() => Promise.resolve((answers[kind] as () => Response)())) as typeof fetch;
  await assert.rejects(
    findKnownFile(known, right, { ...options, fetch: get("absent") }),
    oneLine(/got HTTP 404; put t\.csv\.gz into \S*other by hand, or set DESCENT_DATA$/),
  );
  await assert.rejects(
    findKnownFile(known, right, { ...options, fetch: get("altered") }),
    oneLine(/expected sha256 .*, got .*the source has changed/),
  );
  const broken = (() =>
    Promise.reject(new TypeError("fetch failed", { cause: new Error("getaddrinfo ENOTFOUND") }))) as typeof fetch;
  await assert.rejects(
    findKnownFile(known, right, { ...options, fetch: broken }),
    oneLine(/got an error: getaddrinfo ENOTFOUND/),
  );

  const progress: unknown[] = [];
  const found = await findKnownFile(known, right, { ...options, fetch: get("good"), onProgress: (p) => progress.push(p) });
  assert.equal(Buffer.from(found.content).toString(), "a,b\n1,2\n");
  assert.deepEqual(progress.at(-1), { file: "t.csv.gz", receivedBytes: 8, totalBytes: 8 });
  assert.equal((await readFile(found.path))[0], 0x1f, "kept under a .gz name, so gzipped");
  assert.equal((await findKnownFile(known, right, { ...options, download: false })).path, found.path);

  await mkdir(join(folder, "data", "other"), { recursive: true });
  const own = join(folder, "data", "other", "t.csv.gz");
  await writeFile(own, gzipSync("a,b\n1,2\n", { level: 1 }));
  assert.equal((await findKnownFile(known, right, options)).path, own, "another gzip wrapper of the same bytes is accepted");
  await writeFile(own, gzipSync("a,b\n9,9\n"));
  await assert.rejects(findKnownFile(known, right, options), oneLine(/data\/other\/t\.csv\.gz: expected sha256 .* delete it/));
  await writeFile(own, gzipSync("a,b\n1,2\n").subarray(0, 15));
  await assert.rejects(findKnownFile(known, right, options), oneLine(/expected a whole gzip file, got a truncated/));
});

test("a folder gives its own splits; columns of the parts must agree", async () => {
  const parts = join(folder, "parts");
  await mkdir(parts);
  await writeFile(join(parts, "train.csv"), "text,label\na long enough sentence,0\nanother long sentence,1\n");
  await writeFile(join(parts, "dev.csv"), "text,label\nx,0\n");
  await writeFile(join(parts, "test.csv"), "text,label\ny,1\nz,\n");
  const data = await loadData(parts);
  assert.deepEqual([data.train.length, data.validation.length, data.test.length, data.task], [2, 1, 1, "text-classification"]);
  assert.deepEqual(data.notes, ['1 rows of test without a value for "label" were left out']);
  await writeFile(join(parts, "test.csv"), "text,labels\ny,1\n");
  await assert.rejects(loadData(parts), oneLine(/unknown column "label"; did you mean "labels"/));
  await mkdir(join(folder, "nothing"));
  await assert.rejects(loadData(join(folder, "nothing")), oneLine(/nothing: expected one table, or a train\.csv.*found none/));
});

test("a test part without labels is none, in a folder and in an archive; so are nameless columns of nothing and of row numbers", async () => {
  const rows = Array.from({ length: 30 }, (_, i) => `${i},${i % 7},${i % 5},${i % 2 === 0 ? "a" : "b"},`).join("\n");
  const files = {
    "train.csv": `,x,y,label,\n${rows}\n`,
    "test.csv": rows.replaceAll(/,[ab],/g, ",").replace(/^/, ",x,y,\n"),
    "sample_submission.csv": "id,label\n0,a\n",
  };
  const kaggle = join(folder, "kaggle");
  await mkdir(kaggle);
  for (const [name, content] of Object.entries(files)) await writeFile(join(kaggle, name), content);
  const archive = join(folder, "kaggle.zip");
  await writeFile(archive, zip(Object.entries(files).map(([name, content]) => [`data/${name}`, Buffer.from(content)])));
  for (const spec of [kaggle, archive]) {
    const data = await loadData(spec, { tableOf: "rows" });
    assert.deepEqual(data.train.names, ["x", "y", "label"]);
    assert.equal(data.train.length + data.validation.length + data.test.length, 30);
    assert.match(data.notes.join("\n"), /test\.csv has no column "label" and is no part to measure on/);
    assert.match(
      data.notes.join("\n"),
      /a column without a name and without values left out\na column without a name that counts the rows/,
    );
  }
  const odd = join(folder, "odd.zip");
  await writeFile(
    odd,
    zip([
      ["a.csv", Buffer.from("x\n1\n")],
      ["b.csv", Buffer.from("y\n1\n")],
    ]),
  );
  await assert.rejects(loadData(odd), oneLine(/odd\.zip: expected one table, or a train\.csv.*found a\.csv, b\.csv/));
});

test("in a table without a header the class is the column of few words, unless the last may be one", async () => {
  const guessed = async (name: string, row: (i: number) => string, quantity = false): Promise<string | undefined> => {
    await writeFile(join(folder, name), Array.from({ length: 40 }, (_, i) => `${row(i)}\n`).join(""));
    return (await loadData(join(folder, name), { tableOf: "rows", quantity })).roles.target;
  };
  const middle = (i: number): string => `${i * 3}.5,${["x", "y", "z"][i % 3]},${i * 0.37}`;
  assert.equal(await guessed("middle.csv", middle), "column1");
  assert.equal(await guessed("middle.csv", middle, true), "column2");
  assert.equal(await guessed("last.csv", (i) => `${["x", "y"][i % 2]},${i * 0.37},${i % 4}`), "column2");
});

test("bad input is refused in one line", async () => {
  await assert.rejects(loadData("fashion-mnits"), oneLine(/unknown data set "fashion-mnits"; did you mean "fashion-mnist"/));
  await assert.rejects(
    loadData("./none.csv"),
    oneLine(/none\.csv: expected a file that can be read, got an error: no such file/),
  );
  const path = join(folder, "small.csv");
  await writeFile(path, "x,y\n1,2\n3,4\n");
  await assert.rejects(loadData(path), oneLine(/expected enough rows to hold out 0\.1 of them as test, got 2/));
  await assert.rejects(loadData(path, { labelColumn: "yy" }), oneLine(/unknown column "yy"; did you mean "y"/));
});

test("IDX files beside each other, and what is wrong with them", async () => {
  const at = (name: string) => join(folder, name);
  const images = (count: number) =>
    Uint8Array.of(0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 2, ...new Array<number>(2 * count).fill(7));
  const labels = (values: number[]) => Uint8Array.of(0, 0, 8, 1, 0, 0, 0, values.length, ...values);
  await writeFile(at("my-images-idx3-ubyte"), images(40));
  await writeFile(at("my-labels-idx1-ubyte"), labels(Array.from({ length: 40 }, (_, i) => i % 4)));
  const data = await loadData(at("my-images-idx3-ubyte"));
  assert.deepEqual(data.train.tensor("image").shape, [32, 1, 1, 2]);
  assert.deepEqual(data.train.tensor("label").classes, ["0", "1", "2", "3"]);
  await writeFile(at("my-labels-idx1-ubyte"), labels([1, 2]));
  await assert.rejects(loadData(at("my-images-idx3-ubyte")), oneLine(/expected 40 labels, one for each image, got \[2\]/));
  await writeFile(at("my-images-idx3-ubyte"), images(40).subarray(0, 90));
  await assert.rejects(loadData(at("my-images-idx3-ubyte")), oneLine(/expected 96 bytes .* got 90; it is truncated/));
});

test("roles and task are guessed from names, then types; the user's word counts most", () => {
  const words = ["a fine film with a good cast", "nothing in it is worth the time", "once is enough for this one"];
  const guess = (columns: ConstructorParameters<typeof Dataset>[0], options = {}) => {
    const data = new Dataset(columns);
    const roles = guessRoles(data, options);
    return [roles.text, roles.target, guessTask(data, roles)];
  };
  assert.deepEqual(guess({ column0: words, column1: [0, 1, 0] }), ["column0", "column1", "text-classification"]);
  assert.deepEqual(guess({ label: [0, 1, 0], review: ["a", "b", "c"] }), ["review", "label", "text-classification"]);
  assert.deepEqual(guess({ a: [1.5, 2, 3], b: ["x", "y", "x"] }), [undefined, "b", "tabular-classification"]);
  assert.deepEqual(guess({ a: ["x", "y", "x"], b: [1.5, 2, 3] }), [undefined, "b", "tabular-regression"]);
  assert.deepEqual(guess({ a: ["x", "y", "x"], b: [1.5, 2, 3] }, { targetColumn: "a" }), [
    undefined,
    "a",
    "tabular-classification",
  ]);
  assert.deepEqual(guess({ n: [1, 2, 3], a: words, b: words }, { textColumn: "b", labelColumn: "n" }), [
    "b",
    "n",
    "text-classification",
  ]);
  assert.throws(() => guess({ text: words }), /expected a column to predict, found none/);
  assert.throws(() => guess({ n: [1, 2, 3], l: [1, 1, 0] }, { textColumn: "n" }), /column "n": expected texts, got float64/);
});

test("labels become indices of sorted classes; what is outside is refused with its row", () => {
  const { columns } = new Dataset({ t: ["b", "a", "b"], n: [10, 9, 10], m: [true, false, true], gap: ["a", null, "b"] });
  const of = (name: string) => columns[name] as NonNullable<(typeof columns)[string]>;
  assert.deepEqual(classesOf(of("t"), "t"), ["a", "b"]);
  assert.deepEqual(classesOf(of("n"), "n"), ["9", "10"]);
  assert.deepEqual([...encodeLabels(of("n"), ["9", "10"], "n").data], [1, 0, 1]);
  assert.deepEqual([...encodeLabels(of("m"), classesOf(of("m"), "m"), "m").data], [1, 0, 1]);
  assert.throws(() => encodeLabels(of("t"), ["b"], 'column "t"'), oneLine(/column "t", example 2: expected one of b, got "a"/));
  assert.throws(() => encodeLabels(of("gap"), ["a", "b"], "gap"), oneLine(/gap, example 2: expected one of a, b, got no label/));
  const label = { dtype: "uint8", shape: [2], data: Uint8Array.of(1, 12) } as const;
  assert.throws(
    () => checkLabels(label, ["a", "b"], "labels.gz"),
    oneLine(/labels\.gz, example 2: expected a label in 0 … 1, got 12/),
  );
});

test("several labels in a cell, as a list or with a separator, become columns of 0 and 1", () => {
  const column = { dtype: "string", values: ['["a","b c"]', "b c; a", null, "", "[odd", "a"] } as const;
  const sets = labelSets(column);
  assert.deepEqual(sets, [["a", "b c"], ["b c", "a"], [], [], ["[odd"], ["a"]]);
  assert.deepEqual(labelSets({ dtype: "string", values: ["x|y"] }, "|"), [["x", "y"]]);
  const { shape, data } = encodeLabelSets(sets, ["a", "b c", "[odd"], "labels");
  assert.deepEqual(
    [shape, [...data]],
    [
      [6, 3],
      [1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0],
    ],
  );
  assert.throws(() => encodeLabelSets(sets, ["a"], "labels"), oneLine(/labels, example 1: expected labels among a, got "b c"/));
});

test("columns that are left out play no role, and no column has two", async () => {
  const path = join(folder, "columns.csv");
  const rows = Array.from(
    { length: 40 },
    (_, i) => `Title number ${i},A longer text of a review ${i * 7},${i % 2 === 0 ? "good" : "bad"},${i % 3}`,
  );
  await writeFile(path, `title,review,stars,place\n${rows.join("\n")}\n`);
  const rolesOf = async (ignoreColumn: readonly string[]) => (await loadData(path, { ignoreColumn })).roles;
  assert.deepEqual(await rolesOf(["place"]), { text: "title,review", target: "stars" });
  assert.deepEqual(await rolesOf(["title"]), { text: "review", target: "place" });
  assert.deepEqual(await rolesOf(["title", "place"]), { text: "review", target: "stars" });
  assert.equal((await loadData(path, { pairs: true, ignoreColumn: ["title", "place"] })).roles.text, "review");
  const refused = (options: Parameters<typeof loadData>[1], message: RegExp) =>
    assert.rejects(loadData(path, options), { name: "ConfigError", message });
  await refused(
    { labelColumn: "stars", ignoreColumn: ["stars"] },
    /^--ignore-column stars: expected another column than that of --label-column/,
  );
  await refused({ textColumn: "title,review", ignoreColumn: ["title"] }, /^--ignore-column title: .* than that of --text-column/);
  await refused(
    { labelColumn: "title", textColumn: "title" },
    /^--text-column title: expected another column than that of --label-column/,
  );
  await refused({ ignoreColumn: ["stras"] }, /^--ignore-column: unknown column "stras"; did you mean "stars"\?/);
});
