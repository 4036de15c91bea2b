/** @module Archives as people make them are read; ones that lie about themselves, and pipes in place of files, are refused in one line. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import sharp from "sharp";
import { DataError } from "../util/errors.js";
import { imageHeader } from "../vision/images-node.js";
import { tar, tarHeader, zip } from "./archives.test.util.js";
import { readFileBytes, unwrapGzip, verifyGzip } from "./files-node.js";
import { archiveFiles } from "./images/archive-node.js";
import type { LoadedData } from "./load-node.js";
import { loadData } from "./load-node.js";
import { openTable } from "./readers/table-node.js";
import { unzip, zipFiles } from "./zip-node.js";

const root = mkdtempSync(join(tmpdir(), "descent-archives-"));
after(() => rmSync(root, { recursive: true, force: true }));
const files = new Map<string, Buffer>();
/** Files that a Mac and a Windows machine leave beside the images. */
const LEFTOVERS = ["__MACOSX/ant/._0.png", ".DS_Store", "ant/._1.png", "ant/Thumbs.db", "bee/desktop.ini", "__MACOSX/._x.png"];
const junk = Buffer.from([0, 5, 22, 7, 0, 2, 0, 0]);

before(async () => {
  for (const [k, label] of ["ant", "bee"].entries())
    for (let i = 0; i < 12; i++) {
      const background = { r: 90 * k, g: 4 * i, b: 50 };
      files.set(
        `${label}/${i}.png`,
        await sharp({ create: { width: 8, height: 6, channels: 3, background } })
          .png()
          .toBuffer(),
      );
    }
});

const put = (name: string, bytes: Uint8Array): string => {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
};
const under = (folder: string, more: readonly string[] = []): [string, Buffer][] => [
  ...[...files].map(([name, bytes]): [string, Buffer] => [`${folder}${name}`, bytes]),
  ...more.map((name): [string, Buffer] => [name, junk]),
];
const split = (folder: string): [string, Buffer][] =>
  [...files].map(([name, bytes]) => {
    const i = Number(/(\d+)\.png/.exec(name)?.[1]);
    return [`${folder}${i < 8 ? "train" : i < 10 ? "val" : "test"}/${name}`, bytes];
  });
const sizes = ({ train, validation, test: held }: LoadedData): number[] => [train.length, validation.length, held.length];
const isOneLine = (error: unknown): boolean => error instanceof DataError && !error.message.includes("\n");

suite("class folders in archives", () => {
  const makers: [string, (entries: [string, Buffer][]) => Buffer][] = [
    ["zip", (entries) => zip(entries)],
    ["tar", (entries) => tar(entries)],
    ["tar.gz", (entries) => gzipSync(tar(entries))],
  ];
  for (const [kind, make] of makers)
    test(kind, async () => {
      const plain = await loadData(put(`plain.${kind}`, make(under("", LEFTOVERS))));
      const wrapped = await loadData(put(`wrapped.${kind}`, make(under("./a/b/", ["__MACOSX/a/b/ant/._0.png", "a/.DS_Store"]))));
      for (const data of [plain, wrapped]) {
        assert.deepEqual(data.train.tensor("label").classes, ["ant", "bee"]);
        assert.equal(
          sizes(data).reduce((a, b) => a + b),
          24,
        );
      }
      for (const folder of ["", "set/"])
        assert.deepEqual(sizes(await loadData(put(`split.${kind}`, make(split(folder))))), [16, 4, 4]);
    });

  test("what is left behind in a folder is no class and no image, on any level", async () => {
    for (const [name, bytes] of under("", [...LEFTOVERS, "__MACOSX/deep/er/._2.png"])) put(`mac/${name}`, bytes);
    for (const [name, bytes] of split("around/")) put(`parts/${name}`, bytes);
    put("parts/__MACOSX/around/train/ant/._0.png", junk);
    const data = await loadData(join(root, "mac"));
    assert.deepEqual(data.train.tensor("label").classes, ["ant", "bee"]);
    assert.equal(
      sizes(data).reduce((a, b) => a + b),
      24,
    );
    assert.deepEqual(sizes(await loadData(join(root, "parts"))), [16, 4, 4]);
  });

  test("names with backslashes, as some writers on Windows have them", async () => {
    const [file] = await archiveFiles(zip([["ant\\1.png", junk]]), "a.zip");
    assert.equal(file?.name, "ant/1.png");
  });
});

