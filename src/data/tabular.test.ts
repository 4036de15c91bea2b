import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "./dataset.js";
import { loadData } from "./load-node.js";
import { fromRows, TabularPreprocessor } from "./tabular.js";

const train = new Dataset({
  size: [1, 2, 3, null],
  colour: ["red", "blue", "red", null],
  open: [true, false, null, true],
  seen: [new Date("2024-01-01"), new Date("2024-01-03"), new Date("2024-07-01"), null],
  price: [10, 20, 30, 40.5],
});

/** One row's numbers by their names, rounded. */
function named(table: TabularPreprocessor, data: Dataset, row: number): Record<string, number> {
  const { data: numbers } = table.apply(data).tensor("features");
  const width = table.featureNames.length;
  return Object.fromEntries(
    table.featureNames.map((name, f) => [name, Math.round(Number(numbers[row * width + f]) * 1e4) / 1e4]),
  );
}

test("numbers, categories, booleans and dates, each with what is missing", () => {
  const table = TabularPreprocessor.fit(train, { target: "price", minCount: 1 });
  // size: mean 2, population sd √(2/3); open: mean 2/3; seen: days 0, 2 and 182, mean 61.33, population sd 85.33.
  assert.deepEqual(named(table, train, 0), {
    size: -1.2247,
    "size:missing": 0,
    "colour=blue": 0,
    "colour=red": 1,
    "colour:missing": 0,
    open: 1,
    "open:missing": 0,
    "seen:day": -0.7188,
    "seen:month sin": 0,
    "seen:month cos": 1,
    "seen:weekday sin": 0.7818,
    "seen:weekday cos": 0.6235,
    "seen:missing": 0,
  });
  assert.deepEqual(named(table, train, 3), {
    size: 0,
    "size:missing": 1,
    "colour=blue": 0,
    "colour=red": 0,
    "colour:missing": 1,
    open: 1,
    "open:missing": 0,
    "seen:day": 0,
    "seen:month sin": 0,
    "seen:month cos": 0,
    "seen:weekday sin": 0,
    "seen:weekday cos": 0,
    "seen:missing": 1,
  });
  assert.equal(named(table, train, 2)["open"], 0.6667);
  assert.equal(named(table, train, 2)["seen:month cos"], -1);
});

