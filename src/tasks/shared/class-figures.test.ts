import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers } from "../../graph/index.js";
import { ClassFigures } from "./class-figures.js";
import { operatingPoints } from "./operating-points.js";
import { ClassificationMeasurement } from "./classification.js";

test("operating points: the best F1, and the most of one where the other is at least 0.9", () => {
  // From 0.9 down: 1 of 1, 2 of 2, 2 of 3, 3 of 4 named are right, of 3 that there are.
  const points = operatingPoints([0.9, 0.8, 0.4, 0.7, 0.1], [true, true, true, false, false]);
  assert.deepEqual(
    points.map(({ name, threshold, precision, recall }) => [name, threshold, precision, recall]),
    [
      ["best F1", 0.4, 3 / 4, 1],
      ["precision ≥ 0.9", 0.8, 1, 2 / 3],
      ["recall ≥ 0.9", 0.4, 3 / 4, 1],
    ],
  );
  assert.deepEqual(operatingPoints([0.5, 0.6], [false, false]), []);
});

const LOGITS = fromNumbers("float32", [4, 2], [0, 2, 0, 1, 0, 1.5, 0, -1]);
const LABELS = fromNumbers("int32", [4], [1, 1, 0, 0]);

test("areas under curves of two classes are those of the second; of more classes means; of many, none are kept", () => {
  const two = new ClassFigures(2);
  two.update(LOGITS, LABELS);
  // Of four pairs of a positive and a negative, three are in order.
  assert.deepEqual(two.areas(), { rocAuc: 3 / 4, averagePrecision: (1 + 2 / 3) / 2 });
  assert.equal(two.points().length, 3);
  const three = new ClassFigures(3);
  three.update(fromNumbers("float32", [2, 3], [3, 1, 0, 0, 2, 1]), fromNumbers("int32", [2], [0, 1]));
  assert.deepEqual(three.areas(), { macroRocAuc: 1, macroAveragePrecision: 1 });
  assert.deepEqual(three.points(), []);
  const many = new ClassFigures(21);
  many.update(fromNumbers("float32", [1, 21], new Float64Array(21)), fromNumbers("int32", [1], [3]));
  assert.deepEqual(many.areas(), {});
  assert.deepEqual(new ClassFigures(2).areas(), {});
});

test("a measurement's details are of the second class, and its loss weighs classes as training does", () => {
  const plain = new ClassificationMeasurement(2);
  const weighted = new ClassificationMeasurement(2, { classWeights: [3, 1] });
  for (const measurement of [plain, weighted]) measurement.update({ logits: LOGITS }, { label: LABELS });
  const { precision, recall, f1 } = plain.details();
  assert.deepEqual([precision, recall], [2 / 3, 1]);
  assert.ok(Math.abs((f1 as number) - 0.8) < 1e-12);
  const losses = [Math.log1p(Math.exp(-2)), Math.log1p(Math.exp(-1)), Math.log1p(Math.exp(1.5)), Math.log1p(Math.exp(-1))];
  const mean = (weights: readonly number[]): number =>
    losses.reduce((sum, loss, i) => sum + loss * (weights[i] as number), 0) / weights.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs((plain.result()["loss"] as number) - mean([1, 1, 1, 1])) < 1e-6);
  assert.ok(Math.abs((weighted.result()["loss"] as number) - mean([1, 1, 3, 3])) < 1e-6);
});
