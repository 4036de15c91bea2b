/** @module Images from folders, archives, tables, Parquet and CIFAR's batches: the same images, classes and parts; and what is refused. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import sharp from "sharp";
import { tar, zip } from "../archives.test.util.js";
import { Dataset } from "../dataset.js";
import type { LoadedData, LoadOptions } from "../load-node.js";
import { loadData } from "../load-node.js";
import { DataError } from "../../util/errors.js";
import { resizeParts } from "./decode-node.js";
import { isEncoded } from "./encoded.js";

const root = mkdtempSync(join(tmpdir(), "descent-folders-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** An image of one colour, which tells its class and number. */
const picture = (label: number, i: number, width = 24, height = 20): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: label * 90, g: i * 4, b: 50 } } })
    .png()
    .toBuffer();

const put = (path: string, bytes: Uint8Array | string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes);
};

const CLASSES = ["ant", "bee", "cat"];
const PER_CLASS = 20;
const files = new Map<string, Buffer>();

before(async () => {
  for (const [k, label] of CLASSES.entries())
    for (let i = 0; i < PER_CLASS; i++) files.set(`${label}/${String(i).padStart(2, "0")}.png`, await picture(k, i));
  for (const [name, bytes] of files) {
    put(`plain/${name}`, bytes);
    const i = Number(name.slice(4, 6));
    put(`split/${i < 14 ? "train" : i < 17 ? "val" : "test"}/${name}`, bytes);
  }
  put("plain/.hidden/x.png", "no image");
  put("plain/ant/readme.txt", "no image either");
});

const refuse = (spec: string, expected: RegExp, options: LoadOptions = {}): Promise<void> =>
  assert.rejects(loadData(join(root, spec), options), (error: Error) => {
    assert.ok(error instanceof DataError, String(error.stack));
    assert.match(error.message, expected);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });

/** Each image's colour says what its label must be. */
function checkColours(data: LoadedData): void {
  for (const part of [data.train, data.validation, data.test]) {
    const [image, label] = [part.tensor("image"), part.tensor("label")];
    const size = image.data.length / part.length;
    for (let i = 0; i < part.length; i++) assert.equal(image.data[i * size], Number(label.data[i]) * 90, `row ${i}`);
  }
}

test("a folder for each class: decoded, split by class, hidden and other files left alone", async () => {
  const data = await loadData(join(root, "plain"));
  assert.equal(data.task, "image-classification");
  assert.deepEqual(data.train.tensor("label").classes, CLASSES);
  assert.deepEqual([data.train.length, data.validation.length, data.test.length], [49, 5, 6]);
  assert.deepEqual(data.train.tensor("image").shape, [49, 3, 20, 24]);
  checkColours(data);
});

test("train, val and test folders are the parts", async () => {
  const data = await loadData(join(root, "split"));
  assert.deepEqual([data.train.length, data.validation.length, data.test.length], [42, 9, 9]);
  checkColours(data);
});

test("images of many sizes get one, the one asked for or one that fits most", async () => {
  for (let i = 0; i < 4; i++) {
    put(`sizes/a/${i}.png`, await picture(0, i, 150 + i, 120));
    put(`sizes/b/${i}.png`, await picture(1, i, 130, 200 + i));
  }
  const options = { testFraction: 0, validationFraction: 0 };
  assert.deepEqual((await loadData(join(root, "sizes"), options)).train.tensor("image").shape, [8, 3, 128, 128]);
  const asked = await loadData(join(root, "sizes"), { ...options, imageSize: [32, 48] });
  assert.deepEqual(asked.train.tensor("image").shape, [8, 3, 32, 48]);
  checkColours(asked);
});

test("images stay files where decoded ones would not fit, and where crops are cut from large ones; a sample is decoded", async () => {
  const small = await loadData(join(root, "plain"), { imageMemoryMiB: 0.02 });
  for (const part of [small.train, small.validation, small.test]) assert.ok(isEncoded(part.column("image")));
  assert.equal(small.images?.sample?.tensor("image").shape.join(), "49,3,20,24");
  const crops = await loadData(join(root, "sizes"), { imageSize: [32, 32], keepOriginals: () => true });
  assert.ok(isEncoded(crops.train.column("image")) && !isEncoded(crops.test.column("image")));
  // Nothing is lost by decoding what is small already.
  assert.ok(!isEncoded((await loadData(join(root, "plain"), { keepOriginals: () => true })).train.column("image")));
});

