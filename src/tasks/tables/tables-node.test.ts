import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset, TabularPreprocessor } from "../../data/index.js";
import { rowByColumn } from "./tables-node.js";
import { forOutputs } from "./ensemble.js";

const read = new Dataset({
  age: [20, 30, 41.5, null],
  town: ["York", "Southampton", "York", null],
  seen: [new Date("2024-01-01"), new Date("2024-01-03"), new Date("2024-07-01"), null],
  open: [true, false, true, false],
  price: [1, 2, 3, 4.5],
});
const preprocessor = TabularPreprocessor.fit(read, { target: "price", task: "regression", minCount: 1 });
const info = { preprocessing: preprocessor.toJSON() };

test("a row is shown as it was read, and each column once with the sum of its parts", () => {
  const names = preprocessor.featureNames;
  // Powers of two: a sum tells which parts went into it.
  const attribution = Float64Array.from(names, (_, f) => 2 ** f);
  const sumOf = (column: string): number =>
    names.reduce(
      (sum, name, f) =>
        sum + (name === column || (/^[=:]/.test(name.slice(column.length)) && name.startsWith(column)) ? 2 ** f : 0),
      0,
    );
  const shown = rowByColumn(info, read, 2, attribution);
  assert.deepEqual(shown.input, {
    kind: "features",
    names: ["age", "town", "seen", "open"],
    values: ["41.5", "York", "2024-07-01", "true"],
  });
  assert.deepEqual(shown.attribution, ["age", "town", "seen", "open"].map(sumOf));
  assert.equal(
    shown.attribution.reduce((a, b) => a + b, 0),
    2 ** names.length - 1,
  );
});

test("what is missing is a question mark, not the mean that the model is given", () => {
  const { input } = rowByColumn(info, read, 3, new Float64Array(preprocessor.featureNames.length));
  assert.deepEqual(input.values, ["?", "?", "?", "false"]);
});

test("an ensemble has fewer networks where the scores of all would cost more than the rest", () => {
  const shape = { members: 8, hidden: [64], dropout: 0 };
  assert.deepEqual(
    [1, 10, 1024, 2000, 10_000].map((outputs) => forOutputs(shape, outputs).members),
    [8, 8, 8, 4, 1],
  );
});
