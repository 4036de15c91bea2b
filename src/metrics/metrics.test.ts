import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  accuracy,
  areaUnderRoc,
  auroc,
  averagePrecision,
  brierScore,
  CalibrationCurve,
  ConfusionMatrix,
  expectedCalibrationError,
  logLoss,
  macroF1,
  macroPrecision,
  macroRecall,
  meanAbsoluteError,
  meanSquaredError,
  medianAbsoluteError,
  microF1,
  precisionRecallCurve,
  r2,
  rootMeanSquaredError,
  topKAccuracy,
  weightedF1,
} from "./index.js";
import type { MetricFactory, MetricOptions } from "./index.js";
import type { TensorData } from "../graph/index.js";
import { fromNumbers, toTensorData } from "../graph/index.js";

type Golden = Record<string, number> & {
  logits: number[][];
  target: number[];
  prediction: number[];
  confusionMatrix: number[][];
};
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/metrics.json", import.meta.url), "utf8")) as {
  classification: Golden[];
  regression: Golden[];
};

const near = (actual: number, expected: number, what: string) =>
  assert.ok(
    Object.is(actual, expected) || Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
    `${what}: expected ${expected}, got ${actual}`,
  );
const ints = (values: number[]): TensorData => fromNumbers("int64", [values.length], values);

/** The metric over batches of uneven sizes; then again after a reset. */
function measure(factory: MetricFactory, prediction: number[][] | number[], target: TensorData, options?: MetricOptions): number {
  const metric = factory(options);
  assert.ok(Number.isNaN(metric.result()), "NaN before the first example");
  const results = [7, prediction.length].map((size) => {
    metric.reset();
    for (let at = 0; at < prediction.length; at += size) {
      const end = Math.min(prediction.length, at + size);
      const part = { dtype: target.dtype, shape: [end - at], data: target.data.slice(at, end) } as TensorData;
      metric.update(toTensorData(prediction.slice(at, end), "float64"), part);
    }
    return metric.result();
  });
  near(results[0] as number, results[1] as number, "in batches as in one");
  return results[0] as number;
}

const classification: [string, MetricFactory][] = [
  ["accuracy", accuracy],
  ["macro.precision", macroPrecision],
  ["macro.recall", macroRecall],
  ["macro.f1", macroF1],
  ["micro.f1", microF1],
  ["weighted.f1", weightedF1],
  ["logLoss", logLoss],
  ["auroc", auroc],
  ["brier", brierScore],
  ["calibrationError", expectedCalibrationError],
  ["top2", topKAccuracy(2)],
];
for (const [i, c] of golden.classification.entries()) {
  for (const [name, factory] of classification) {
    if (c[name] === undefined) continue;
    test(`${name} equals scikit-learn's, case ${i}`, () =>
      near(measure(factory, c.logits, ints(c.target)), c[name] as number, name));
  }
  test(`the report equals scikit-learn's, case ${i}`, () => {
    const matrix = new ConfusionMatrix();
    matrix.update(toTensorData(c.logits, "float32"), ints(c.target));
    assert.deepEqual(matrix.matrix, c.confusionMatrix);
    const report = matrix.report();
    for (const figure of ["precision", "recall", "f1"] as const) {
      for (const average of ["macro", "micro", "weighted"] as const)
        near(report[average][figure], c[`${average}.${figure}`] as number, `${average}.${figure}`);
      const expected = c[`perClass.${figure}`] as unknown as number[];
      for (const [k, value] of expected.entries())
        near(report.perClass[k]?.[figure] ?? Number.NaN, value, `${figure} of class ${k}`);
    }
  });
}

const regression: [string, MetricFactory][] = Object.entries({
  meanSquaredError,
  rootMeanSquaredError,
  meanAbsoluteError,
  medianAbsoluteError,
  r2,
});
for (const [i, c] of golden.regression.entries())
  for (const [name, factory] of regression)
    test(`${name} equals scikit-learn's, case ${i}`, () =>
      near(measure(factory, c.prediction, fromNumbers("float64", [c.target.length], c.target)), c[name] as number, name));