test("archives: the same as the folder that is in them", async () => {
  const folder = await loadData(join(root, "plain"));
  put("plain.tar.gz", gzipSync(tar(files)));
  put("wrapped.tar", tar([...files].map(([name, bytes]) => [`pictures/${name}`, bytes] as const)));
  for (const name of ["plain.tar.gz", "wrapped.tar"]) {
    const data = await loadData(join(root, name));
    assert.deepEqual(data.train.tensor("image").data, folder.train.tensor("image").data, name);
    assert.deepEqual(data.test.tensor("label"), folder.test.tensor("label"), name);
  }
  const parts = await loadData(join(root, "plain.tar.gz"), { imageMemoryMiB: 0.001 });
  assert.ok(isEncoded(parts.test.column("image")));
  put("short.tar", tar(files).subarray(0, 5300));
  await refuse("short.tar", /short\.tar: expected a header at byte \d+, got the end; it is truncated/);
  put("shorter.tar", tar(files).subarray(0, 540));
  await refuse("shorter.tar", /shorter\.tar: expected \d+ bytes of a file, got 28; it is truncated/);
  put("letter.tar", "Dear all,".repeat(200));
  await refuse("letter.tar", /letter\.tar: expected a tar archive/);
});

test("a table of paths and labels, with parts or without", async () => {
  const rows = [...files.keys()].map((name) => `plain/${name},${name.slice(0, 3)}`);
  put("list.csv", `path,label\n${rows.join("\n")}\n`);
  const data = await loadData(join(root, "list.csv"));
  assert.deepEqual([data.train.length, data.validation.length, data.test.length], [49, 5, 6]);
  checkColours(data);
  // As competitions have it: numbers for names, in a folder of images beside the table.
  const named = [...files].map(([name, bytes], i) => ({ label: name.slice(0, 3), file: `${i}.png`, bytes }));
  for (const { file, bytes } of named) put(`beside/images/${file}`, bytes);
  put("beside/labels.csv", `id,label\n${named.map(({ file, label }) => `${file},${label}\n`).join("")}`);
  checkColours(await loadData(join(root, "beside/labels.csv")));
  const parts = rows.map((row, i) => `${row},${i % 20 < 14 ? "train" : i % 20 < 17 ? "val" : "test"}`);
  put("parts.csv", `file,species,split\n${parts.join("\n")}\n`);
  const split = await loadData(join(root, "parts.csv"), { labelColumn: "species" });
  assert.deepEqual([split.train.length, split.validation.length, split.test.length], [42, 9, 9]);
  checkColours(split);

  put("absent.csv", `path,label\n${rows.slice(0, 3).join("\n")}\nplain/ant/99.png,ant\n${rows.slice(-3).join("\n")}\n`);
  await refuse("absent.csv", /plain\/ant\/99\.png \(.*absent\.csv, row 4 \(line 5\)\): expected an image, got no such file/);
  const without = await loadData(join(root, "absent.csv"), { skipBadRows: true, testFraction: 0, validationFraction: 0 });
  assert.deepEqual([without.train.length, without.badRows], [6, 1]);
  assert.match(without.notes.join(), /1 images that cannot be read were left out/);
  put("odd.csv", "path,label,split\nplain/ant/00.png,ant,sometimes\n");
  await refuse("odd.csv", /odd\.csv, row 1 \(line 2\): expected train, val or test, got sometimes/);
});