test("rare categories are other; many become indices; unseen ones are other too", () => {
  const letters = Array.from({ length: 60 }, (_, i) => (i < 58 ? String.fromCharCode(97 + (i % 29)) : "rare"));
  letters[59] = "single";
  const data = new Dataset({
    letter: [...letters, null],
    few: [...letters.map((_, i) => (i === 0 ? "z" : i % 2 ? "x" : "y")), "x"],
    y: [...letters.keys(), 61],
  });
  const table = TabularPreprocessor.fit(data, { target: "y", task: "regression", maxOneHot: 16, minCount: 2 });
  assert.deepEqual(table.featureNames, ["few=x", "few=y", "few:other"]);
  assert.deepEqual(table.embeddings, [{ name: "letter", size: 29 + 2 }]);
  const rows = fromRows([
    { letter: "a", few: "x" },
    { letter: "never", few: "never" },
    { letter: null, few: null },
    { letter: "single", few: "z" },
  ]);
  const encoded = table.apply(rows);
  assert.deepEqual([...encoded.tensor("categories").data], [2, 0, 1, 0]);
  assert.deepEqual([...encoded.tensor("features").data], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
});

test("saved as JSON it encodes alike, also rows that come as texts", () => {
  const table = TabularPreprocessor.fit(train, { target: "price", minCount: 1 });
  const again = TabularPreprocessor.fromJSON(JSON.parse(JSON.stringify(table)));
  assert.deepEqual(again.apply(train, { withTarget: true }).columns, table.apply(train, { withTarget: true }).columns);
  const typed = fromRows([{ size: "1", colour: "red", open: "yes", seen: "2024-01-01" }]);
  assert.deepEqual(named(again, typed, 0), named(table, train, 0));
  assert.throws(() => named(again, fromRows([{ size: "big", colour: "red", open: "yes", seen: null }]), 0), {
    name: "DataError",
    message: /column "size", example 1: expected a number, got "big"; mend it/,
  });
  // Of a row that is given in a call nothing can be left out.
  assert.throws(() => again.read(fromRows([{ size: "big" }]), "input"), {
    message: /^input: column "size", example 1: expected a number, got "big"; mend it, or leave it empty$/,
  });
  assert.throws(
    () => again.apply(fromRows([{ size: 1, color: "red", open: true, seen: null }])),
    /expected a column "colour".*did you mean "color"/,
  );
  assert.throws(() => TabularPreprocessor.fromJSON({ version: 1, encoders: [] }), { name: "ConfigError" });
});

test("targets: class indices and back; quantities standardized and back", () => {
  const classes = TabularPreprocessor.fit(train.with({ kind: ["b", "a", "b", "a"] }), { target: "kind" });
  assert.deepEqual(classes.target, { kind: "classes", name: "kind", classes: ["a", "b"] });
  assert.deepEqual(
    [...classes.apply(train.with({ kind: ["a", "a", "b", "b"] }), { withTarget: true }).tensor("target").data],
    [0, 0, 1, 1],
  );
  assert.throws(
    () => classes.encodeTarget(train.with({ kind: ["a", "a", "c", "b"] })),
    /column "kind", example 3: expected one of a, b, got "c"/,
  );
  const quantity = TabularPreprocessor.fit(train, { target: "price" });
  const { dtype, shape, data } = quantity.apply(train, { withTarget: true }).tensor("target");
  const mean = Array.from(data, Number).reduce((a, b) => a + b, 0) / 4;
  assert.ok(Math.abs(mean) < 1e-6);
  const back = quantity.decodeQuantity({ dtype, shape, data });
  for (const [i, price] of [10, 20, 30, 40.5].entries()) assert.ok(Math.abs(Number(back.data[i]) - price) < 1e-5);
  assert.throws(
    () => TabularPreprocessor.fit(train.with({ price: [1.5, 1.5, 1.5, 1.5] }), { target: "price", task: "regression" }),
    /that varies, got 1\.5/,
  );
});

test("columns of no use are left out, with the reason", () => {
  const n = 120;
  const range = Array.from({ length: n }, (_, i) => i);
  const data = new Dataset({
    id: range,
    constant: range.map(() => 3),
    nothing: range.map(() => null),
    name: range.map((i) => `person ${i}`),
    almost: range.map((i) => (i === 7 ? "old" : String(i % 9))),
    marked: range.map((i) => (i === 7 ? "?" : String(i % 9))),
    x: range.map((i) => i % 7),
    y: range.map((i) => (i * 37) % 101),
  });
  const table = TabularPreprocessor.fit(data, { target: "y", task: "regression" });
  assert.deepEqual(table.columns, ["almost", "marked", "x"]);
  assert.deepEqual(table.featureNames.slice(-3), ["marked", "marked:missing", "x"]);
  assert.deepEqual(table.warnings, [
    'column "almost": "old" (example 8) is not a number, so all are read as text; --missing "old" says if it means "no value"',
    'column "marked": "?" counts as missing (1 row; --missing says otherwise)',
    'column "id" is left out: it numbers the rows',
    'column "constant" is left out: all its values are equal',
    'column "nothing" is left out: it has no values',
    'column "name" is left out: most rows have a value of their own (120)',
  ]);
  assert.throws(() => TabularPreprocessor.fit(data.pick("id", "y"), { target: "y" }), /found none of use/);
  assert.throws(() => TabularPreprocessor.fit(data, { target: "z" }), /unknown column "z"; did you mean/);
});

test("a column that gives the target away is reported", () => {
  const n = 100;
  const range = Array.from({ length: n }, (_, i) => i);
  const quantity = new Dataset({
    x: range.map((i) => (i * 7) % 13),
    twice: range.map((i) => 2 * i + 1),
    y: range.map((i) => i * 1.5),
  });
  const { warnings } = TabularPreprocessor.fit(quantity, { target: "y" });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /column "twice" may give "y" away \(correlation 1\.0000\)/);
});

const skip = process.env["DESCENT_DATA"] === undefined ? "DESCENT_DATA is not set: titanic was NOT checked" : false;
test("titanic: alive repeats survived, and nothing else is suspected", { skip }, async () => {
  const { train: titanic } = await loadData(`${process.env["DESCENT_DATA"]}/tabular/titanic.csv`, { targetColumn: "survived" });
  const table = TabularPreprocessor.fit(titanic, { target: "survived" });
  assert.deepEqual(
    table.warnings.filter((warning) => warning.includes("away")),
    [
      'column "alive" may give "survived" away (each of its 2 values goes with one class): leave it out (exclude) unless it is known when predicting',
    ],
  );
  for (const name of ["iris", "penguins", "mpg", "diamonds", "tips"]) {
    const data = await loadData(name, { download: false });
    const fitted = TabularPreprocessor.fit(data.train, { target: data.roles.target as string });
    assert.deepEqual(
      fitted.warnings.filter((warning) => warning.includes("away")),
      [],
      name,
    );
    const { data: numbers } = fitted.apply(data.test, { withTarget: true }).tensor("features");
    assert.ok(
      numbers.every((x) => Number.isFinite(Number(x))),
      name,
    );
  }
});
