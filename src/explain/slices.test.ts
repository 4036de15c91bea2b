/** @module Slices: planted ones are found, and chance is not taken for one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../util/random.js";
import { sliceText, worstSlices } from "./slices.js";
import type { SliceFeature } from "./slices.js";

/** Examples of three features, and errors whose chance `rate` says. */
function drawn(
  n: number,
  seed: number,
  rate: (plan: string, age: number) => number,
): { features: SliceFeature[]; errors: number[] } {
  const random = new Random(seed, "slices test");
  const plans = Array.from({ length: n }, () => ["basic", "plus", "team"][random.integer(3)] as string);
  const ages = Float64Array.from({ length: n }, () => random.uniform(18, 80));
  const noise = Float64Array.from({ length: n }, () => random.normal());
  const errors = plans.map((plan, i) => Number(random.uniform() < rate(plan, ages[i] as number)));
  return {
    features: [
      { name: "plan", values: plans },
      { name: "age", values: ages },
      { name: "noise", values: noise },
    ],
    errors,
  };
}

test("a slice of two conditions is found, and is significant in the half that was not searched", () => {
  const { features, errors } = drawn(2000, 1, (plan, age) => (plan === "basic" && age < 33 ? 0.6 : 0.1));
  const [worst] = worstSlices(features, errors, { seed: 1 });
  assert.ok(worst !== undefined);
  assert.equal(worst.isSignificant, true);
  assert.match(sliceText(worst), /plan = basic/);
  assert.match(sliceText(worst), /age ≤ 3\d/);
  assert.ok(worst.heldOut.error > 0.4 && worst.heldOut.rest < 0.2, JSON.stringify(worst.heldOut));
  assert.match(sliceText(worst, "zh"), /plan = basic 且 age ≤|age ≤ .* 且 plan = basic/);
});

test("quantities have slices too, and a missing value is a condition", () => {
  const random = new Random(5, "quantities");
  const values = Float64Array.from({ length: 800 }, (_, i) => (i % 8 === 0 ? NaN : random.normal()));
  const errors = Array.from(values, (v) => Math.abs(random.normal()) * (Number.isNaN(v) ? 4 : 1));
  const [worst] = worstSlices([{ name: "income", values }], errors, { seed: 2 });
  assert.equal(sliceText(worst ?? { conditions: [] }), "income is missing");
  assert.equal(worst?.isSignificant, true);
});

test("of data in which errors are chance, hardly one in twenty gives a significant slice", () => {
  const seeds = 100;
  let found = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const { features, errors } = drawn(400, 100 + seed, () => 0.25);
    if (worstSlices(features, errors, { seed }).some(({ isSignificant }) => isSignificant)) found++;
  }
  // Of 100 draws at 5 %, more than 11 happen once in a hundred.
  assert.ok(found <= 11, `${found} of ${seeds}`);
});

test("what examples may have or not is a condition where they have it", () => {
  const values = Array.from({ length: 400 }, (_, i) => i % 5 === 0);
  const [worst, ...others] = worstSlices([{ name: '"not"', values }], values.map(Number), { seed: 1 });
  assert.equal(sliceText(worst ?? { conditions: [] }), 'contains "not"');
  assert.equal(sliceText(worst ?? { conditions: [] }, "zh"), '含有 "not"');
  assert.equal(others.length, 0);
});

test("too few examples, and features of another length, are refused", () => {
  assert.throws(() => worstSlices([], new Array(20).fill(0)), /slices: expected at least 40 examples, got 20/);
  const short: SliceFeature = { name: "plan", values: ["basic"] };
  assert.throws(() => worstSlices([short], new Array(100).fill(0)), /slices: feature "plan": expected 100 values, got 1/);
});
