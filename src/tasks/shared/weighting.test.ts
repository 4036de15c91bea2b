import assert from "node:assert/strict";
import { test } from "node:test";
import { constant, fromNumbers } from "../../graph/index.js";
import { compile } from "../../runtime/index.js";
import { classificationLoss } from "./classification.js";
import { classWeightsOf } from "./weighting.js";

const CLASSES = ["no", "yes", "yes, a=1"];

test("weights of classes: balanced, by name, with names that hold the signs of the list", () => {
  // N / (K · nₖ), over the classes that occur.
  assert.deepEqual(classWeightsOf("balanced", CLASSES, [6, 2, 0]), [8 / 12, 8 / 4, 0]);
  assert.deepEqual(classWeightsOf("yes=3", CLASSES, [6, 2, 1]), [1, 3, 1]);
  assert.deepEqual(classWeightsOf("yes, a=1=0.5, no=0", CLASSES, [6, 2, 1]), [0, 1, 0.5]);
});

for (const [asked, expected] of [
  ["nope=1", /^ConfigError: --class-weights: unknown class "nope"/],
  ["no=x", /expected a weight of at least 0 for "no", got "x"/],
  ["no=-1", /expected a weight of at least 0 for "no", got "-1"/],
  ["no=1,no=2", /expected one weight for "no", got two/],
  ["3", /expected balanced, or NAME=NUMBER,…, got 3/],
  ["no=0,yes=0,yes, a=1=0", /expected a class that counts, got weights of 0 alone/],
] as const)
  test(`weights of classes that are refused: ${asked}`, () => {
    assert.throws(() => classWeightsOf(asked, CLASSES, [6, 2, 1]), expected);
  });

test("the loss weighs each example by its class and by itself, over the sum of the weights", async () => {
  const [logits, labels, examples] = [
    [0, 1, 2, 0, 1, 1],
    [1, 0, 1],
    [2, 0, 3],
  ];
  const batch = {
    label: constant(fromNumbers("int32", [3], labels)),
    weight: constant(fromNumbers("float32", [3], examples)),
  };
  const outputs = { logits: constant(fromNumbers("float32", [3, 2], logits)) };
  const info = { classWeights: [1, 4] };
  const unweighted = { label: batch.label };
  const each = labels.map((label, i) => {
    const [a, b] = logits.slice(2 * i, 2 * i + 2) as [number, number];
    return Math.log(Math.exp(a) + Math.exp(b)) - (label === 0 ? a : b);
  });
  const mean = (weights: readonly number[]): number =>
    each.reduce((sum, loss, i) => sum + loss * (weights[i] as number), 0) / weights.reduce((a, b) => a + b, 0);
  await using executable = await compile({
    none: classificationLoss(outputs, unweighted, { info: {}, options: {} }),
    classes: classificationLoss(outputs, unweighted, { info, options: {} }),
    examples: classificationLoss(outputs, batch, { info: {}, options: {} }),
    both: classificationLoss(outputs, batch, { info, options: {} }),
  });
  const found = await executable.call({});
  for (const [name, weights] of [
    ["none", [1, 1, 1]],
    ["classes", [4, 1, 4]],
    ["examples", examples],
    ["both", [8, 0, 12]],
  ] as const)
    assert.ok(Math.abs(Number(found[name]?.data[0]) - mean(weights)) < 1e-6, name);
});
