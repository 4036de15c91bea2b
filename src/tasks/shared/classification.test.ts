import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorData } from "../../graph/index.js";
import { classAnswers, ClassificationMeasurement } from "./classification.js";
import { softmaxRow } from "./softmax.js";

const matrix = (rows: number[][]): TensorData => ({
  dtype: "float32",
  shape: [rows.length, rows[0]?.length ?? 0],
  data: Float32Array.from(rows.flat()),
});
const labels = (...data: number[]): TensorData => ({ dtype: "int32", shape: [data.length], data: Int32Array.from(data) });

test("probabilities sum to one, also of logits that overflow exp", () => {
  assert.deepEqual([...softmaxRow(Float64Array.of(1000, 1000))], [0.5, 0.5]);
  const [a = 0, b = 0, c = 0] = softmaxRow(Float64Array.of(0, Math.log(2), Math.log(5)));
  for (const [got, expected] of [
    [a, 1 / 8],
    [b, 2 / 8],
    [c, 5 / 8],
  ] as const)
    assert.ok(Math.abs(got - expected) < 1e-12);
});

test("an answer names the likeliest class; of equal ones the first", () => {
  const [first, second] = classAnswers(
    {
      logits: matrix([
        [0, 0, -50],
        [-50, 0, 50],
      ]),
    },
    ["cat", "dog", "owl"],
  );
  assert.equal(first?.["label"], "cat");
  assert.ok(Math.abs((first?.["score"] as number) - 0.5) < 1e-12);
  assert.equal(second?.["label"], "owl");
  assert.deepEqual(Object.keys(second?.["probabilities"] as object), ["cat", "dog", "owl"]);
});

test("accuracy, macro F1 and loss add up over batches; top 5 only where there are more than 10 classes", () => {
  const two = new ClassificationMeasurement(2);
  two.update(
    {
      logits: matrix([
        [0, Math.log(3)],
        [Math.log(3), 0],
      ]),
    },
    { label: labels(1, 1) },
  );
  two.update({ logits: matrix([[Math.log(3), 0]]) }, { label: labels(0) });
  const { accuracy, macroF1, loss, ...rest } = two.result();
  assert.deepEqual(rest, {});
  assert.ok(Math.abs((accuracy as number) - 2 / 3) < 1e-12);
  // Both classes: one right, one of two answers or truths wrong, so each F1 is 2/3.
  assert.ok(Math.abs((macroF1 as number) - 2 / 3) < 1e-12);
  assert.ok(Math.abs((loss as number) - (2 * Math.log(4 / 3) + Math.log(4)) / 3) < 1e-6);
  assert.deepEqual(
    two.report().matrix.map((row) => [...row]),
    [
      [1, 0],
      [1, 1],
    ],
  );

  const twelve = new ClassificationMeasurement(12);
  const falling = Array.from({ length: 12 }, (_, k) => -k);
  twelve.update({ logits: matrix([falling, falling]) }, { label: labels(4, 5) });
  assert.equal(twelve.result()["top5Accuracy"], 0.5);
});
