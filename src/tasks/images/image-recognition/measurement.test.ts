import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers } from "../../../graph/index.js";
import { RecognitionMeasurement } from "./measurement.js";

/** Unit vectors in the plane, by angle in degrees. */
function measured(
  rows: readonly (readonly [label: number, degrees: number])[],
  trainedClasses: number,
  batch = 3,
): RecognitionMeasurement {
  const measurement = new RecognitionMeasurement({ trainedClasses, embeddingSize: 2 });
  for (let at = 0; at < rows.length; at += batch) {
    const part = rows.slice(at, at + batch);
    const vectors = part.flatMap(([, degrees]) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]);
    measurement.update(
      { embedding: fromNumbers("float32", [part.length, 2], vectors) },
      {
        label: fromNumbers(
          "int32",
          [part.length],
          part.map(([label]) => label),
        ),
      },
    );
  }
  return measurement;
}

test("half of each class is enrolled in order, at most ten; the rest is asked", () => {
  const { gallery, queries } = measured(
    [
      [0, 0],
      [1, 90],
      [0, 5],
      [1, 95],
      [0, 2],
    ],
    2,
  ).parts();
  assert.deepEqual(
    [gallery.rows, queries.rows],
    [
      [0, 1, 2],
      [3, 4],
    ],
  );
  const many = measured(
    Array.from({ length: 30 }, (_, i) => [0, i] as const),
    1,
  ).parts();
  assert.deepEqual([many.gallery.rows.length, many.queries.rows.length], [10, 20]);
});

test("figures by hand: recall of all and of unseen classes, AUROC and rates with the trained classes alone", () => {
  // Class 2 was not trained on: enrolled at 45, asked at 50, near nothing else. One query of class 1 lies with class 0.
  const rows = [
    [0, 0],
    [1, 90],
    [2, 45],
    [0, 4],
    [1, 20],
    [2, 50],
  ] as const;
  const measurement = measured(rows, 2);
  assert.equal(measurement.hasUnknown, true);
  const { recallAt1, unseenRecallAt1, auroc } = measurement.result();
  assert.equal(recallAt1, 2 / 3);
  assert.equal(unseenRecallAt1, 1);
  // Known queries lie 4 and 20 degrees off, unknown images 45 and 40: all known ones are nearer.
  assert.equal(auroc, 1);
  const { isKnown, isRight } = measurement.openSet();
  assert.deepEqual(isKnown, [true, true, false, false]);
  assert.deepEqual(isRight, [true, false, false, false]);
});

test("where nothing is unknown there is no AUROC; each query is asked once more without its own class", () => {
  const measurement = measured(
    [
      [0, 0],
      [1, 90],
      [0, 4],
      [1, 80],
    ],
    2,
  );
  assert.deepEqual(measurement.result(), { recallAt1: 1 });
  const { scores, isKnown } = measurement.withoutOwnClass();
  assert.deepEqual(isKnown, [true, true, false, false]);
  [4, 10, 86, 80].forEach((degrees, i) =>
    assert.ok(Math.abs((scores[i] as number) - Math.cos((degrees * Math.PI) / 180)) < 1e-6, `${i}: ${scores[i]}`),
  );
});

test("where all classes are new there is their recall, and no AUROC", () => {
  const rows = [
    [2, 0],
    [3, 90],
    [2, 4],
    [3, 20],
  ] as const;
  const measurement = measured(rows, 2);
  assert.equal(measurement.hasUnknown, false);
  assert.deepEqual(measurement.result(), { recallAt1: 0.5, unseenRecallAt1: 0.5 });
});