test("one logit, two logits and probabilities of two classes agree", () => {
  const z = [-2, -0.5, 0.3, 4, 1];
  const target = ints([0, 1, 1, 1, 0]);
  const p = z.map((x) => 1 / (1 + Math.exp(-x)));
  for (const factory of [accuracy, logLoss, auroc, brierScore, expectedCalibrationError]) {
    const expected = measure(factory, z, target);
    near(
      measure(
        factory,
        z.map((x) => [0, x]),
        target,
      ),
      expected,
      "two logits",
    );
    near(
      measure(
        factory,
        z.map((x) => [x]),
        target,
      ),
      expected,
      "[N, 1]",
    );
    near(measure(factory, p, target, { from: "probabilities" }), expected, "probabilities");
  }
});

test("invariants: equal scores, ties, perfect and reversed order", () => {
  assert.equal(areaUnderRoc([1, 2, 3, 4], [0, 0, 1, 1]), 1);
  assert.equal(areaUnderRoc([1, 2, 3, 4], [1, 1, 0, 0]), 0);
  assert.equal(areaUnderRoc([5, 5, 5, 5], [0, 1, 0, 1]), 0.5);
  assert.ok(Number.isNaN(areaUnderRoc([1, 2], [1, 1])));
  assert.ok(Number.isNaN(areaUnderRoc([1, Number.NaN], [1, 0])));
  near(measure(logLoss, [[3, 3, 3]], ints([2])), Math.log(3), "log n at any magnitude");
  near(measure(logLoss, [[1e6, 1e6 + 1]], ints([1])), Math.log(1 + Math.exp(-1)), "a shift changes nothing");
  assert.equal(measure(topKAccuracy(1), [[2, 2]], ints([1])), 0);
  assert.equal(measure(topKAccuracy(2), [[2, 2]], ints([1])), 1);
  assert.ok(Number.isNaN(measure(r2, [1, 2], fromNumbers("float32", [2], [5, 5]))));
});

test("padding is ignored; sequences count token by token", () => {
  const metric = accuracy({ ignoreIndex: -100 });
  metric.update(
    toTensorData([
      [
        [1, 0],
        [0, 1],
        [0, 1],
      ],
    ]),
    fromNumbers("int64", [1, 3], [0, 0, -100]),
  );
  assert.equal(metric.result(), 0.5);
});

test("a reliability curve says where it is wrong", () => {
  const curve = new CalibrationCurve(10, { from: "probabilities" });
  curve.update(
    toTensorData(
      [
        [0.8, 0.2],
        [0.2, 0.8],
        [0.75, 0.25],
        [1, 0],
      ],
      "float64",
    ),
    ints([0, 0, 0, 0]),
  );
  const bin = curve.bins[7];
  assert.deepEqual([bin?.low, bin?.high, bin?.count], [0.7, 0.8, 3]);
  near(bin?.confidence ?? 0, (0.8 + 0.8 + 0.75) / 3, "confidence");
  near(bin?.accuracy ?? 0, 2 / 3, "accuracy");
  assert.equal(curve.bins[9]?.count, 1);
});

test("what does not fit is refused in one line", () => {
  const metric = accuracy();
  assert.throws(
    () =>
      metric.update(
        toTensorData([
          [1, 2],
          [3, 4],
        ]),
        ints([0, 2]),
      ),
    {
      name: "DataError",
      message: "metric: target 2: expected a class in 0 … 1, got 2",
    },
  );
  assert.throws(() => metric.update(toTensorData([[1, 2, 3]]), ints([0, 1])), { name: "ShapeError" });
  assert.throws(
    () => r2().update(toTensorData([1, 2]), toTensorData([1])),
    /expected predictions and targets of one shape, got \[2\] and \[1\]/,
  );
});

test("precision over recall is scikit-learn's, equal scores as one place", () => {
  const scores = [0.9, 0.8, 0.8, 0.7, 0.6, 0.55, 0.5, 0.4, 0.3, 0.1];
  const positive = [1, 1, 0, 1, 0, 1, 0, 0, 1, 0];
  // sklearn.metrics 1.9.1: precision_recall_curve turned around, without its last place (recall 0, precision 1).
  const curve = precisionRecallCurve(scores, positive);
  assert.deepEqual(curve.recall, [0.2, 0.4, 0.6, 0.6, 0.8, 0.8, 0.8, 1, 1]);
  assert.deepEqual(curve.precision, [1, 2 / 3, 0.75, 0.6, 2 / 3, 4 / 7, 0.5, 5 / 9, 0.5]);
  assert.ok(Math.abs(averagePrecision(curve) - 0.7277777777777779) < 1e-15);
  assert.ok(Number.isNaN(averagePrecision(precisionRecallCurve([0.5], [0]))));
});
