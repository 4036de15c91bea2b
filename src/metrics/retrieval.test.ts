import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  frechetDistance,
  MomentsGatherer,
  nearest,
  openSet,
  openSetAuroc,
  openSetRates,
  recallAt,
  thresholdAt,
} from "./index.js";
import type { Labelled, OpenSet } from "./index.js";

interface Rates {
  falseAcceptRate: number;
  identificationRate: number;
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/retrieval.json", import.meta.url), "utf8")) as {
  retrieval: {
    gallery: number[][];
    galleryLabels: number[];
    queries: number[][];
    queryLabels: number[];
    recallAt1: number;
    recallAt5: number;
    auroc: number;
    "at0.1": Rates;
    "at0.3": Rates;
  }[];
  frechet: { a: number[][]; b: number[][]; mean: number[]; covariance: number[][]; distance: number }[];
};

const labelled = (rows: readonly number[][], labels: readonly number[]): Labelled => ({
  vectors: Float64Array.from(rows.flat()),
  labels,
});
const near = (actual: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: expected ${expected}, got ${actual}`,
  );

for (const [i, c] of golden.retrieval.entries())
  test(`recall, open-set AUROC and rates at a threshold as scikit-learn's, case ${i}`, () => {
    const gallery = labelled(c.gallery, c.galleryLabels);
    const queries = labelled(c.queries, c.queryLabels);
    near(recallAt(1, queries, gallery), c.recallAt1, 1e-12, "recall at 1");
    near(recallAt(5, queries, gallery), c.recallAt5, 1e-12, "recall at 5");
    const result = openSet(queries, gallery);
    near(openSetAuroc(result), c.auroc, 1e-12, "AUROC");
    for (const rate of [0.1, 0.3] as const) {
      const expected = c[`at${rate}`];
      const rates = openSetRates(result, thresholdAt(rate, result));
      near(rates.falseAcceptRate, expected.falseAcceptRate, 1e-12, `false accepts at ${rate}`);
      // scikit-learn's threshold is a score that occurs; ours lies lower, just above the next unknown one.
      assert.ok(rates.identificationRate >= expected.identificationRate, `identified at ${rate}`);
      assert.ok(rates.falseAcceptRate <= rate);
    }
  });

test("nearest: in order, ties by place, entries left out", () => {
  const gallery = labelled(
    [
      [1, 0],
      [0, 1],
      [1, 0],
      [0.6, 0.8],
    ],
    [0, 1, 2, 3],
  );
  const entries = (k: number, out?: (entry: number) => boolean): number[] => nearest([1, 0], gallery, k, out).map((m) => m.entry);
  assert.deepEqual(entries(4), [0, 2, 3, 1]);
  assert.deepEqual(entries(2), [0, 2]);
  assert.deepEqual(
    entries(2, (entry) => entry === 0),
    [2, 3],
  );
  assert.deepEqual(entries(9), [0, 2, 3, 1]);
});

test("a threshold keeps its false-accept rate, for ties too; without unknown queries there is none", () => {
  const set = (scores: number[], unknown: number): OpenSet => ({
    scores: Float64Array.from(scores),
    isKnown: scores.map((_, i) => i >= unknown),
    isRight: scores.map(() => true),
  });
  const tied = set([0.5, 0.5, 0.5, 0.2, 0.9, 0.4], 4);
  for (const rate of [0, 0.25, 0.5, 0.75, 1]) assert.ok(openSetRates(tied, thresholdAt(rate, tied)).falseAcceptRate <= rate);
  assert.equal(openSetRates(tied, thresholdAt(0.75, tied)).falseAcceptRate, 0.75);
  assert.equal(thresholdAt(1, tied), -1);
  assert.throws(() => thresholdAt(0.1, set([0.4], 0)), { name: "DataError", message: /expected queries of unknown things/ });
  assert.throws(
    () => recallAt(1, labelled([[1, 0]], [0]), labelled([], [])),
    /expected a gallery with entries, got an empty one/,
  );
  assert.throws(() => openSet(labelled([[1, 0]], [0]), labelled([[1, 0, 0]], [0])), /expected vectors of 3 numbers .* got 2/);
});

const momentsOf = (rows: readonly number[][], parts = 1): ReturnType<MomentsGatherer["result"]> => {
  const gatherer = new MomentsGatherer(rows[0]?.length ?? 0);
  const size = Math.ceil(rows.length / parts);
  for (let at = 0; at < rows.length; at += size) gatherer.update(rows.slice(at, at + size).flat());
  return gatherer.result();
};

for (const [i, c] of golden.frechet.entries())
  test(`the Fréchet distance as SciPy's, case ${i}`, () => {
    const a = momentsOf(c.a, 3);
    a.mean.forEach((value, j) => near(value, c.mean[j] as number, 1e-12, "mean"));
    a.covariance.forEach((value, j) => near(value, c.covariance.flat()[j] as number, 1e-11, "covariance"));
    near(frechetDistance(a, momentsOf(c.b)), c.distance, 1e-6, "distance");
    near(frechetDistance(momentsOf(c.b), a), c.distance, 1e-6, "distance the other way");
    near(frechetDistance(a, momentsOf(c.a)), 0, 1e-6, "to itself");
  });

test("the Fréchet distance of shifted copies is the shift's square; large means lose no digits", () => {
  const rows = golden.frechet[0]?.a ?? [];
  const shifted = (by: number): number[][] => rows.map((row) => row.map((v, i) => v + (i === 0 ? by : 0)));
  near(frechetDistance(momentsOf(rows), momentsOf(shifted(5))), 25, 1e-9, "shift");
  const far = momentsOf(rows.map((row) => row.map((v) => v + 1e6)));
  momentsOf(rows).covariance.forEach((value, i) => near(far.covariance[i] as number, value, 1e-7, "covariance"));
  assert.throws(() => new MomentsGatherer(3).result(), /expected at least 2 feature vectors, got 0/);
  assert.throws(
    () =>
      frechetDistance(
        momentsOf(rows),
        momentsOf([
          [1, 2],
          [3, 4],
        ]),
      ),
    /features of one size, got 4 and 2/,
  );
});
