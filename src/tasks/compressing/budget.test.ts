import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../util/errors.js";
import type { Measured } from "./budget.js";
import { distanceFrom, paretoFront, parseBudget, violations } from "./budget.js";
import { sharesOf } from "./prune-node.js";

const point = (latency: number, size: number, after: number): Measured => ({
  shares: { latency, size, parameters: size },
  metric: { before: 0.9, after },
});

test("a budget is read, and whatever else is refused", () => {
  assert.deepEqual(parseBudget("accuracy -0.5pp, latency 0.5x, size .25×"), {
    metric: { name: "accuracy", loss: 0.005, isShare: false },
    most: { latency: 0.5, size: 0.25 },
  });
  assert.deepEqual(parseBudget("perplexity −1%").metric, { name: "perplexity", loss: 0.01, isShare: true });
  for (const text of ["", "size", "size 0x", "accuracy 0.5x", "size -1pp", "constructor 1x", "latency half"])
    assert.throws(() => parseBudget(text), ConfigError, text);
});

test("what misses a budget is known by how far", () => {
  const budget = parseBudget("accuracy -1pp, size 0.5x");
  assert.equal(distanceFrom(violations(budget, point(1, 0.5, 0.895), "max")), 0);
  const missed = violations(budget, point(1, 0.6, 0.87), "max");
  assert.ok(Math.abs((missed.get("size") ?? 0) - 0.2) < 1e-9);
  assert.ok(Math.abs((missed.get("accuracy") ?? 0) - 2) < 1e-9);
});

test("the front is made of points that no other one beats", () => {
  const [a, b, c, d] = [point(1, 0.3, 0.8), point(1, 0.5, 0.88), point(1, 0.6, 0.87), point(1, 0.9, 0.9)];
  assert.deepEqual(paretoFront([a, b, c, d] as Measured[], "size", "max"), [a, b, d]);
});

test("what rounds leave comes to the target: at once, cubic, by equal factors", () => {
  const expected = {
    "one-shot": [0.3],
    gradual: [0.3 + 0.7 * (2 / 3) ** 3, 0.3 + 0.7 / 27, 0.3],
    iterative: [0.3 ** (1 / 3), 0.3 ** (2 / 3), 0.3],
  };
  for (const cuts of ["one-shot", "gradual", "iterative"] as const) {
    const shares = sharesOf(0.3, { cuts, rounds: 3 });
    assert.equal(shares.length, expected[cuts].length);
    shares.forEach((share, i) => assert.ok(Math.abs(share - (expected[cuts][i] as number)) < 1e-12, `${cuts} ${i}: ${share}`));
  }
});
