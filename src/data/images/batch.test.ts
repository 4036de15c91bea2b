/** @module Batches of images: the same sample is the same picture in any batch, thread and form; labels of mixed images are soft. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import type { TensorData } from "../../graph/index.js";
import type { Batch } from "../dataset.js";
import { Dataset } from "../dataset.js";
import { WorkerFetcher } from "../loader-worker-node.js";
import { DataLoader } from "../loader.js";
import { imageBatch } from "./batch-node.js";
import { decodeRows } from "./decode-node.js";
import { encodedColumn, imageCollate } from "./encoded.js";

const folder = mkdtempSync(join(tmpdir(), "descent-batches-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const COUNT = 12;
const label = { dtype: "int32", shape: [COUNT], data: Int32Array.from({ length: COUNT }, (_, i) => i % 3) } as const;
let paths: Dataset;
let bytes: Dataset;
let decoded: Dataset;
before(async () => {
  const files: Buffer[] = [];
  for (let i = 0; i < COUNT; i++) {
    const noise = { type: "gaussian", mean: 128, sigma: 50 } as const;
    const image = sharp({ create: { width: 90 + i, height: 70, channels: 3, background: "grey", noise } }).blur(2);
    files.push(await image.jpeg().toBuffer());
    writeFileSync(join(folder, `${i}.jpg`), files[i] as Buffer);
  }
  paths = new Dataset({ image: files.map((_, i) => join(folder, `${i}.jpg`)), label });
  bytes = new Dataset({ image: encodedColumn(files), label });
  ({ rows: decoded } = await decodeRows(paths, { shape: [3, 32, 32], medianPixels: 0 }, {}));
});

const options = { shape: [3, 32, 32], classes: 3 } as const;
const request = (...rows: number[]): { indices: Uint32Array; seed: number; epoch: number; offset: number } => ({
  indices: Uint32Array.from(rows),
  seed: 1,
  epoch: 2,
  offset: 0,
});
const picture = (batch: Batch, i: number): Uint8Array =>
  (batch["image"] as TensorData).data.subarray(i * 3 * 32 * 32, (i + 1) * 3 * 32 * 32) as Uint8Array;

test("files, bytes and decoded images give the same batch where nothing is random", async () => {
  const [fromPaths, fromBytes, fromMemory] = [
    await imageBatch(paths, request(3, 0, 7), options),
    await imageBatch(bytes, request(3, 0, 7), options),
    await imageBatch(decoded, request(3, 0, 7), options),
  ];
  assert.deepEqual(fromPaths["image"]?.shape, [3, 3, 32, 32]);
  assert.deepEqual(fromBytes, fromPaths);
  assert.deepEqual(fromMemory, fromPaths);
  assert.deepEqual(Array.from((fromPaths["label"] as TensorData).data, Number), [0, 0, 1]);
});

test("a sample's picture depends on (seed, epoch, row) alone: not on its batch, nor on the thread", async () => {
  for (const [data, augment] of [
    [decoded, "crop,flip,rotate,color,erase,rand-augment"],
    [paths, "resized-crop,flip,color"],
    [bytes, "resized-crop,rand-augment"],
  ] as const) {
    const changed = { ...options, augment, mean: [120, 120, 120] };
    const here = await imageBatch(data, request(5, 1, 4, 9), changed);
    const alone = await imageBatch(data, request(4), changed);
    assert.deepEqual(picture(here, 2), picture(alone, 0), augment);
    assert.notDeepEqual(picture(await imageBatch(data, { ...request(4), epoch: 3 }, changed), 0), picture(alone, 0));
    assert.notDeepEqual(picture(await imageBatch(data, { ...request(4), seed: 2 }, changed), 0), picture(alone, 0));
    using one = new WorkerFetcher(data, imageCollate(changed));
    assert.deepEqual(await one.fetch(request(5, 1, 4, 9)), here, augment);
    using three = new WorkerFetcher(data, imageCollate(changed), { threads: 3 });
    const many = await Promise.all([request(5, 1, 4, 9), request(4), request(5, 1, 4, 9), request(4)].map((r) => three.fetch(r)));
    assert.deepEqual(many, [here, alone, here, alone], augment);
  }
});

test("a loader with threads gives its batches in order, and from any position the same", async () => {
  const changed = { ...options, augment: "crop,flip,mixup" };
  using fetcher = new WorkerFetcher(decoded, imageCollate(changed), { threads: 2 });
  const loader = (): DataLoader => new DataLoader(decoded, { batchSize: 5, shuffle: true, seed: 3, fetcher, dropLast: true });
  const whole: Batch[] = [];
  for await (const batch of loader()) whole.push(batch);
  assert.equal(whole.length, 2);
  // The next epoch's batches were asked for before this one ended; those of one loader equal those of another that begins there.
  const first = loader();
  for await (const batch of first) assert.ok(batch["image"]);
  const next: Batch[] = [];
  for await (const batch of first) next.push(batch);
  const later = loader();
  later.seek({ epoch: 1, offset: 0 });
  const expected: Batch[] = [];
  for await (const batch of later) expected.push(batch);
  assert.deepEqual(next, expected);
  assert.notDeepEqual(next, whole);
  const second = loader();
  second.seek({ epoch: 0, offset: 5 });
  for await (const batch of second) assert.deepEqual(batch, whole[1]);
});

test("mixed images come with the probability of each class", async () => {
  const batch = await imageBatch(decoded, request(0, 1, 2, 3), { ...options, augment: "mixup,cutmix" });
  const soft = batch["label"] as TensorData;
  assert.deepEqual([soft.dtype, soft.shape], ["float32", [4, 3]]);
  for (let i = 0; i < 4; i++) {
    const row = [...(soft.data as Float32Array).subarray(i * 3, i * 3 + 3)];
    assert.ok(Math.abs(row.reduce((a, b) => a + b, 0) - 1) < 1e-6);
    assert.equal(row[(i + 2) % 3], 0, "the third class is in neither image");
  }
});

test("a file that is gone or broken when its turn comes is named", async () => {
  const broken = new Dataset({ image: [join(folder, "0.jpg"), join(folder, "gone.jpg")] });
  using fetcher = new WorkerFetcher(broken, imageCollate(options));
  await assert.rejects(fetcher.fetch(request(0, 1)), /gone\.jpg: expected an image, got no such file/);
});
