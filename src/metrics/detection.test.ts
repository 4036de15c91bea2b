import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import type { DetectedBox, TrueBox } from "./detection.js";
import { allPointAp, boxOverlap, DetectionMetric, interpolatedAp, matchBoxes } from "./detection.js";

interface Expected {
  readonly map50: number | null;
  readonly map: number | null;
  readonly cocoMap50: number | null;
  readonly cocoMap75: number | null;
  readonly small: number | null;
  readonly medium: number | null;
  readonly large: number | null;
  readonly recall: number | null;
  readonly classes: readonly { readonly ap50: number | null; readonly ap: number | null }[];
}
interface Scene {
  readonly name: string;
  readonly images: readonly { readonly truth: readonly TrueBox[]; readonly detected: readonly DetectedBox[] }[];
  readonly expected: Expected;
}
const { metrics } = JSON.parse(readFileSync(new URL("../../../test/golden/detection.json", import.meta.url), "utf8")) as {
  metrics: readonly Scene[];
};

const assertNear = (got: number, expected: number | null, what: string): void => {
  if (expected === null) assert.ok(Number.isNaN(got), `${what}: expected NaN, got ${got}`);
  else assert.ok(Math.abs(got - expected) < 1e-12, `${what}: expected ${expected}, got ${got}`);
};

suite("average precision equals pycocotools'", () => {
  for (const { name, images, expected } of metrics) {
    test(name, () => {
      const metric = new DetectionMetric(expected.classes.length);
      for (const { truth, detected } of images) metric.update(detected, truth);
      const got = metric.result();
      for (const key of ["map50", "map", "cocoMap50", "cocoMap75", "recall"] as const) assertNear(got[key], expected[key], key);
      for (const key of ["small", "medium", "large"] as const) assertNear(got.bySize[key], expected[key], key);
      expected.classes.forEach(({ ap50, ap }, k) => {
        assertNear(got.classes[k]?.ap50 ?? 0, ap50, `class ${k}, all points`);
        assertNear(got.classes[k]?.ap ?? 0, ap, `class ${k}`);
      });
    });
  }
});

test("an all-point average precision by hand: right, wrong, right of two", () => {
  const curve = { scores: [0.9, 0.8, 0.7], recall: [0.5, 0.5, 1], precision: [1, 0.5, 2 / 3], truths: 2 };
  assert.equal(allPointAp(curve), 0.5 * 1 + 0.5 * (2 / 3));
  // 51 of the 101 places lie at a recall of 0.5 or less.
  assert.ok(Math.abs(interpolatedAp(curve) - (51 * 1 + 50 * (2 / 3)) / 101) < 1e-12);
});

test("a second detection of one object is wrong; in a crowd it is neither", () => {
  const detected: DetectedBox[] = [
    { box: [0, 0, 10, 10], class: 0, score: 0.9 },
    { box: [0, 0, 10, 9], class: 0, score: 0.8 },
  ];
  const once = matchBoxes(detected, [{ box: [0, 0, 10, 10], class: 0 }], 0.5);
  assert.deepEqual(once, { matched: [0, -1], ignored: [false, false] });
  const crowd = matchBoxes(detected, [{ box: [0, 0, 100, 100], class: 0, crowd: true }], 0.5);
  assert.deepEqual(crowd, { matched: [0, 0], ignored: [true, true] });
});

test("overlap: touching boxes have none, a box has all of itself", () => {
  assert.equal(boxOverlap([0, 0, 2, 2], [2, 0, 4, 2]), 0);
  assert.equal(boxOverlap([0, 0, 2, 2], [0, 0, 2, 2]), 1);
  assert.equal(boxOverlap([0, 0, 2, 2], [0, 0, 4, 2], true), 1);
});
