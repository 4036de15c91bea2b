import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rgb } from "./color-map.js";
import { cssColor, divergingColor, isLight, sequentialColor } from "./color-map.js";

const linear = (c: number): number => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);

/** CIE L*, which the maps were not made with. */
function lightness([r, g, b]: Rgb): number {
  const y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  return y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y;
}

/** Viénot, Brettel, Mollon 1999: the colour as a deuteranope sees it, in linear RGB. */
function deuteranope([r, g, b]: Rgb): readonly number[] {
  const [lr, lg, lb] = [linear(r), linear(g), linear(b)];
  const yellow = 0.29275 * lr + 0.70725 * lg;
  return [yellow, yellow, -0.02234 * lr + 0.02234 * lg + lb];
}

const steps = Array.from({ length: 11 }, (_, i) => i / 10);

test("equal differences look equally far apart", () => {
  for (const colors of [steps.map(sequentialColor), steps.map(divergingColor), steps.map((v) => divergingColor(-v))]) {
    const differences = colors.slice(1).map((color, i) => lightness(color) - lightness(colors[i] as Rgb));
    const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
    for (const d of differences) assert.ok(Math.abs(d / mean - 1) < 0.25, `${d} beside a mean of ${mean}`);
  }
});

test("both signs of a value are equally strong, and apart for those who do not tell red from green", () => {
  for (const v of steps) {
    const [plus, minus] = [divergingColor(v), divergingColor(-v)];
    assert.ok(Math.abs(lightness(plus) - lightness(minus)) < 6, `at ${v}`);
  }
  const [orange, blue] = [deuteranope(divergingColor(1)), deuteranope(divergingColor(-1))];
  // Yellowish against bluish: the one channel that is left to them changes sides.
  assert.ok((orange[0] as number) > 2 * (orange[2] as number));
  assert.ok((blue[2] as number) > 1.5 * (blue[0] as number));
});

test("what is outside is cut off, and no number is zero", () => {
  assert.deepEqual(divergingColor(7), divergingColor(1));
  assert.deepEqual(sequentialColor(-3), sequentialColor(0));
  assert.deepEqual(divergingColor(NaN), divergingColor(0));
  assert.equal(cssColor([0, 10, 255]), "#000aff");
  assert.ok(isLight(divergingColor(0)));
  assert.ok(!isLight(sequentialColor(0)));
});
