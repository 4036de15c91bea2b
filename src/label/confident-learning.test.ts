import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ShapeError } from "../util/errors.js";
import type { LabelScore } from "./confident-learning.js";
import {
  classOverlaps,
  confidentJoint,
  confidentThresholds,
  inDistributionScores,
  labelScores,
  margins,
} from "./confident-learning.js";

interface Case {
  readonly labels: number[];
  readonly probabilities: number[][];
  readonly thresholds: number[];
  readonly confidentJoint: number[][];
  readonly issues: number[];
  readonly selfConfidence: number[];
  readonly normalizedMargin: number[];
  readonly confidenceWeightedEntropy: number[];
  readonly inDistribution: number[];
}
const { cases } = JSON.parse(readFileSync(new URL("../../../test/golden/confident-learning.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[];
};

const near = (actual: Float64Array, expected: readonly number[]): void => {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) =>
    assert.ok(Math.abs(value - (expected[i] as number)) <= 1e-6, `${i}: ${expected[i]}, got ${value}`),
  );
};

test("scores, thresholds, the confident joint and its issues are cleanlab's", () => {
  for (const one of cases) {
    const scored = { labels: one.labels, probabilities: one.probabilities.flat(), classes: one.probabilities[0]?.length ?? 0 };
    near(confidentThresholds(scored), one.thresholds);
    const scores: [LabelScore, number[]][] = [
      ["self-confidence", one.selfConfidence],
      ["normalized-margin", one.normalizedMargin],
      ["confidence-weighted-entropy", one.confidenceWeightedEntropy],
    ];
    for (const [score, expected] of scores) near(labelScores(scored, score), expected);
    near(inDistributionScores(scored), one.inDistribution);
    const joint = confidentJoint(scored);
    assert.deepEqual(joint.counts, one.confidentJoint);
    const confidence = labelScores(scored);
    const ranked = [...joint.issues].sort((a, b) => (confidence[a] as number) - (confidence[b] as number));
    assert.deepEqual(ranked, one.issues);
  }
});

test("overlaps count both ways; margins are of the two likeliest; sizes are checked", () => {
  const scored = { labels: [0, 1, 1, 0], probabilities: [0.9, 0.1, 0.2, 0.8, 0.95, 0.05, 0.1, 0.9], classes: 2 };
  assert.deepEqual(classOverlaps(confidentJoint(scored)), [{ a: 0, b: 1, count: 2 }]);
  near(margins(scored), [0.8, 0.6, 0.9, 0.8]);
  assert.throws(() => labelScores({ ...scored, classes: 3 }), ShapeError);
});
