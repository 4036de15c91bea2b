import assert from "node:assert/strict";
import { test } from "node:test";
import type { Initializer } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import {
  constantInit,
  defaultBiasInit,
  defaultWeightInit,
  kaimingNormal,
  kaimingUniform,
  normalInit,
  orthogonal,
  truncatedNormalInit,
  uniformInit,
  xavierNormal,
  xavierUniform,
} from "./init.js";

const SHAPE = [64, 32, 3, 3]; // fanIn 288, fanOut 576
const draw = (initializer: Initializer, shape: readonly number[] = SHAPE, seed = 1): number[] =>
  Array.from(initializer(shape, new Random(seed, "init", "w")));

interface Row {
  readonly name: string;
  readonly initializer: Initializer;
  readonly deviation: number;
  /** Nothing lies beyond it. */
  readonly bound?: number;
}
const rows: Row[] = [
  { name: "uniform", initializer: uniformInit(-0.5, 0.5), deviation: 1 / Math.sqrt(12), bound: 0.5 },
  { name: "normal", initializer: normalInit(0.02), deviation: 0.02 },
  // A normal cut at ±2 has 0.7737 of its variance left.
  { name: "truncated normal", initializer: truncatedNormalInit(0.02), deviation: 0.02 * 0.8796, bound: 0.04 },
  { name: "Xavier normal", initializer: xavierNormal(), deviation: Math.sqrt(2 / 864) },
  { name: "Xavier uniform", initializer: xavierUniform(2), deviation: 2 * Math.sqrt(2 / 864), bound: 2 * Math.sqrt(6 / 864) },
  { name: "Kaiming normal", initializer: kaimingNormal(), deviation: Math.sqrt(2 / 288) },
  {
    name: "Kaiming normal, fan out, linear",
    initializer: kaimingNormal({ mode: "fanOut", nonlinearity: "linear" }),
    deviation: 1 / 24,
  },
  { name: "Kaiming uniform", initializer: kaimingUniform(), deviation: Math.sqrt(2 / 288), bound: Math.sqrt(6 / 288) },
  { name: "PyTorch's default", initializer: defaultWeightInit, deviation: 1 / Math.sqrt(3 * 288), bound: 1 / Math.sqrt(288) },
  {
    name: "PyTorch's default bias",
    initializer: defaultBiasInit(288),
    deviation: 1 / Math.sqrt(3 * 288),
    bound: 1 / Math.sqrt(288),
  },
];
for (const { name, initializer, deviation, bound = Infinity } of rows) {
  test(`${name}: mean 0, standard deviation ${deviation.toFixed(4)}, the same for the same stream`, () => {
    const numbers = draw(initializer);
    const n = numbers.length;
    const mean = numbers.reduce((sum, x) => sum + x, 0) / n;
    const measured = Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n);
    // Five standard errors.
    assert.ok(Math.abs(mean) < (5 * deviation) / Math.sqrt(n), `mean ${mean}`);
    assert.ok(Math.abs(measured / deviation - 1) < 5 / Math.sqrt(n), `deviation ${measured}`);
    const largest = Math.max(...numbers.map(Math.abs));
    assert.ok(largest <= bound * (1 + 1e-6), `largest ${largest}`);
    if (bound !== Infinity) assert.ok(largest > 0.99 * bound, `largest ${largest}`);
    assert.deepEqual(draw(initializer), numbers);
    assert.notDeepEqual(draw(initializer, SHAPE, 2), numbers);
  });
}

test("orthogonal: rows, or columns where there are fewer, are orthonormal times the gain", () => {
  for (const [rowCount, columns] of [
    [4, 9],
    [9, 4],
    [6, 6],
  ] as const) {
    const w = draw(orthogonal(2), [rowCount, columns]);
    const at = (i: number, j: number): number => w[i * columns + j] as number;
    const [count, length] = rowCount < columns ? [rowCount, columns] : [columns, rowCount];
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < count; b++) {
        let dot = 0;
        for (let k = 0; k < length; k++) dot += rowCount < columns ? at(a, k) * at(b, k) : at(k, a) * at(k, b);
        assert.ok(Math.abs(dot - (a === b ? 4 : 0)) < 1e-5, `${rowCount}×${columns}: ${a}·${b} = ${dot}`);
      }
    }
  }
});

test("a constant is one; a fan of a vector is refused", () => {
  assert.deepEqual(draw(constantInit(0.5), [3]), [0.5, 0.5, 0.5]);
  assert.throws(() => draw(kaimingNormal(), [3]), ConfigError);
});
