import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Random } from "../util/random.js";
import { bootstrapInterval, mcNemar, pairedBootstrap } from "./index.js";

interface Case {
  readonly values: number[];
  readonly rows: number[][];
  readonly low: number;
  readonly high: number;
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/comparison.json", import.meta.url), "utf8")) as {
  readonly mcnemar: readonly {
    readonly first: number[];
    readonly second: number[];
    readonly exact: number;
    readonly corrected: number;
  }[];
  readonly bootstrap: Case;
  readonly paired: Case & { readonly other: number[]; readonly difference: number; readonly p: number };
};
const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) <= 1e-9, `expected ${expected}, got ${actual}`);

test("McNemar's test is statsmodels', exact and corrected", () => {
  for (const { first, second, exact, corrected } of golden.mcnemar) {
    near(mcNemar(first, second, true).p, exact);
    near(mcNemar(first, second, false).p, corrected);
  }
  assert.equal(mcNemar([1, 0], [1, 0]).p, 1);
});

test("bootstrap intervals are scipy's for the same resamples", () => {
  const { values, rows, low, high } = golden.bootstrap;
  const interval = bootstrapInterval(values, { resamples: rows.length, draw: (b) => rows[b] as number[] });
  near(interval.low, low);
  near(interval.high, high);
  const paired = golden.paired;
  const result = pairedBootstrap(paired.values, paired.other, {
    resamples: paired.rows.length,
    draw: (b) => paired.rows[b] as number[],
  });
  near(result.difference, paired.difference);
  near(result.low, paired.low);
  near(result.high, paired.high);
  near(result.p, paired.p);
});

test("over 200 sets with a known mean, 95 % intervals hold it in 92 to 98 %", () => {
  const truth = 0.8;
  let held = 0;
  for (let set = 0; set < 200; set++) {
    const random = new Random(set, "coverage");
    const right = Float64Array.from({ length: 400 }, () => (random.uniform() < truth ? 1 : 0));
    const { low, high } = bootstrapInterval(right, { resamples: 500, seed: set });
    if (low <= truth && truth <= high) held++;
  }
  assert.ok(held >= 184 && held <= 196, `${held} of 200`);
});
