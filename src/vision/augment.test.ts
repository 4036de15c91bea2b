/** @module Random changes of images: what a list means, that equal keys give equal pictures, and that chances are what they say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { Pixels } from "./index.js";
import {
  augment,
  AUGMENTATIONS,
  beta,
  crop,
  cropsParts,
  flipHorizontal,
  formatAugment,
  mixBatch,
  parseAugment,
  parseImageSize,
  randomBox,
} from "./index.js";

const SMALL = { height: 32, width: 32 };
const LARGE = { height: 160, width: 224 };

/** Every pixel encodes its position. */
const image: Pixels = {
  channels: 3,
  height: 32,
  width: 32,
  data: Uint8Array.from({ length: 3 * 32 * 32 }, (_, i) => 1 + ((i * 7) % 250)),
};

test("a list is read with every number, presets by the size of the images, and written as it was read", () => {
  const spelled = (text: string, size: Parameters<typeof parseAugment>[1] = SMALL): string =>
    formatAugment(parseAugment(text, size));
  assert.equal(spelled("auto"), "crop:4,flip:0.5");
  assert.equal(spelled("auto", LARGE), "resized-crop:0.25,flip:0.5,color:0.3");
  assert.equal(spelled("auto", { ...SMALL, mirrors: false }), "crop:4");
  assert.equal(spelled("flip", { ...SMALL, mirrors: false }), "flip:0.5");
  assert.equal(spelled("strong"), "crop:4,flip:0.5,rand-augment:2:9,erase:0.25");
  assert.equal(spelled("crop:2, mixup:0.4"), "crop:2,mixup:0.4");
  assert.equal(spelled("rand-augment:3"), "rand-augment:3:9");
  for (const text of ["none", "", "none,none"]) assert.equal(spelled(text), "none");
  for (const name of Object.keys(AUGMENTATIONS)) assert.equal(spelled(spelled(name)), spelled(name));
  assert.deepEqual(
    [cropsParts("auto", LARGE), cropsParts("auto", SMALL), cropsParts("resized-crop", SMALL)],
    [true, false, true],
  );
});

test("what is no list is refused, with the nearest name or the range", () => {
  const refuse = (text: string, expected: RegExp): void =>
    assert.throws(
      () => parseAugment(text, SMALL),
      (error: Error) => error instanceof ConfigError && expected.test(error.message),
    );
  refuse("flipp", /--augment: unknown augmentation "flipp"; did you mean "flip"\?/);
  refuse("flip:2", /--augment: flip: expected P in 0 … 1, got "2"/);
  refuse("flip:", /flip: expected P in 0 … 1, got ""/);
  refuse("crop:1:2", /crop: expected at most 1 numbers, got 2/);
  refuse("rotate:x", /rotate: expected D in 0 … 180, got "x"/);
  assert.deepEqual(
    [parseImageSize("224", "x"), parseImageSize("320x240", "x")],
    [
      [224, 224],
      [240, 320],
    ],
  );
  assert.throws(() => parseImageSize("big", "--image-size"), /--image-size: expected SIDE or WIDTHxHEIGHT in pixels, got "big"/);
});

test("equal keys give equal pictures, other keys others; the size stays, and the image that was given", () => {
  const before = image.data.slice();
  for (const [name, { apply }] of Object.entries(AUGMENTATIONS)) {
    if (apply === undefined) continue;
    const list = parseAugment(name, SMALL);
    const pictures = Array.from({ length: 24 }, (_, row) => augment(image, list, new Random(1, "augment", 0, row), SMALL));
    const again = Array.from({ length: 24 }, (_, row) => augment(image, list, new Random(1, "augment", 0, row), SMALL));
    assert.deepEqual(pictures, again, name);
    for (const made of pictures) assert.deepEqual([made.channels, made.height, made.width], [3, 32, 32], name);
    assert.ok(new Set(pictures.map((made) => made.data.join())).size > 1, `${name} always gives the same picture`);
    assert.deepEqual(image.data, before, name);
  }
});

