import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../util/random.js";
import type { BoxRow, Pixels } from "./index.js";
import { ConfigError } from "../util/errors.js";
import { augmentBoxes, blank, BORDER, fitFactor, formatBoxAugment, onCanvas, parseBoxAugment } from "./index.js";

const [HEIGHT, WIDTH] = [60, 80];
const NONE = { flipHorizontal: false, flipVertical: false, scale: 0, translate: 0, color: 0 };

/** A white rectangle on black, at the box. */
function picture([x1, y1, x2, y2]: BoxRow): Pixels {
  const image = blank(3, HEIGHT, WIDTH);
  for (let c = 0; c < 3; c++)
    for (let y = y1; y < y2; y++) image.data.fill(255, (c * HEIGHT + y) * WIDTH + x1, (c * HEIGHT + y) * WIDTH + x2);
  return image;
}

/** Finds the box around the white pixels. */
function whiteBox({ data, height, width }: Pixels): number[] {
  let [x1, y1, x2, y2] = [width, height, 0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if ((data[y * width + x] as number) > 180) {
        [x1, y1] = [Math.min(x1, x), Math.min(y1, y)];
        [x2, y2] = [Math.max(x2, x + 1), Math.max(y2, y + 1)];
      }
  return [x1, y1, x2, y2];
}

test("nothing asked for, nothing changed", () => {
  const box: BoxRow = [20, 10, 50, 30, 2];
  const { image, boxes } = augmentBoxes(picture(box), [box], NONE, new Random(1));
  assert.deepEqual(boxes, [box]);
  assert.deepEqual(image.data, picture(box).data);
});

test("boxes go where their pixels go, whatever is drawn", () => {
  const box: BoxRow = [24, 20, 48, 38, 1, 0];
  const all = { flipHorizontal: true, flipVertical: true, scale: 0.5, translate: 0.2, color: 0 };
  let [enlarged, shrunk, cut] = [0, 0, 0];
  for (let seed = 0; seed < 60; seed++) {
    const { image, boxes } = augmentBoxes(picture(box), [box], all, new Random("boxes", seed));
    const seen = whiteBox(image);
    const [found] = boxes;
    if (found === undefined) {
      cut++;
      continue;
    }
    seen.forEach((side, i) => assert.ok(Math.abs(side - (found[i] as number)) <= 1.01, `${seed}: ${seen} and ${found}`));
    assert.deepEqual(found.slice(4), [1, 0]);
    if (found[2] - found[0] > 26) enlarged++;
    if (found[2] - found[0] < 22) shrunk++;
  }
  assert.ok(enlarged > 5 && shrunk > 5 && cut < 10, `${enlarged} enlarged, ${shrunk} shrunk, ${cut} cut away`);
});

test("a box of which little is left to see is dropped", () => {
  const box: BoxRow = [0, 0, 10, 10, 0];
  let kept = 0;
  for (let seed = 0; seed < 40; seed++) {
    const { boxes } = augmentBoxes(picture(box), [box], { ...NONE, translate: 0.4 }, new Random("corner", seed));
    for (const [x1, y1, x2, y2] of boxes) assert.ok((x2 - x1) * (y2 - y1) >= 35);
    kept += boxes.length;
  }
  assert.ok(kept > 0 && kept < 40, `${kept} of 40`);
});

test("the same stream gives the same image; colours change without moving anything", () => {
  const box: BoxRow = [20, 10, 50, 30, 2];
  const options = { ...NONE, scale: 0.3, translate: 0.1, color: 0.4 };
  const [a, b, c] = [7, 7, 8].map((seed) => augmentBoxes(picture(box), [box], options, new Random(seed)));
  assert.deepEqual(a, b);
  assert.notDeepEqual(a?.image.data, c?.image.data);
});

test("an image that does not fill the canvas stands in its upper left corner, on grey", () => {
  const image = onCanvas(picture([0, 0, 80, 60]), 60, 100);
  assert.equal(image.data[79], 255);
  assert.equal(image.data[80], BORDER);
  assert.equal(fitFactor({ height: 480, width: 640 }, 240, 320), 0.5);
  assert.equal(fitFactor({ height: 480, width: 480 }, 240, 320), 0.5);
});

test("changes are read from a line of text, and written as one", () => {
  const all = parseBoxAugment("auto", { flipsVertically: true });
  assert.equal(formatBoxAugment(all), "flip,vertical-flip,scale:0.3,translate:0.1,color:0.2");
  assert.deepEqual(parseBoxAugment(formatBoxAugment(all)), all);
  assert.deepEqual(parseBoxAugment("overturn"), parseBoxAugment("vertical-flip"));
  assert.equal(formatBoxAugment(parseBoxAugment("auto", { mirrors: false })), "scale:0.3,translate:0.1,color:0.2");
  assert.equal(formatBoxAugment(parseBoxAugment("none")), "none");
  for (const wrong of ["flop", "scale:-1", "scale:x", "scale:1:2", "flip:1", "translate:"])
    assert.throws(() => parseBoxAugment(wrong), ConfigError, wrong);
});
