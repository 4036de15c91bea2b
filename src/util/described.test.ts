import assert from "node:assert/strict";
import { test } from "node:test";
import type { Table } from "./described.js";
import { expectInteger, expectOption, fromTable, nameIn } from "./described.js";
import { ConfigError } from "./errors.js";

const refused = (make: () => unknown, message: string): void =>
  assert.throws(make, (error: Error) => error instanceof ConfigError && error.message === message);

const TABLE = {
  oneCycle: { make: ({ peak }: { peak: number }) => `one cycle to ${peak}`, options: ["peak"] },
  "lenet-5": { make: () => "lenet", options: [] },
} as const satisfies Table<string>;

test("a name is found however it is spelled, and its options reach the maker", () => {
  for (const name of ["oneCycle", "one-cycle", "onecycle", "ONE_CYCLE"])
    assert.equal(fromTable("schedule", TABLE, { name, peak: 2 }), "one cycle to 2");
  assert.equal(nameIn("model", TABLE, "LeNet5"), "lenet-5");
});

test("an unknown name, an unknown option and what is no description are named", () => {
  refused(() => fromTable("schedule", TABLE, { name: "onecycel" }), 'unknown schedule "onecycel"; did you mean "oneCycle"?');
  refused(
    () => fromTable("schedule", TABLE, { name: "oneCycle", paek: 1 }),
    'schedule oneCycle: unknown option "paek"; did you mean "peak"?',
  );
  refused(() => fromTable("model", TABLE, { name: "lenet-5", width: 1 }), 'model lenet-5: unknown option "width"; it takes none');
  refused(() => fromTable("schedule", TABLE, 3), "schedule: expected an object with a name, got 3");
  // Names that every object has are no entries.
  refused(
    () => fromTable("schedule", TABLE, { name: "constructor" }),
    'unknown schedule "constructor"; expected one of oneCycle, lenet-5',
  );
});

test("numbers out of range, and what is not a number, are refused", () => {
  expectOption("beta", 0, 0, 1, true);
  refused(() => expectOption("beta", 1, 0, 1, true), "beta: expected a number from 0 to below 1, got 1");
  refused(() => expectOption("rate", NaN, 0), "rate: expected a number ≥ 0, got NaN");
  refused(() => expectOption("rate", "3" as unknown as number, 0), "rate: expected a number ≥ 0, got 3");
  refused(() => expectInteger("steps", 1.5, 1), "steps: expected an integer ≥ 1, got 1.5");
});