test("Parquet with image bytes: a column of bytes, or of structs, and names of classes from a hub's metadata", async () => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const from = (globs: string): string => `read_blob('${join(root, globs)}')`;
  const label = "CASE WHEN filename LIKE '%/ant/%' THEN 0 WHEN filename LIKE '%/bee/%' THEN 1 ELSE 2 END";
  const hub = JSON.stringify({
    info: { features: { label: { names: CLASSES, _type: "ClassLabel" }, image: { _type: "Image" } } },
  });
  mkdirSync(join(root, "hub"));
  await connection.run(
    `COPY (SELECT content AS image, ${label} AS label FROM ${from("plain/[abc]*/*.png")} ORDER BY filename) TO '${join(root, "bytes.parquet")}' (FORMAT parquet)`,
  );
  for (const [part, name] of [
    ["train", "train-00000-of-00001"],
    ["test", "test-00000-of-00001"],
  ] as const)
    await connection.run(
      `COPY (SELECT {'bytes': content, 'path': filename} AS image, ${label} AS label FROM ${from(`split/${part}/*/*.png`)} ORDER BY filename) TO '${join(root, "hub", `${name}.parquet`)}' (FORMAT parquet, KV_METADATA {huggingface: '${hub}'})`,
    );
  connection.closeSync();
  instance.closeSync();
  const bytes = await loadData(join(root, "bytes.parquet"));
  assert.deepEqual(bytes.train.tensor("label").classes, ["0", "1", "2"]);
  assert.deepEqual([bytes.train.length, bytes.validation.length, bytes.test.length], [49, 5, 6]);
  checkColours(bytes);
  const named = await loadData(join(root, "hub"));
  assert.deepEqual(named.train.tensor("label").classes, CLASSES);
  assert.deepEqual([named.train.length, named.validation.length, named.test.length], [38, 4, 9]);
  checkColours(named);
});

test("CIFAR's batches, in a folder and in an archive", async () => {
  const batch = (n: number, first: number): Buffer => {
    const bytes = Buffer.alloc(n * 3073);
    for (let i = 0; i < n; i++) {
      bytes[i * 3073] = (first + i) % 10;
      bytes.fill(first + i, i * 3073 + 1, i * 3073 + 1025);
    }
    return bytes;
  };
  const names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
  const contents: [string, Buffer][] = [
    ["data_batch_1.bin", batch(30, 0)],
    ["data_batch_2.bin", batch(30, 30)],
    ["test_batch.bin", batch(10, 100)],
    ["batches.meta.txt", Buffer.from(names)],
  ];
  for (const [name, bytes] of contents) put(`cifar/${name}`, bytes);
  put("cifar.tar.gz", gzipSync(tar(contents.map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes] as const))));
  for (const spec of ["cifar", "cifar.tar.gz"]) {
    const data = await loadData(join(root, spec), { validationFraction: 0 });
    assert.deepEqual(data.train.tensor("image").shape, [60, 3, 32, 32]);
    assert.deepEqual(data.test.tensor("label").classes?.slice(0, 3), ["airplane", "automobile", "bird"]);
    assert.deepEqual(Array.from(data.train.tensor("label").data.subarray(28, 33), Number), [8, 9, 0, 1, 2], spec);
    assert.deepEqual([data.train.tensor("image").data[40 * 3072], data.train.tensor("image").data[40 * 3072 + 1024]], [40, 0]);
  }
  put("cifar-short/data_batch_1.bin", batch(30, 0).subarray(0, 4000));
  await refuse("cifar-short", /data_batch_1\.bin: expected records of 3073 bytes, got 4000 bytes; is it truncated\?/);
  const wrong = batch(5, 0);
  wrong[3073] = 11;
  put("cifar-wrong/data_batch_1.bin", wrong);
  await refuse("cifar-wrong", /example 2: expected a label in 0 … 9, got 11/);
});

test("folders that are no data set: one class, an empty class, a class that training has not, files that are no images", async () => {
  put("one/ant/0.png", await picture(0, 0));
  await refuse("one", /one: expected at least two classes, one folder each, got one: ant/);
  put("empty/ant/0.png", await picture(0, 0));
  put("empty/bee/0.png", await picture(1, 0));
  put("empty/cat/notes.txt", "nothing here");
  await refuse("empty", /empty.cat: expected images of a class, found none/);
  for (const label of ["ant", "bee"]) put(`more/train/${label}/0.png`, await picture(0, 0));
  put("more/test/cow/0.png", await picture(0, 0));
  await refuse("more", /more: expected the classes of train in test, got cow as well/);
  for (let i = 0; i < 12; i++)
    for (const [k, label] of ["ant", "bee"].entries()) put(`bad/${label}/${i}.png`, await picture(k, i));
  put("bad/ant/words.jpg", "these are words");
  await refuse("bad", /words\.jpg: expected a JPEG, PNG, WebP, TIFF, GIF or BMP image, got other bytes/);
  put("bad/bee/cut.png", (await picture(1, 0, 100, 100)).subarray(0, 150));
  const data = await loadData(join(root, "bad"), { skipBadRows: true });
  assert.equal(data.badRows, 2);
  checkColours(data);
});

test("images side by side: classes by their names, by a table that names them, or none", async () => {
  const whole = { testFraction: 0, validationFraction: 0 };
  const labelsOf = (data: Awaited<ReturnType<typeof loadData>>): readonly string[] => {
    const { classes = [], data: labels } = data.train.tensor("label");
    return [...(labels as Int32Array)].map((label) => classes[label] as string).sort();
  };
  for (let i = 0; i < 3; i++)
    for (const [k, label] of ["ant", "fire bee"].entries()) {
      put(`side/${label}.${i}.png`, await picture(k, i));
      put(`competition/train/${label}_${i}.png`, await picture(k, i));
      put(`competition/test1/${i}.png`, await picture(k, i));
      put(`listed/images/${label}-${i}.png`, await picture(k, i));
      put(`camera/IMG_${i}.png`, await picture(k, i));
      put(`flat/train/${i}.png`, await picture(k, i));
      put(`flat/test/${i}.png`, await picture(k, i));
    }
  const six = ["ant", "ant", "ant", "fire bee", "fire bee", "fire bee"];
  for (const spec of ["side", "competition"]) {
    const data = await loadData(join(root, spec), whole);
    assert.deepEqual(labelsOf(data), six);
    assert.match(data.notes.join("\n"), /classes are what the names of files begin with: ant, fire bee/);
  }
  const table = "id,breed\nant-0,A\nant-1,A\nant-2,B\nfire bee-0,B";
  put("listed/labels.csv", table);
  put("listed/sample_submission.csv", "id,A,B\n1,0,1\n");
  put(
    "listed.zip",
    zip([
      ["x/labels.csv", Buffer.from(table)],
      ...(await Promise.all(
        ["ant-0", "ant-1", "ant-2", "fire bee-0"].map(async (name, i) => [`x/images/${name}.png`, await picture(0, i)] as const),
      )),
    ]),
  );
  for (const spec of ["listed", "listed.zip"]) {
    const data = await loadData(join(root, spec), whole);
    assert.deepEqual(labelsOf(data), ["A", "A", "B", "B"], spec);
    assert.match(
      data.notes.join("\n"),
      /images are those that column "id" names\ncolumn "breed" is taken for what is to be predicted/,
    );
  }
  for (let i = 0; i < 3; i++) for (const part of ["train", "test"]) put(`imagefolder/${part}/${i}.png`, await picture(i % 2, i));
  put("imagefolder/train/metadata.csv", "file_name,label\n0.png,A\n1.png,B\n2.png,A\n");
  put("imagefolder/test/metadata.csv", "file_name,label\n0.png,B\n");
  const hub = await loadData(join(root, "imagefolder"), whole);
  assert.deepEqual([labelsOf(hub), hub.test.length], [["A", "A", "B"], 1]);
  put("listed/labels.csv", "image,A,B\nant-0,1,0\nant-1,0.0,1.0\nfire bee-0,1,0\n");
  const parted = await loadData(join(root, "listed"), whole);
  assert.deepEqual(labelsOf(parted), ["A", "A", "B"]);
  assert.match(parted.notes.join("\n"), /each of the columns A, B is taken for a class/);
  put("listed/labels.csv", `${table}\nnone,A\n`);
  await refuse("listed", /column "id", row 5 \(line 6\): expected the name of an image, found no "none"; --skip-bad-rows/);
  const kept = await loadData(join(root, "listed"), { ...whole, skipBadRows: true });
  assert.deepEqual([kept.train.length, kept.badRows], [4, 1]);
  for (const spec of ["camera", "flat"])
    await refuse(spec, /expected images in a folder for each class .* found images without a class/);
});

test("decoded images that memory does not hold in another size are refused", () => {
  const count = 30_000;
  const train = new Dataset({ image: { dtype: "uint8", shape: [count, 1, 1, 1], data: new Uint8Array(count) } });
  assert.throws(
    () => resizeParts({ train, validation: train, test: train }, "image", { imageSize: [400, 600] }),
    (error) =>
      error instanceof DataError &&
      /^images: expected room for 30,000 of 600×400 in 1 channels, 6,867 MiB, got [\d,]+; take fewer, or a folder of image files/.test(
        error.message,
      ),
  );
});
