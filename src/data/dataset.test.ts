import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorColumn } from "./column.js";
import { cell } from "./column.js";
import { collect, concatenate, Dataset } from "./dataset.js";
import { DataError } from "../util/errors.js";

const people = new Dataset({
  image: { dtype: "uint8", shape: [4, 2, 2], data: Uint8Array.from({ length: 16 }, (_, i) => i) },
  label: { dtype: "int32", shape: [4], data: Int32Array.of(1, 0, 1, 0), classes: ["no", "yes"] },
  age: [31, null, 52, 18],
  name: ["Ada", "Bo", null, "Di"],
  born: [new Date("1990-01-02T00:00:00Z"), null, null, null],
  member: [true, false, null, true],
});

test("plain arrays become typed columns, with a mask where values are missing", () => {
  assert.equal(people.length, 4);
  const age = people.tensor("age");
  assert.deepEqual([age.dtype, [...(age.missing ?? [])]], ["float64", [0, 1, 0, 0]]);
  assert.deepEqual(people.row(0), {
    image: [0, 1, 2, 3],
    label: "yes",
    age: 31,
    name: "Ada",
    born: new Date("1990-01-02T00:00:00Z"),
    member: true,
  });
  assert.deepEqual(people.row(2), { image: [8, 9, 10, 11], label: "yes", age: 52, name: null, born: null, member: null });
  assert.match(people.toString(), /4 rows: image uint8×2×2, label int32, age float64 \(1 missing\), name text \(1 missing\)/);
});

test("gather copies rows in their own type and reuses a batch of the same size", () => {
  const batch = people.gather([3, 1, 3]);
  assert.deepEqual(Object.keys(batch), ["image", "label", "age", "born", "member"]);
  assert.deepEqual(batch["image"], {
    dtype: "uint8",
    shape: [3, 2, 2],
    data: Uint8Array.of(12, 13, 14, 15, 4, 5, 6, 7, 12, 13, 14, 15),
  });
  const again = people.gather([0, 1, 2], batch);
  assert.equal(again["image"]?.data, batch["image"]?.data);
  assert.deepEqual([...(again["label"]?.data ?? [])], [1, 0, 1]);
  assert.notEqual(people.gather([0], batch)["image"]?.data, batch["image"]?.data);
  assert.throws(() => people.gather([4]), RangeError);
});

test("slice, select, pick, drop, rename and concat keep rows, masks and classes", () => {
  const some = people.select([2, 1]).concat(people.skip(3));
  assert.deepEqual(
    [...some.rows()].map((row) => [row["label"], row["age"], row["name"]]),
    [
      ["yes", 52, null],
      ["no", null, "Bo"],
      ["no", 18, "Di"],
    ],
  );
  assert.deepEqual(people.drop("image", "born", "member").rename({ age: "years" }).names, ["label", "years", "name"]);
  assert.equal(people.take(2).tensor("image").data.buffer, people.tensor("image").data.buffer);
  assert.equal(people.slice(3, 99).length, 1);
  assert.equal(cell(people.with({ age: [1, 2, 3, 4] }).column("age"), 3), 4);
});

test("what does not fit is refused in one line", () => {
  assert.throws(() => people.column("agee"), { name: "DataError", message: 'data: unknown column "agee"; did you mean "age"?' });
  assert.throws(() => people.tensor("name"), { message: 'column "name": expected numbers, got texts' });
  assert.throws(() => new Dataset({ a: [1, 2], b: [1] }), { message: 'column "b": expected 2 rows as in "a", got 1' });
  assert.throws(() => new Dataset({ a: [1, "x"] as number[] }), DataError);
  const broken = { dtype: "float32", shape: [2, 3], data: new Float32Array(5) } satisfies TensorColumn;
  assert.throws(() => new Dataset({ a: broken }), { message: 'column "a": expected 6 numbers for shape [2, 3], got 5' });
  assert.throws(() => concatenate([new Dataset({ a: [1] }), new Dataset({ a: ["x"] })]), DataError);
});

test("a stream is collected chunk after chunk", async () => {
  const stream = {
    names: ["a"],
    async *[Symbol.asyncIterator]() {
      await Promise.resolve();
      yield new Dataset({ a: [1, null] });
      yield new Dataset({ a: [3] });
    },
  };
  assert.deepEqual([...(await collect(stream)).rows()], [{ a: 1 }, { a: null }, { a: 3 }]);
});

test("columns of several numbers an example: lists, typed arrays, lists of lists; of one shape", () => {
  const data = new Dataset({
    list: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    typed: [Float32Array.of(1, 2), Float32Array.of(3, 4)],
    image: [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ],
  });
  const of = (name: string): unknown => {
    const { dtype, shape, data: numbers } = data.tensor(name);
    return [dtype, shape, [...numbers]];
  };
  assert.deepEqual(of("list"), ["float64", [2, 3], [1, 2, 3, 4, 5, 6]]);
  assert.deepEqual(of("typed"), ["float32", [2, 2], [1, 2, 3, 4]]);
  assert.deepEqual(of("image"), ["float64", [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]]);
  assert.throws(() => new Dataset({ x: [[1, 2], [3]] }), {
    name: "DataError",
    message: 'column "x", example 2: expected numbers of shape [2] as in the first, got [1]',
  });
  assert.throws(
    () =>
      new Dataset({
        x: [
          [1, 2],
          [3, "4"],
        ] as unknown as number[][],
      }),
    /example 2: expected numbers, got string/,
  );
});
