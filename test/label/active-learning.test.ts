import assert from "node:assert/strict";
import { test } from "node:test";
import { denseMatrix } from "../../src/classical/matrix.js";
import { Random } from "../../src/util/random.js";
import type { Pool } from "../../scripts/active-learning/strategies.js";
import { chooseBatch, expectedChange, gradientDiversity, kCenter, STRATEGIES } from "../../scripts/active-learning/strategies.js";
import { labelsFor, simulateLabelling } from "../../scripts/active-learning/simulation.js";

/** Points on the unit circle by their angles. */
const onCircle = (angles: readonly number[]): Float32Array =>
  Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));

test("expected change is the mean gradient length over the classes that may be true", () => {
  // By hand: p = (0.5, 0.5): each gradient is (±0.5, ∓0.5), of length √0.5.
  assert.ok(Math.abs(expectedChange([0.5, 0.5]) - Math.SQRT1_2) < 1e-12);
  // p = (1, 0): the certain class changes nothing.
  assert.equal(expectedChange([1, 0]), 0);
  const p = [0.7, 0.2, 0.1];
  const byHand = p.reduce((sum, own, k) => sum + own * Math.hypot(...p.map((value, j) => value - Number(j === k))), 0);
  assert.ok(Math.abs(expectedChange(p) - byHand) < 1e-12);
});

test("k-center takes the furthest from what is labelled, then the furthest from those", () => {
  const x = denseMatrix(onCircle([0, 0.1, 0.2, 3, 3.1, 1.5]), 2);
  assert.deepEqual(kCenter({ x, candidates: [1, 2, 3, 4, 5], labelled: [0] }, 2), [4, 5]);
});

test("gradient diversity takes none twice and passes by what is certain, and every strategy gives as many as are asked for", () => {
  const x = denseMatrix(onCircle([0, 0.01, 1.5, 1.51, 3]), 2);
  const probabilities = Float64Array.from([0.5, 0.5, 0.5, 0.5, 0.6, 0.4, 0.6, 0.4, 1, 0]);
  for (let seed = 0; seed < 20; seed++) {
    const pool: Pool = {
      x,
      candidates: [0, 1, 2, 3, 4],
      probabilities,
      classes: 2,
      labelled: [],
      random: new Random(seed, "pool"),
    };
    const two = gradientDiversity(pool, 2);
    assert.ok(!two.includes(4), "a certain row teaches nothing");
    for (const strategy of STRATEGIES) {
      const chosen = chooseBatch(strategy, pool, 5);
      assert.deepEqual(
        [...chosen].sort((a, b) => a - b),
        [0, 1, 2, 3, 4],
        strategy,
      );
    }
  }
});

test("a simulation: seeds repeat, labels are the first ones for all, uncertainty needs fewer on a plain boundary", () => {
  const random = new Random(9, "points");
  const angles = Array.from({ length: 1200 }, () => random.uniform(-1.5, 1.5));
  // Most points are far from the boundary at 0.2.
  const x = denseMatrix(
    onCircle(angles.map((angle) => (Math.abs(angle) < 0.3 || random.uniform() < 0.7 ? angle : 1.4 * Math.sign(angle)))),
    2,
  );
  const labels = Array.from({ length: 1200 }, (_, i) =>
    Number(Math.atan2(x.values[2 * i + 1] as number, x.values[2 * i] as number) > 0.2),
  );
  const rows = labels.map((_, i) => i);
  const play = (strategy: "random" | "uncertainty", seed: number) =>
    simulateLabelling({
      x,
      labels,
      classes: 2,
      pool: rows.slice(0, 800),
      test: rows.slice(800),
      strategy,
      budget: 60,
      batch: 10,
      seed,
    });
  assert.deepEqual(play("uncertainty", 1), play("uncertainty", 1));
  assert.deepEqual(play("uncertainty", 1)[0], play("random", 1)[0]);
  const mean = (strategy: "random" | "uncertainty"): number =>
    [1, 2, 3, 4, 5].reduce((sum, seed) => sum + (play(strategy, seed).at(-1)?.accuracy ?? 0), 0) / 5;
  assert.ok(mean("uncertainty") >= mean("random"));
});

test("labels for an accuracy: where the curve reaches it for good", () => {
  const curve = [
    { labels: 10, accuracy: 0.5 },
    { labels: 20, accuracy: 0.8 },
    { labels: 30, accuracy: 0.7 },
    { labels: 40, accuracy: 0.9 },
  ];
  assert.equal(labelsFor(curve, 0.75), 32.5);
  assert.equal(labelsFor(curve, 0.4), 10);
  assert.equal(labelsFor(curve, 0.95), Infinity);
});