test("crops and flips are what they say, as often as they say", () => {
  const crops = new Set<string>();
  for (let y = -1; y <= 1; y++) for (let x = -1; x <= 1; x++) crops.add(crop(image, { top: y, left: x, ...SMALL }).data.join());
  const seen = new Map<string, number>();
  const draws = 2000;
  let flips = 0;
  for (let i = 0; i < draws; i++) {
    const cut = augment(image, parseAugment("crop:1", SMALL), new Random(3, i), SMALL).data.join();
    assert.ok(crops.has(cut));
    seen.set(cut, (seen.get(cut) ?? 0) + 1);
    const made = augment(image, parseAugment("flip:0.3", SMALL), new Random(4, i), SMALL);
    if (made !== image) {
      flips++;
      if (flips === 1) assert.deepEqual(made, flipHorizontal(image));
    }
  }
  assert.equal(seen.size, 9);
  // Five standard deviations of a binomial count.
  for (const n of seen.values()) assert.ok(Math.abs(n - draws / 9) < 5 * Math.sqrt((draws * 8) / 81), `${n}`);
  assert.ok(Math.abs(flips - draws * 0.3) < 5 * Math.sqrt(draws * 0.21), `${flips}`);
});

test("random parts lie within the image, with areas and proportions in their ranges", () => {
  for (let i = 0; i < 2000; i++) {
    const box = randomBox(new Random(5, i), 375, 500, 0.25);
    assert.ok(box.top >= 0 && box.left >= 0 && box.top + box.height <= 375 && box.left + box.width <= 500);
    const share = (box.height * box.width) / (375 * 500);
    assert.ok(share > 0.245 && share <= 1, `${share}`);
    const ratio = box.width / box.height;
    assert.ok(ratio > 0.73 && ratio < 1.36, `${ratio}`);
  }
  // Where no such part fits, the largest square in the middle.
  assert.deepEqual(randomBox(new Random(1), 10, 1000, 0.9), { top: 0, left: 495, height: 10, width: 10 });
});

test("Beta draws have its mean and variance", () => {
  for (const a of [0.2, 1, 3]) {
    const draws = Array.from({ length: 20_000 }, (_, i) => beta(new Random(6, i), a));
    const mean = draws.reduce((x, y) => x + y, 0) / draws.length;
    const variance = draws.reduce((x, y) => x + (y - mean) ** 2, 0) / draws.length;
    assert.ok(draws.every((x) => x >= 0 && x <= 1));
    assert.ok(Math.abs(mean - 0.5) < 0.01, `mean ${mean}`);
    assert.ok(Math.abs(variance * 4 * (2 * a + 1) - 1) < 0.04, `variance ${variance} for ${a}`);
  }
});

test("mixed images have labels in proportion to their pixels", () => {
  const size = 3 * 32 * 32;
  // Image i is of one value, so that shares can be read from the pixels.
  const batch = {
    images: Uint8Array.from({ length: 4 * size }, (_, i) => [0, 200, 100, 200][Math.floor(i / size)] as number),
    labels: [0, 1, 1, 2],
    channels: 3,
    ...SMALL,
    classes: 3,
  };
  for (const name of ["mixup:1", "cutmix:1"])
    for (let trial = 0; trial < 20; trial++) {
      const { images, labels } = mixBatch(batch, parseAugment(name, SMALL), (i) => new Random(trial, i));
      for (let i = 0; i < 4; i++) {
        const row = [...labels.subarray(i * 3, i * 3 + 3)];
        assert.ok(Math.abs(row.reduce((a, b) => a + b, 0) - 1) < 1e-6);
        const j = (i + 1) % 4;
        const [own, other] = [batch.images[i * size] as number, batch.images[j * size] as number];
        const pixels = images.subarray(i * size, (i + 1) * size);
        const mean = pixels.reduce((a, b) => a + b, 0) / size;
        const share = (mean - other) / (own - other);
        const [a, b] = [batch.labels[i] as number, batch.labels[j] as number];
        const wanted = [0, 0, 0];
        wanted[a] = (wanted[a] as number) + share;
        wanted[b] = (wanted[b] as number) + 1 - share;
        // Blended pixels are rounded to whole values.
        row.forEach((p, k) =>
          assert.ok(Math.abs(p - (wanted[k] as number)) < 0.51 / 100, `${name}: ${row.join()} for ${wanted.join()}`),
        );
        if (name === "cutmix:1") assert.ok(pixels.every((v) => v === own || v === other));
      }
    }
});
