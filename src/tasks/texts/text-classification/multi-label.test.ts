import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorData } from "../../../graph/index.js";
import { labelsAbove, labelSetAnswers, LabelSetMeasurement } from "./multi-label.js";

const matrix = (rows: readonly (readonly number[])[]): TensorData => ({
  dtype: "float32",
  shape: [rows.length, rows[0]?.length ?? 0],
  data: Float32Array.from(rows.flat()),
});

// scikit-learn 1.9: f1_score(truth, logits > 0, average=…), accuracy_score, log_loss of each label, averaged.
const LOGITS = [
  [2, -1, 0.5, -3],
  [-1, 1.5, 0.25, -2],
  [0.75, -0.5, -4, -1],
];
const EXPECTED = { microF1: 0.8, macroF1: 0.8222222222222223, accuracy: 0.6666666666666666, loss: 0.3852296697057395 };
const TRUTH = [
  [1, 0, 1, 0],
  [1, 1, 0, 0],
  [1, 0, 0, 0],
];

test("F1 and exactness are scikit-learn's, batch by batch; labels that nobody has are left out of the macro average", () => {
  const measurement = new LabelSetMeasurement(4);
  measurement.update({ logits: matrix(LOGITS.slice(0, 2)) }, { labels: matrix(TRUTH.slice(0, 2)) });
  measurement.update({ logits: matrix(LOGITS.slice(2)) }, { labels: matrix(TRUTH.slice(2)) });
  const { microF1 = 0, macroF1 = 0, accuracy = 0, loss = 0 } = measurement.result();
  assert.ok(Math.abs(microF1 - EXPECTED.microF1) < 1e-9, `${microF1}`);
  assert.ok(Math.abs(macroF1 - EXPECTED.macroF1) < 1e-9, `${macroF1}`);
  assert.ok(Math.abs(accuracy - EXPECTED.accuracy) < 1e-9, `${accuracy}`);
  assert.ok(Math.abs(loss - EXPECTED.loss) < 1e-6, `${loss}`);
});

test("an answer has the labels above the threshold, or none", () => {
  const [first, second] = labelSetAnswers(
    {
      logits: matrix([
        [3, -3, 0.1],
        [-1, -1, -1],
      ]),
    },
    ["a", "b", "c"],
  );
  assert.deepEqual([first?.["labels"], second?.["labels"]], [["a", "c"], []]);
  assert.deepEqual(labelsAbove({ a: 0.9, b: 0.6 }, 0.8), ["a"]);
});