suite("zips", () => {
  const text = Buffer.from("hello, hello, hello");
  const GIB = Buffer.alloc(4 * 2 ** 20);
  test("comments, and more files than the count has bits for", async () => {
    assert.deepEqual(await unzip(zip([["a", text]], "made by hand"), "a.zip"), text);
    const nothing = Buffer.alloc(0);
    const many = Array.from({ length: 66_000 }, (_, i): [string, Buffer] => [`${i}`, nothing]);
    assert.equal((await zipFiles(zip(many), "a.zip")).length, 66_000);
  });

  const whole = zip([["a", text]]);
  const lies: [string, Buffer][] = [
    ["lies behind the end", zip([["a", text, { offset: 99_999 }]])],
    ["lies in the directory", zip([["a", text, { offset: 40 }]])],
    ["packed size reaches behind the end", zip([["a", text, { packedBytes: 4_000_000 }]])],
    ["is larger than it claims", zip([["a", GIB, { sizeBytes: 100 }]])],
    ["is smaller than it claims", zip([["a", text, { sizeBytes: 100 }]])],
    ["claims 4 GB", zip([["a", text, { sizeBytes: 4_000_000_000 }]])],
    ["claims nothing", zip([["a", text, { sizeBytes: 0 }]])],
    ["has another checksum", zip([["a", text, { crc: 1 }]])],
    ["is encrypted", zip([["a", text, { flags: 1 }]])],
    ["is packed in another way", zip([["a", text, { method: 14 }]])],
    ["is no file", zip([["a/", text]])],
    ["is empty", zip([])],
    ["is cut", whole.subarray(0, whole.length - 30)],
    ["has a directory elsewhere", Buffer.concat([whole.subarray(0, whole.length - 6), Buffer.from([255, 255, 255, 127, 0, 0])])],
    [
      "has a 64-bit directory nowhere",
      Buffer.concat([whole.subarray(0, whole.length - 6), Buffer.from([255, 255, 255, 255, 0, 0])]),
    ],
    ["is a beginning", Buffer.from("PK\u0003\u0004")],
  ];
  for (const [name, bytes] of lies)
    test(`one that ${name}`, async () => {
      await assert.rejects(unzip(bytes, "a.zip"), (error: Error) => isOneLine(error) && error.message.startsWith("a.zip: "));
    });

  test("one whose files are the same bytes many times over is bounded as a whole", async () => {
    const entries = Array.from({ length: 100 }, (_, i): [string, Buffer, object] => [`${i}`, GIB, i === 0 ? {} : { offset: 0 }]);
    await assert.rejects(zipFiles(zip(entries), "a.zip"), isOneLine);
  });
});

suite("tars and gzip", () => {
  test("what is no archive for its name, and one without files", async () => {
    const short = Buffer.from("hello");
    for (const bytes of [short, Buffer.alloc(2000, "a,b\n1,2\n"), Buffer.alloc(0)])
      await assert.rejects(archiveFiles(bytes, "a.zip"), /^DataError: a\.zip: expected a ZIP archive, got another file$/);
    await assert.rejects(archiveFiles(zip([]), "a.zip"), /^DataError: a\.zip: expected files in the archive, got none$/);
    const tar = Buffer.concat([tarHeader("a", "00000000000"), Buffer.alloc(1024)]);
    assert.deepEqual(
      (await archiveFiles(tar, "a.zip")).map(({ name }) => name),
      ["a"],
    );
  });

  test("sizes that are no octal number neither turn the reader back nor hide the rest", async () => {
    for (const size of ["-0000000077", "99999999999", "\u0080\u0000\u0000\u0001", "0x10"])
      await assert.rejects(archiveFiles(Buffer.concat([tarHeader("a", size), Buffer.alloc(2048)]), "a.tar"), isOneLine, size);
  });

  test("what unpacks to a thousand times its size is not unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(300 * 2 ** 20));
    const path = put("bomb.csv.gz", bomb);
    await assert.rejects(unwrapGzip(bomb, path), /bomb\.csv\.gz: expected at most 256 MiB out of \d+ packed bytes, got more/);
    await assert.rejects(verifyGzip(path), /bomb\.csv\.gz: expected at most 256 MiB/);
    await assert.rejects(openTable(path), isOneLine);
    await assert.rejects(loadData(put("bomb.tar.gz", bomb)), isOneLine);
  });
});

