import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { loadVectors, widthOfVectors } from "./vectors-node.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "descent-vectors-"));
});
after(() => rm(folder, { recursive: true }));
const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};
const vocabulary = new Map([
  ["[PAD]", 0],
  ["酒店", 1],
  ["The", 2],
  ["a b", 3],
  ["the", 4],
  ["U\u2028S", 6],
]);

test("vectors fill the rows of their words, with a first line of counts or without, zipped or not", async () => {
  const lines = "酒店 1 2 3\nother 9 9 9\na b 4 5e-1 -6\nU\u2028S 7 7 7\n酒店 8 8 8\nthe 0.25 0 0 \n";
  const plain = await loadVectors(await file("a.vec", `6 3\n${lines}`), vocabulary);
  assert.deepEqual(plain.weight.shape, [7, 3]);
  assert.equal(plain.found, 4);
  const row = (weight: { data: unknown }, i: number): number[] => [...(weight.data as Float32Array).subarray(3 * i, 3 * i + 3)];
  assert.deepEqual(row(plain.weight, 1), [1, 2, 3]);
  assert.deepEqual(row(plain.weight, 3), [4, 0.5, -6]);
  assert.deepEqual(row(plain.weight, 6), [7, 7, 7]);
  assert.ok(
    row(plain.weight, 2).every((x) => x !== 0 && Math.abs(x) < 30),
    "a row without a vector is drawn",
  );
  const zipped = await loadVectors(await file("b.txt.gz", gzipSync(lines)), vocabulary);
  assert.deepEqual(zipped, plain);
  assert.notDeepEqual(await loadVectors(join(folder, "a.vec"), vocabulary, { seed: 1 }), plain);
  const lower = await loadVectors(join(folder, "a.vec"), vocabulary, { lowercase: true, size: 9 });
  assert.deepEqual([row(lower.weight, 2), lower.found, lower.weight.shape], [[0.25, 0, 0], 5, [9, 3]]);
});

test("a large file is read in pieces", async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => `字${i} ${i} ${-i - 1}`).join("\n");
  const words = new Map(Array.from({ length: 100 }, (_, i) => [`字${i * 199}`, i]));
  const { weight, found } = await loadVectors(await file("large.vec", many), words);
  assert.equal(found, 100);
  for (let i = 0; i < 100; i++) assert.equal(weight.data[2 * i + 1], -199 * i - 1);
});

test("what is wrong is said in one line", async () => {
  await assert.rejects(
    loadVectors(join(folder, "none.vec"), vocabulary),
    /none\.vec: expected a file of vectors that can be read, got an error: no such file/,
  );
  await assert.rejects(loadVectors(join(folder, "none.vec.gz"), vocabulary), /no such file/);
  await assert.rejects(
    loadVectors(await file("c.vec", "酒店 1 2\nthe 1\n"), vocabulary),
    /c\.vec, line 2: expected a word and 2 numbers, got "the 1"/,
  );
  await assert.rejects(
    loadVectors(await file("d.vec", "酒店 1 x\n"), vocabulary),
    /d\.vec, line 1: expected a finite number, got "x"/,
  );
  for (const wrong of ["-Infinity", "1e309", "1e39", "NaN", "0x1F", ""])
    await assert.rejects(
      loadVectors(await file("f.vec", `酒店 ${wrong} 1\n`), new Map([["酒店", 0]])),
      /f\.vec(, line 1: expected a finite number, got "|: expected words)/,
      wrong,
    );
  await assert.rejects(loadVectors(await file("g.vec", "1 999999999\n酒店 1\n"), vocabulary), /g\.vec, line \d: expected/);
  await assert.rejects(
    loadVectors(await file("h.vec", "x".repeat(2 ** 22)), vocabulary),
    /h\.vec: expected .*a line of over 2097152/,
  );
  await assert.rejects(
    loadVectors(await file("e.vec", "other 1 2\n"), vocabulary),
    /e\.vec: expected words of the vocabulary, got none of its 6/,
  );
});

test("how wide vectors are is read from the first line", async () => {
  assert.equal(await widthOfVectors(await file("w1.vec", "2 3\na 1 2 3\n")), 3);
  assert.equal(await widthOfVectors(await file("w2.vec", "a 1 2 3 4\n")), 4);
  const path = await file("w3.vec", "word\n");
  await assert.rejects(widthOfVectors(path), {
    message: `${path}, line 1: expected a word and numbers, or two counts, got none`,
  });
});
