import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "./dataset.js";
import { kFold, split, splitIndices } from "./split.js";

const label = Array.from({ length: 1003 }, (_, i) => (i % 10 === 0 ? "rare" : i % 3 === 0 ? "some" : "many"));
const data = new Dataset({ id: label.map((_, i) => i), label });
const ids = (d: Dataset): number[] => Array.from(d.tensor("id").data, Number);

test("parts are disjoint, cover everything, and depend on the seed alone", () => {
  const { train, validation, test: held } = split(data, { train: 0.8, validation: 0.1, test: 0.1 }, { seed: 7 });
  assert.deepEqual([train.length, validation.length, held.length], [803, 100, 100]);
  const all = [...ids(train), ...ids(validation), ...ids(held)].sort((a, b) => a - b);
  assert.deepEqual(all, ids(data));
  assert.deepEqual(ids(split(data, { a: 0.8, b: 0.2 }, { seed: 7 }).b), ids(split(data, { a: 0.8, b: 0.2 }, { seed: 7 }).b));
  assert.notDeepEqual(ids(split(data, { a: 0.8, b: 0.2 }, { seed: 7 }).b), ids(split(data, { a: 0.8, b: 0.2 }, { seed: 8 }).b));
});

test("a stratified split keeps each class's share to one row", () => {
  const count = (d: Dataset, name: string) => d.texts("label").filter((value) => value === name).length;
  for (let seed = 0; seed < 20; seed++) {
    const parts = split(data, { train: 0.7, test: 0.3 }, { seed, stratify: "label" });
    for (const name of ["rare", "some", "many"])
      assert.ok(Math.abs(count(parts.test, name) - 0.3 * count(data, name)) <= 1, `${name} seed ${seed}`);
  }
});

test("a random split is not biased by position", () => {
  // Mean row number of a tenth: 501 ± 5 standard errors (sd of one: 290 / √100).
  const means = Array.from({ length: 50 }, (_, seed) => {
    const part = splitIndices(data, [0.9, 0.1], { seed })[1] as Uint32Array;
    return part.reduce((a, b) => a + b, 0) / part.length;
  });
  const mean = means.reduce((a, b) => a + b, 0) / means.length;
  assert.ok(Math.abs(mean - 501) < (5 * 29) / Math.sqrt(50), `mean ${mean}`);
});

test("k-fold: each row is validated once", () => {
  const folds = kFold(data, 5, { seed: 1, stratify: "label" });
  assert.deepEqual(
    folds.flatMap((f) => ids(f.validation)).sort((a, b) => a - b),
    ids(data),
  );
  for (const { train, validation } of folds) {
    assert.equal(train.length + validation.length, 1003);
    assert.equal(new Set([...ids(train), ...ids(validation)]).size, 1003);
  }
  assert.throws(() => kFold(data, 1), { message: "kFold: expected between 2 and 1003 folds, got 1" });
  assert.throws(() => split(data, { a: 0.5, b: 0.6 }), /expected fractions in 0…1 that sum to 1/);
  assert.throws(() => split(data, { a: 0.5, b: 0.5 }, { stratify: "lable" }), /did you mean "label"/);
});