suite("links in archives", () => {
  const rows = Array.from({ length: 40 }, (_, i) => `text ${i},${i % 2 === 0 ? "a" : "b"}`);
  const content = Buffer.from(`text,label\n${rows.join("\n")}\n`);
  const file = Buffer.concat([
    tarHeader("a.csv", content.length.toString(8).padStart(11, "0")),
    content,
    Buffer.alloc(512 - content.length),
  ]);
  const link = (name: string, kind: string, target: string): Buffer => tarHeader(name, "0", kind, target);
  const filesOf = async (bytes: Buffer) => {
    const notes: string[] = [];
    const files = await archiveFiles(bytes, "folder/a.tar", notes);
    return { files: files.map(({ name, bytes: own }) => [name, Buffer.from(own).toString()]), notes };
  };

  test("a hard link in a tar is another name of a file before it", async () => {
    const { files, notes } = await filesOf(Buffer.concat([file, link("b.csv", "1", "a.csv"), Buffer.alloc(1024)]));
    assert.deepEqual(files, [
      ["a.csv", content.toString()],
      ["b.csv", content.toString()],
    ]);
    assert.deepEqual(notes, []);
  });

  test("links that are not followed are counted and named", async () => {
    const links = [
      link("b.csv", "2", "a.csv"),
      link("c.csv", "2", "/etc/passwd"),
      link("d.csv", "1", "nowhere.csv"),
      link("e", "5", ""),
    ];
    const { files, notes } = await filesOf(Buffer.concat([file, ...links, Buffer.alloc(1024)]));
    assert.deepEqual(files, [["a.csv", content.toString()]]);
    assert.deepEqual(notes, ['a.tar: 3 links were left out: "b.csv", "c.csv", "d.csv"']);
  });

  test("a link in a zip is not read as the path that it leads to", async () => {
    const bytes = zip([
      ["a.csv", content],
      ["b.csv", Buffer.from("a.csv")],
    ]);
    const at = bytes.lastIndexOf("PK\u0001\u0002");
    bytes[at + 5] = 3;
    bytes.writeUInt16LE(0o120777, at + 40);
    assert.deepEqual(await filesOf(bytes), {
      files: [["a.csv", content.toString()]],
      notes: ['a.tar: a link was left out: "b.csv"'],
    });
  });

  test("links to a large file many times over are bounded as a whole", async () => {
    const size = 8 * 2 ** 20;
    const many = Array.from({ length: 200 }, (_, i) => link(`${i}`, "1", "a"));
    const bytes = Buffer.concat([
      tarHeader("a", size.toString(8).padStart(11, "0")),
      Buffer.alloc(size),
      ...many,
      Buffer.alloc(1024),
    ]);
    await assert.rejects(
      archiveFiles(bytes, "a.tar"),
      /^DataError: a\.tar: expected at most \d+ MiB out of \d+ packed bytes, got more/,
    );
  });

  test("a training says which links it left out", async () => {
    const path = put("links.tar", Buffer.concat([file, link("b.csv", "2", "a.csv"), Buffer.alloc(1024)]));
    assert.ok((await loadData(path)).notes.includes('links.tar: a link was left out: "b.csv"'));
  });
});

test("archives of many empty entries are refused before their entries are followed", async () => {
  const many = 250_001;
  const one = zip([["a", new Uint8Array(0)]]);
  const start = one.indexOf("PK\u0001\u0002");
  const end = one.indexOf("PK\u0005\u0006");
  const entries = Array.from({ length: many }, () => one.subarray(start, end));
  const zipped = Buffer.concat([one.subarray(0, start), ...entries, one.subarray(end)]);
  const header = tarHeader("a", "0");
  const tarred = Buffer.concat(Array.from({ length: many }, () => header));
  for (const bytes of [zipped, tarred])
    await assert.rejects(
      archiveFiles(bytes, "a"),
      /^DataError: a: expected at most 250,000 entries in an archive, got more; unpack it/,
    );
});

test("a pipe or a device in place of a file is refused, not waited for", { skip: process.platform === "win32" }, async () => {
  const pipe = join(root, "pipe.csv");
  execFileSync("mkfifo", [pipe]);
  for (const [path, kind] of [
    [pipe, "a pipe"],
    ["/dev/zero", "a device"],
  ] as const)
    for (const read of [
      () => readFileBytes(path),
      () => openTable(path, { format: "csv" }),
      () => verifyGzip(path),
      () => imageHeader(path),
    ])
      await assert.rejects(read, (error: Error) => isOneLine(error) && error.message.endsWith(`it is ${kind}`));
  await assert.rejects(loadData(pipe), /pipe\.csv: expected a file that can be read, got an error: it is a pipe/);
});
