import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../util/random.js";
import { isFaster, speedupInTurns, speedupOf } from "./timing.js";

test("bounds of a median ratio are order statistics; too few ratios bound nothing", () => {
  assert.deepEqual(speedupOf([1, 2, 3, 4, 5, 6]), { median: 4, low: 0, high: Infinity });
  // P(all eight on one side) = 1/256.
  assert.deepEqual(speedupOf([8, 1, 2, 7, 3, 4, 5, 6]), { median: 5, low: 1, high: 8 });
  // P(at most 3 of 16 on one side) = 0.0106, at most 2: 0.0021.
  assert.deepEqual(speedupOf(Array.from({ length: 16 }, (_, i) => i)), { median: 8, low: 2, high: 13 });
});

test("what takes as long is faster for certain in one of a hundred measurements, whatever the noise", () => {
  const random = new Random(3, "timing.test");
  let wrong = 0;
  const tries = 2000;
  for (let i = 0; i < tries; i++) {
    // Few turns are much slower: those that other work interrupted.
    const turn = (): number => Math.exp(random.normal(0, 0.05)) * (random.uniform() < 0.1 ? 3 : 1);
    if (speedupOf(Array.from({ length: 24 }, () => turn() / turn())).low > 1) wrong++;
  }
  assert.ok(wrong / tries <= 0.015, `${wrong} of ${tries}`);
});

test("of two things that take turns the faster one is found", async () => {
  const work = (count: number) => () => {
    let x = 1;
    for (let i = 0; i < count; i++) x = Math.sin(x) + 1;
    return Promise.resolve(x);
  };
  const found = await speedupInTurns(work(40_000), work(10_000), { least: 1.5 });
  assert.ok(isFaster(found, 1.5), JSON.stringify(found));
  const slower = await speedupInTurns(work(10_000), work(40_000), { least: 1.05 });
  assert.ok(!isFaster(slower, 1.05) && slower.high < 1, JSON.stringify(slower));
});
