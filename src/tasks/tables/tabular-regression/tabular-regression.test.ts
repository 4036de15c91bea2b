import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "../../../data/index.js";
import type { TensorData } from "../../../graph/index.js";
import { RegressionMeasurement } from "../regression-measurement.js";
import { tabularClassification } from "../tabular-classification/tabular-classification.js";
import { tabularRegression } from "./tabular-regression.js";
import type { TableInfo } from "../tables.js";
import { builtNamed, taskNamed } from "../../table.js";

const info: TableInfo = {
  preprocessing: null,
  featureNames: ["x"],
  categories: [],
  classes: [],
  target: "price",
  targetMean: 100,
  targetDeviation: 10,
};
const vector = (...data: number[]): TensorData => ({ dtype: "float32", shape: [data.length], data: Float32Array.from(data) });

test("errors of a quantity are in its own unit, over batches of any size; the loss is standardized", () => {
  const measurement = new RegressionMeasurement(info);
  measurement.update({ prediction: vector(0, 1, 2) }, { target: vector(0, 2, 0) });
  measurement.update({ prediction: vector(-1) }, { target: vector(2) });
  // Errors 0, −10, 20, −30; the truth is 100, 120, 100, 120, so its squares about the mean sum to 400.
  const { rmse, mae, r2, loss } = measurement.result();
  assert.ok(Math.abs((rmse as number) - Math.sqrt(1400 / 4)) < 1e-9);
  assert.equal(mae, 15);
  assert.ok(Math.abs((r2 as number) - (1 - 1400 / 400)) < 1e-9);
  assert.equal(loss, 3.5);
  assert.deepEqual(measurement.truth, [100, 120, 100, 120]);
  assert.deepEqual(measurement.prediction, [100, 110, 120, 90]);
});

test("an answer is named as its column and in its unit", () => {
  assert.deepEqual(tabularRegression.answers({ prediction: vector(0, -1.5) }, info, {}, new Dataset({ price: [0, 0] })), [
    { price: 100 },
    { price: 85 },
  ]);
});

test("small tables are passed often enough for 1,500 updates, large ones 20 times", () => {
  const mlp = builtNamed(taskNamed("tabular-classification"), tabularClassification.defaultModel);
  const updates = (examples: number): number => {
    const { epochs, batchSize } = mlp.defaults(examples);
    return epochs * Math.max(1, Math.floor(examples / batchSize));
  };
  for (const examples of [10, 198, 1_999, 2_000])
    assert.ok(updates(examples) >= 1500 && updates(examples) < 3_200, `${examples}`);
  assert.equal(mlp.defaults(50_000).epochs, 20);
});
