/** @module Masks of images: by name, of the image's size, moved as the image is. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { Dataset, EVIDENCE } from "../index.js";
import { imageBatch } from "./batch-node.js";
import { withMasks } from "./masks-node.js";

const root = mkdtempSync(join(tmpdir(), "descent-masks-"));

/** A grey picture, white left of column `edge`. */
async function picture(path: string, width: number, height: number, edge: number): Promise<string> {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  const data = Uint8Array.from({ length: width * height }, (_, i) => (i % width < edge ? 255 : 0));
  await sharp(data, { raw: { width, height, channels: 1 } })
    .png()
    .toFile(file);
  return file;
}

const images = [
  await picture("data/a/one.png", 8, 8, 3),
  await picture("data/b/one.png", 8, 8, 3),
  await picture("data/b/two.png", 16, 16, 3),
];
const train = new Dataset({ image: images, label: [0, 1, 1] });

test("masks are found by the end of their images' paths and resized with them; images without one are all evidence", async () => {
  await picture("masks/a/one.png", 8, 8, 2);
  await picture("masks/b/two.png", 16, 16, 8);
  const { train: rows, note } = await withMasks({ train }, join(root, "masks"), [1, 8, 8]);
  const masks = rows.tensor(EVIDENCE);
  assert.deepEqual(masks.shape, [3, 1, 8, 8]);
  const row = (i: number): number[] => [...masks.data].slice(i * 64, i * 64 + 8).map(Number);
  assert.deepEqual(row(0), [255, 255, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(row(1), new Array(8).fill(255));
  assert.deepEqual(row(2), [255, 255, 255, 255, 0, 0, 0, 0]);
  assert.match(note, /masks for 2 of 3 images/);
});

test("what is no mask of an image is refused with its name", async () => {
  await picture("small/a/one.png", 4, 8, 2);
  await picture("stray/a/three.png", 8, 8, 2);
  await picture("twice/one.png", 8, 8, 2);
  mkdirSync(join(root, "empty"), { recursive: true });
  const cases = [
    ["small", /small.a.one\.png: expected a mask of 8×8 pixels, as .*one\.png has, got 4×8/],
    ["stray", /three\.png: expected a mask named after an image of the data, found no image called a\/three/],
    ["twice", /expected a name that one image has, got one of/],
    ["empty", /expected masks \(image files\) in it, found none/],
    ["nowhere", /expected a folder of masks, got no such folder/],
  ] as const;
  for (const [folder, message] of cases) await assert.rejects(withMasks({ train }, join(root, folder), [1, 8, 8]), message);
});

test("images that come as numbers have an IDX file of masks, one for each", async () => {
  const numbers = new Dataset({ image: { dtype: "uint8", shape: [2, 1, 2, 2], data: new Uint8Array(8) }, label: [0, 1] });
  const idx = (count: number, side: number): string => {
    const path = join(root, `masks-${count}-${side}-idx3-ubyte`);
    const header = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side];
    writeFileSync(path, Uint8Array.from([...header, ...Array.from({ length: count * side * side }, (_, i) => i % 2)]));
    return path;
  };
  const { train: rows } = await withMasks({ train: numbers }, idx(2, 2), undefined);
  assert.deepEqual([...rows.tensor(EVIDENCE).data].map(Number), [0, 255, 0, 255, 0, 255, 0, 255]);
  await assert.rejects(
    withMasks({ train: numbers }, idx(3, 2), undefined),
    /expected a mask for each of the 2 training images, got 3/,
  );
  await assert.rejects(
    withMasks({ train: numbers }, idx(2, 3), undefined),
    /expected masks of 2×2 pixels, as the images are, got uint8 of 3×3/,
  );
  await assert.rejects(withMasks({ train: numbers }, join(root, "empty"), undefined), /expected an IDX file of masks/);
});

test("a mask moves as its image does", async () => {
  const pixels = Uint8Array.from({ length: 3 * 64 }, (_, i) => ((i * 37) % 256 < 128 ? 0 : 255));
  const rows = new Dataset({
    image: { dtype: "uint8", shape: [3, 1, 8, 8], data: pixels },
    [EVIDENCE]: { dtype: "uint8", shape: [3, 1, 8, 8], data: pixels.slice() },
    label: [0, 1, 1],
  });
  const request = { indices: Uint32Array.of(0, 1, 2), seed: 3, epoch: 1, offset: 0 };
  const batch = await imageBatch(rows, request, { shape: [1, 8, 8], classes: 2, augment: "crop:2,flip" });
  assert.deepEqual([...(batch[EVIDENCE]?.data ?? [])], [...(batch["image"]?.data ?? [])]);
  assert.notDeepEqual([...(batch["image"]?.data ?? [])], [...pixels]);
});
