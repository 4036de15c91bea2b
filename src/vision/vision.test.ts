import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  affine,
  autoContrast,
  changeColors,
  crop,
  equalize,
  flipHorizontal,
  flipVertical,
  posterize,
  resize,
  resizeBox,
  resizeToCover,
  solarize,
} from "./index.js";
import type { Pixels } from "./index.js";

interface Case {
  name: string;
  args: number[];
  shape: [number, number, number];
  grey: boolean;
  data: number[];
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/vision.json", import.meta.url), "utf8")) as {
  image: { shape: [number, number, number]; data: number[] };
  cases: Case[];
};

const [, height, width] = golden.image.shape;
const image: Pixels = { channels: 3, height, width, data: Uint8Array.from(golden.image.data) };
const grey: Pixels = { channels: 1, height, width, data: image.data.slice(0, height * width) };

const boxOf = ([top = 0, left = 0, h = 0, w = 0]: readonly number[]): Parameters<typeof crop>[1] => ({
  top,
  left,
  height: h,
  width: w,
});
const OPERATIONS: Readonly<Record<string, (source: Pixels, args: readonly number[]) => Pixels>> = {
  brightness: (s, [f = 1]) => adjustBrightness(s, f),
  contrast: (s, [f = 1]) => adjustContrast(s, f),
  saturation: (s, [f = 1]) => adjustSaturation(s, f),
  sharpness: (s, [f = 1]) => adjustSharpness(s, f),
  hue: (s, [f = 0]) => adjustHue(s, f),
  posterize: (s, [bits = 8]) => posterize(s, bits),
  solarize: (s, [threshold = 256]) => solarize(s, threshold),
  autoContrast,
  equalize,
  flipHorizontal,
  flipVertical,
  resize: (s, [h = 1, w = 1]) => resize(s, h, w),
  resizeBox: (s, [top = 0, left = 0, h = 0, w = 0, outH = 1, outW = 1]) => resizeBox(s, boxOf([top, left, h, w]), outH, outW),
  crop: (s, box) => crop(s, boxOf(box)),
  affine: (s, [degrees, translateX, translateY, scale, shearX, shearY]) =>
    affine(s, { degrees, translateX, translateY, scale, shearX, shearY }),
};

// Values that depend on a whole number alone are equal; interpolation and products round differently in float32.
const EXACT = new Set(["posterize", "solarize", "equalize", "flipHorizontal", "flipVertical", "crop"]);

test("every operation on planes gives torchvision's picture", () => {
  const seen = new Set<string>();
  for (const { name, args, shape, grey: isGrey, data } of golden.cases) {
    const where = `${name}(${args.join(", ")}) of ${isGrey ? "grey" : "colour"}`;
    const made = OPERATIONS[name]?.(isGrey ? grey : image, args) as Pixels;
    assert.deepEqual([made.channels, made.height, made.width], shape, where);
    const apart = Math.max(...data.map((value, i) => Math.abs(value - (made.data[i] as number))));
    assert.ok(apart <= (EXACT.has(name) ? 0 : 1), `${where}: ${apart} grey levels apart`);
    seen.add(name);
  }
  assert.deepEqual([...seen].sort(), Object.keys(OPERATIONS).sort());
});

test("operations leave the image they are given as it was, and grey ones without colour", () => {
  const before = image.data.slice();
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    operation(
      image,
      [0.5, 0.25, 4, 4, 5, 5].map((v) => (name === "posterize" ? 3 : v)),
    );
    assert.deepEqual(image.data, before, name);
  }
  assert.equal(adjustSaturation(grey, 0.2), grey);
  assert.equal(adjustHue(grey, 0.2), grey);
});

test("colours changed in one pass: nothing where nothing is asked for, and what the single functions give", () => {
  const still = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
  for (const source of [image, grey]) {
    assert.deepEqual(changeColors(source, still).data, source.data);
    const apart = (made: Pixels, like: Pixels): number =>
      Math.max(...made.data.map((v, i) => Math.abs(v - (like.data[i] as number))));
    assert.ok(apart(changeColors(source, { ...still, brightness: 0.7 }), adjustBrightness(source, 0.7)) <= 1);
    assert.ok(apart(changeColors(source, { ...still, contrast: 0.6 }), adjustContrast(source, 0.6)) <= 2);
  }
  // Without saturation all channels are the luminance; a whole turn of the hue is none.
  const flat = changeColors(image, { ...still, saturation: 0 });
  const plane = height * width;
  for (let p = 0; p < plane; p++) assert.equal(flat.data[p], flat.data[p + plane]);
  assert.deepEqual(changeColors(image, { ...still, hue: 1 }).data, image.data);
  // Red turned by a third of the circle is nearest to green.
  const red: Pixels = { channels: 3, height: 1, width: 1, data: Uint8Array.of(120, 60, 60) };
  const [r = 0, g = 0, b = 0] = changeColors(red, { ...still, hue: 1 / 3 }).data;
  assert.ok(g > r && g > b, `${r} ${g} ${b}`);
});

test("mirroring while cutting or resizing equals doing one after the other", () => {
  const box = boxOf([-1, 2, 8, 9]);
  assert.deepEqual(crop(image, box, { mirror: true }), flipHorizontal(crop(image, box)));
  const inside = boxOf([1, 2, 7.5, 6.25]);
  assert.deepEqual(resizeBox(image, inside, 6, 5, { mirror: true }), flipHorizontal(resizeBox(image, inside, 6, 5)));
});

test("what lies outside is filled, and a resize to cover keeps the middle", () => {
  const filled = crop(image, boxOf([-1, 0, 1, width]), { fill: [7, 8, 9] });
  assert.deepEqual(
    [...filled.data],
    [7, 8, 9].flatMap((v) => Array<number>(width).fill(v)),
  );
  const moved = affine(image, { translateX: 1000 }, [1, 2, 3]);
  assert.deepEqual([...new Set(moved.data)], [1, 2, 3]);
  // 12 − 9 is odd: the middle lies between two pixels, and is their mean.
  const [left, right] = [crop(image, boxOf([0, 1, 9, 9])), crop(image, boxOf([0, 2, 9, 9]))];
  const mean = left.data.map((v, i) => Math.floor((v + (right.data[i] as number)) / 2 + 0.5));
  assert.deepEqual(resizeToCover(image, 9, 9).data, mean);
  assert.equal(resizeToCover(image, height, width), image);
});
